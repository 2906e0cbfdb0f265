// Room console: what is done to a sync, each asked about first where it cuts somebody off.

import { ApiProblem } from './api.ts'
import { connectSection } from './connect.ts'
import { type Html, html, nothing, pathOf, withQuery } from './html.ts'
import { copyable, crumbs, findingList, notice } from './parts.ts'
import type { Database, Finding, Login, Place, SyncStatus } from './shapes.ts'
import { syncPage } from './sync.ts'
import { form, page, type View } from './view.ts'
import { type Answer, param, seeOther, text, type Visit, words } from './visit.ts'

interface Question {
  readonly title: string
  readonly body: Html
  readonly button: string
  readonly action: string
  readonly hidden?: Readonly<Record<string, string>>
  readonly more?: Html
}

/** GET /console/syncs/:sync/confirm/:action */
export async function confirmPage(visit: Visit): Promise<Answer> {
  const { api, view, c } = visit
  const sync = await api.get<SyncStatus>(['syncs', param(visit, 'sync')])
  const path = pathOf(view.base, 'syncs', sync.id)
  const question = questionOf(param(visit, 'action'), {
    path,
    sync: sync.id,
    user: c.req.query('user') ?? '',
  })
  if (question === null) return seeOther(path)
  const { title, body, button, action, hidden = {}, more = nothing } = question
  return page(view, {
    title,
    at: 'syncs',
    body: html`<div class="narrow">${
      crumbs([['Syncs', view.base], [sync.id, path]], title)
    }<h1>${title}</h1>${body}${
      form(view, {
        action,
        hidden,
        className: 'stack',
        body: html`
          ${more}<div
            class="actions"><button class="danger-solid">${button}</button><a class="button quiet" href="${path}">Cancel</a></div>
        `,
      })
    }</div>`,
  })
}

function questionOf(
  action: string,
  { path, sync, user }: { path: string; sync: string; user: string },
): Question | null {
  switch (action) {
    case 'pause':
      return {
        title: `Pause ${sync}?`,
        body:
          html`<p>Clients are disconnected and refused, and nothing is read from the platform until it is resumed. Nothing is deleted.</p>`,
        button: 'Pause the sync',
        action: pathOf(path, 'pause'),
      }
    case 'rotate':
      return {
        title: `Rotate the password of ${user}?`,
        body:
          html`<p>The old password is refused from now on; whoever is connected with it stays connected until the connection ends. The new one is shown once.</p>`,
        button: 'Make a new password',
        action: pathOf(path, 'logins'),
        hidden: { user, rotate: '1' },
      }
    case 'revoke':
      return {
        title: `Revoke ${user}?`,
        body:
          html`<p><code>${user}.${sync}</code> is refused from now on, and its connections end within seconds.</p>`,
        button: 'Revoke the user',
        action: pathOf(path, 'revoke'),
        hidden: { user },
      }
    case 'drop':
      return {
        title: `Drop ${sync}?`,
        body:
          html`<p>It is paused, mutations under way are waited for, users and tokens are revoked, the webhook ends. This cannot be undone.</p>`,
        button: 'Drop the sync',
        action: pathOf(path, 'drop'),
        more: html`
          <fieldset><legend>The tables in the database</legend><label class="choice"><input type="radio" name="tables" value="keep" checked><span>Keep them as plain tables, with all their rows</span></label><label class="choice"><input type="radio" name="tables" value="remove"><span>Remove them</span></label></fieldset>
          <div
            class="field"><label for="confirm">To confirm, write <code>${sync}</code></label><input id="confirm" name="confirm" required autocomplete="off" spellcheck="false" autocapitalize="none"></div>
        `,
      }
    default:
      return null
  }
}

/** POST /console/syncs/:sync/pause and /resume */
export function setState(state: 'active' | 'paused') {
  return async (visit: Visit): Promise<Answer> => {
    const id = param(visit, 'sync')
    await visit.api.send('PATCH', ['syncs', id], { body: { state } })
    return done(visit, state === 'active' ? 'resumed' : 'paused')
  }
}

/** POST /console/syncs/:sync/resync: one table, or all. */
export async function resync(visit: Visit): Promise<Answer> {
  const name = text(visit.form, 'table')
  const body = name === '' ? {} : { table: name }
  await visit.api.send('POST', ['syncs', param(visit, 'sync'), 'resync'], { body })
  return done(visit, 'resync', 'tables')
}

/** POST /console/syncs/:sync/allow: what is refused is shown again, with why. */
export async function setAllow(visit: Visit): Promise<Answer> {
  const given = text(visit.form, 'allow')
  const ranges = words(given)
  const allow = ranges.length === 0 || ranges.join() === 'anywhere' ? null : ranges
  try {
    await visit.api.send('PATCH', ['syncs', param(visit, 'sync')], { body: { allow } })
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 400) throw error
    const { message, hint } = error
    const problem = `Nothing was saved: ${message}.${hint === null ? '' : ` ${hint}`}`
    return await syncPage(visit, { text: given, problem })
  }
  return done(visit, 'allow', 'network')
}

/** POST /console/syncs/:sync/revoke */
export async function revokeLogin(visit: Visit): Promise<Answer> {
  const user = text(visit.form, 'user')
  await visit.api.send('DELETE', ['syncs', param(visit, 'sync'), 'logins', user])
  return done(visit, 'revoked', 'users')
}

function done(visit: Visit, what: string, at = ''): Response {
  const path = pathOf(visit.view.base, 'syncs', param(visit, 'sync'))
  return seeOther(withQuery(path, { done: what }) + (at === '' ? '' : `#${at}`))
}

/** POST /console/syncs/:sync/logins: a new user, or another password; shown on this page and nowhere else. */
export async function makeLogin(visit: Visit): Promise<Answer> {
  const { api, view, form: given } = visit
  const id = param(visit, 'sync')
  const user = text(given, 'user')
  const sync = await api.get<SyncStatus>(['syncs', id])
  const path = pathOf(view.base, 'syncs', sync.id)
  if (sync.logins.includes(user) && text(given, 'rotate') !== '1') {
    return seeOther(withQuery(pathOf(path, 'confirm', 'rotate'), { user }))
  }
  const { body: login } = await api.send<Login>('POST', ['syncs', id, 'logins'], { body: { user } })
  const [place, { databases }] = await Promise.all([
    api.get<Place>(['place']),
    api.get<{ databases: readonly Database[] }>(['databases']),
  ])
  return page(view, {
    title: `User ${login.user}`,
    at: 'syncs',
    body: html`${
      crumbs([['Syncs', view.base], [id, path]], login.user)
    }<h1>User ${login.user}</h1>${loginShown(login)}${
      connectSection({
        sync: id,
        path,
        regions: place.regions,
        region: '',
        logins: [login.user],
        login: login.user,
        database: databases.find((each) => each.id === sync.database)?.name ?? '',
        password: login.password,
      })
    }<p><a class="button" href="${path}">Back to ${id}</a></p>`,
  })
}

/** A password, the one time that it can be seen. */
export function loginShown({ login, password }: Login): Html {
  return html`${
    notice({
      tone: 'warn',
      title: 'The password is shown once. Keep it now.',
      body: 'Only a verifier of it is stored; a lost password can be replaced, not shown again.',
    })
  }${copyable({ id: 'new-user', label: 'User', text: login })}${
    copyable({ id: 'new-password', label: 'Password', text: password })
  }`
}

/** POST /console/syncs/:sync/drop */
export async function dropSync(visit: Visit): Promise<Answer> {
  const { api, view, form: given } = visit
  const id = param(visit, 'sync')
  const path = pathOf(view.base, 'syncs', id)
  if (text(given, 'confirm') !== id) return seeOther(pathOf(path, 'confirm', 'drop'))
  const tables = text(given, 'tables') === 'remove' ? 'remove' : 'keep'
  const { body } = await api.send<{ findings: readonly Finding[] }>('DELETE', ['syncs', id], {
    query: { tables },
  })
  return findingsPage(view, { title: `${id} is dropped`, at: [], findings: body.findings })
}

/** GET /console/syncs/:sync/doctor */
export async function doctorPage(visit: Visit): Promise<Answer> {
  const { api, view } = visit
  const id = param(visit, 'sync')
  const { ok, findings } = await api.get<{ ok: boolean; findings: readonly Finding[] }>([
    'syncs',
    id,
    'doctor',
  ])
  const title = ok ? `${id} is well` : `${id} needs somebody`
  return findingsPage(view, { title, at: [[id, pathOf(view.base, 'syncs', id)]], findings })
}

function findingsPage(
  view: View,
  { title, at, findings }: {
    title: string
    at: readonly (readonly [string, string])[]
    findings: readonly Finding[]
  },
): Html {
  return page(view, {
    title,
    at: 'syncs',
    body: html`${crumbs([['Syncs', view.base], ...at], title)}<h1>${title}</h1>${
      findingList(findings)
    }`,
  })
}
