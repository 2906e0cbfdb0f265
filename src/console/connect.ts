// Room console: Connection Instructions: a region, a login, the URL, and how the usual drivers take it.

import { type Html, html, nothing } from './html.ts'
import { copyable } from './parts.ts'
import type { Region } from './shapes.ts'
import { passwordWord, psqlOf, snippetsOf, type Target, urlOf } from './snippets.ts'

export interface ConnectParts {
  readonly sync: string
  /** Path of the page, where the form asks for another region. */
  readonly path: string
  readonly regions: readonly Region[]
  /** Name of the region that was chosen; another name is the first. */
  readonly region: string
  readonly logins: readonly string[]
  readonly login: string
  readonly database: string
  /** Shown once, right after it was made. */
  readonly password: string | null
}

/** The region of that name, else the first. */
export function regionOf(regions: readonly Region[], name: string): Region {
  return regions.find((region) => region.name === name) ?? regions[0] ??
    { name: 'default', host: 'localhost', port: 6432 }
}

/** The section; what it holds is replaced when another region is chosen. */
export function connectSection(parts: ConnectParts): Html {
  return html`
    <section id="connect"
      aria-labelledby="connect-title"><h2 id="connect-title">Connection Instructions</h2>
    ${parts.password === null ? choices(parts) : nothing}${instructions(parts)}</section>
  `
}

function choices({ path, regions, region, logins, login }: ConnectParts): Html {
  const chosen = regionOf(regions, region)
  return html`
    <form class="filters" method="get" action="${path}#connect" data-swap="connect"
      aria-label="Where to connect"><div class="field"><label for="region">Region</label><select id="region" name="region">${regions
        .map(({ name, host }) =>
          html`
            <option value="${name}" ${name === chosen.name
              ? html`
                selected
              `
              : nothing}>${name} · ${host}</option>
          `
        )}</select></div>${logins.length < 2 ? nothing : html`
        <div
          class="field"><label for="login">User</label><select id="login" name="login">${logins.map(
            (name) =>
              html`<option${
                name === login
                  ? html`
                    selected
                  `
                  : nothing
              }>${name}</option>`,
          )}</select></div>
      `}<button data-auto>Show</button></form>
  `
}

function instructions(parts: ConnectParts): Html {
  const { sync, regions, region, login, database, password, logins } = parts
  if (login === '' && logins.length === 0) {
    return html`<p class="empty">This sync has no user yet. Make one below; its password is shown once.</p>`
  }
  const targetIn = ({ host, port }: Region): Target => ({
    host,
    port,
    database,
    user: `${login}.${sync}`,
    password,
  })
  const chosen = regionOf(regions, region)
  const target = targetIn(chosen)
  // a page that shows a password is left by choosing another region: so it shows them all
  const others = password === null ? [] : regions.filter(({ name }) => name !== chosen.name)
  return html`
    ${copyable({
      id: 'url',
      label: others.length === 0 ? 'Connection URL' : `Connection URL in ${chosen.name}`,
      text: urlOf(target),
    })}
    ${others.map((each) =>
      copyable({
        id: `url-${each.name}`,
        label: `Connection URL in ${each.name}`,
        text: urlOf(targetIn(each)),
      })
    )}
    ${copyable({ id: 'psql', label: 'psql', text: psqlOf(target) })}
    ${password === null
      ? html`
        <p
          class="hint">In place of <code>${passwordWord}</code> belongs the password that was shown when the user was made. Nobody can show it again; rotate it below to get another.</p>
      `
      : nothing}
    <details class="snippets">
      <summary>Snippets for drivers</summary>
      <div class="snippet-grid">${snippetsOf(target).map(({ id, name, text }) =>
        copyable({ id: `snippet-${id}`, label: name, text, multiline: true })
      )}</div>
    </details>
  `
}
