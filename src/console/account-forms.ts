// Room console: the forms by which an account is connected, one for each way that the platform has.

import { type Html, html, nothing, pathOf } from './html.ts'
import { field } from './parts.ts'
import type { PlacePlatform } from './shapes.ts'
import { form } from './view.ts'
import { text, type Visit } from './visit.ts'
import { platformName } from './words.ts'

interface Ways {
  readonly platform: PlacePlatform
  /** Ids of connections that there are. */
  readonly taken: readonly string[]
}

/** The forms, one for each way that the platform has. */
export function accountForms(visit: Visit, { platform: known, taken }: Ways): Html {
  const { platform, oauth, app } = known
  const name = platformName(platform)
  const oauthForm = oauth
    ? wayForm(visit, {
      known,
      taken,
      how: 'oauth',
      title: `Log in at ${name}`,
      button: `Continue to ${name}`,
      primary: true,
      body: nothing,
    })
    : nothing
  return html`<div class="ways">${oauthForm}${
    wayForm(visit, {
      known,
      taken,
      how: 'key',
      title: 'With a key',
      button: 'Connect',
      primary: !oauth,
      body: field({ id: 'key', label: 'Key', type: 'password', required: true }),
    })
  }${
    app
      ? wayForm(visit, {
        known,
        taken,
        how: 'app',
        title: 'As an installed app',
        button: 'Connect',
        primary: false,
        body: html`${field({ id: 'appId', label: 'App id', required: true })}${
          field({ id: 'installationId', label: 'Installation id', required: true })
        }${field({ id: 'privateKey', label: 'Private key (PEM)', rows: 4, required: true })}`,
      })
      : nothing
  }</div>${
    oauth ? nothing : html`
      <p
        class="hint">To let people log in at ${name}, register an app: <code>sluice apps set --platform ${platform}</code>.</p>
    `
  }`
}

interface Way extends Omit<Ways, 'platform'> {
  readonly known: PlacePlatform
  readonly how: 'oauth' | 'key' | 'app'
  readonly title: string
  readonly button: string
  readonly primary: boolean
  readonly body: Html
}

function wayForm(visit: Visit, { known, taken, how, title, button, primary, body }: Way): Html {
  const { view, form: given } = visit
  const { platform, baseUrl } = known
  const value = (name: string) => text(given, 'how') === how ? text(given, name) : ''
  const open = text(given, 'how') === how || primary
  return html`
    <details class="way" ${open
      ? html`
        open
      `
      : nothing}><summary>${title}</summary>${form(view, {
        action: pathOf(view.base, 'new', 'account'),
        className: 'stack',
        label: title,
        hidden: { platform, how },
        body: html`${
          field({
            id: `${how}-id`,
            name: 'id',
            label: 'Name of the connection',
            value: value('id') || freeId(platform, taken),
            required: true,
            hint: 'Letters, digits, _, - and dots.',
          })
        }${body}${
          settingsFields(how, platform, value('settings'))
        }<details><summary>Another address</summary>${
          field({
            id: `${how}-base`,
            name: 'baseUrl',
            label: 'Base URL of the API',
            value: value('baseUrl'),
            optional: true,
            placeholder: baseUrl,
          })
        }</details><div><button class="${primary ? 'primary' : ''}">${button}</button></div>`,
      })}</details>
  `
}

function freeId(platform: string, taken: readonly string[]): string {
  for (let number = 1;; number++) {
    const id = number === 1 ? platform : `${platform}_${number}`
    if (!taken.includes(id)) return id
  }
}

const settings: Readonly<Record<string, { name: string; label: string; hint: string }>> = {
  airtable: { name: 'base', label: 'Base', hint: 'Its id: app and 14 characters.' },
  github: {
    name: 'repositories',
    label: 'Repositories',
    hint: 'owner/name, one on each line.',
  },
}

function settingsFields(how: string, platform: string, value: string): Html {
  const known = Object.hasOwn(settings, platform) ? settings[platform] : undefined
  if (known === undefined) return nothing
  const { label, hint } = known
  return field({
    id: `${how}-settings`,
    name: 'settings',
    label,
    hint,
    value,
    required: true,
    ...(platform === 'github' ? { rows: 3 } : {}),
  })
}
