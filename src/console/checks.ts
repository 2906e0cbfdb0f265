// Room console: the last steps of setting up a sync: what was found, making it, and the first filling.

import { ApiProblem } from './api.ts'
import { databasePage, objectsPage, stepPage } from './create.ts'
import { loginShown } from './changes.ts'
import { connectSection } from './connect.ts'
import { bodyOf, type Draft, openDraft, sealDraft } from './draft.ts'
import { type Html, html, nothing, pathOf } from './html.ts'
import { shownAgain } from './own-database.ts'
import { findingList, notice, table } from './parts.ts'
import type { Created, Database, Place, SyncStatus } from './shapes.ts'
import { tableState } from './sync.ts'
import { form } from './view.ts'
import { type Answer, param, seeOther, text, type Visit, words } from './visit.ts'
import { counted, number } from './words.ts'

/** POST /console/new/check: objects are chosen; everything is checked, and nothing made. */
export async function checkPage(visit: Visit): Promise<Answer> {
  const opened = openDraft(visit)
  if (opened === null) return seeOther(pathOf(visit.view.base, 'new'))
  const draft = chosen(opened, visit.form)
  const bare = bareOf(visit.form)
  if (draft.objects.length === 0) return await objectsPage(visit, 'Choose at least one object.')
  if (bare.length > 0) {
    const problem = `No field of ${
      bare.join(', ')
    } is chosen: choose some, or leave the object out.`
    return await objectsPage({ ...visit, form: withDraft(visit, draft) }, problem)
  }
  try {
    const body = { ...bodyOf(draft), dryRun: true }
    const { body: found } = await visit.api.send<Created>('POST', ['syncs'], { body })
    return checked(visit, { draft, found })
  } catch (error) {
    return await failed(visit, draft, error)
  }
}

/** What was ticked. Where all is, nothing is chosen: what the platform will have is synced too. */
function chosen(draft: Draft, given: URLSearchParams): Draft {
  if (!given.has('object') && text(given, 'picked') !== '') return draft
  const ticked = given.getAll('object')
  const objects = [...new Set([...ticked, ...words(text(given, 'others'))])]
  const fields = ticked.flatMap((object) => {
    const wanted = given.getAll(`field:${object}`)
    const all = Number(given.get(`count:${object}`) ?? wanted.length)
    return wanted.length >= all ? [] : [[object, wanted] as const]
  })
  return { ...draft, objects, fields: Object.fromEntries(fields) }
}

/** Objects that were ticked, and none of their fields: that means neither all nor none of them. */
function bareOf(given: URLSearchParams): readonly string[] {
  return given.getAll('object').filter((object) =>
    Number(given.get(`count:${object}`) ?? 0) > 0 && !given.has(`field:${object}`)
  )
}

/** The form of the step before, with what was chosen so far. */
function withDraft(visit: Visit, draft: Draft): URLSearchParams {
  return new URLSearchParams({ draft: sealDraft(visit, draft) })
}

function checked(visit: Visit, { draft, found }: { draft: Draft; found: Created }): Html {
  const { view } = visit
  const fails = found.findings.filter(({ level }) => level === 'fail').length
  const hidden = { draft: sealDraft(visit, draft), picked: '1' }
  return stepPage(view, {
    step: 'Checks',
    body: html`
      <h2>${fails === 0
        ? 'Everything is in order'
        : `${counted(fails, 'check')} failed, and nothing was made`}</h2>${findingList(
          found.findings,
        )}${found.makes.length === 0 ? nothing : html`
        <h2>What is made</h2>
        <ul class="makes">${found.makes.map((line) => html`<li>${line}</li>`)}</ul>
      `}<div
        class="actions">${fails === 0
          ? form(view, {
            action: pathOf(view.base, 'new', 'create'),
            hidden,
            body: html`<button class="primary">Create the sync</button>`,
          })
          : form(view, {
            action: pathOf(view.base, 'new', 'check'),
            hidden,
            body: html`<button class="primary">Check again</button>`,
          })}${form(view, {
            action: pathOf(view.base, 'new', 'objects'),
            hidden,
            body: html`<button class="quiet">Choose other objects</button>`,
          })}${form(view, {
            action: pathOf(view.base, 'new', 'database'),
            hidden,
            body: html`<button class="quiet">Change the database</button>`,
          })}</div>
    `,
  })
}

/** The form is shown again with what is wrong; what a password was in is asked for again. */
async function failed(visit: Visit, draft: Draft, error: unknown): Promise<Answer> {
  if (!(error instanceof ApiProblem) || error.status >= 500) throw error
  const { message, detail, hint } = error
  return await databasePage(
    { ...visit, form: formOf(visit, draft) },
    notice({ tone: 'bad', title: message, body: hint ?? detail }),
  )
}

/** The form of the database, with what it had. */
function formOf(visit: Visit, draft: Draft): URLSearchParams {
  const { connection, schema, login, database } = draft
  const [kind, shown] = 'hosted' in database
    ? ['hosted', {}]
    : 'id' in database
    ? [`known:${database.id}`, {}]
    : ['url', shownAgain(database)]
  const before = sealDraft(visit, draft)
  return new URLSearchParams({ connection, schema, login, database: kind, before, ...shown })
}

/** POST /console/new/database: another one, or the same one told rightly; the rest stays. */
export async function databaseAgain(visit: Visit): Promise<Answer> {
  const draft = openDraft(visit)
  if (draft === null) return seeOther(pathOf(visit.view.base, 'new'))
  return await databasePage({ ...visit, form: formOf(visit, draft) })
}

/** POST /console/new/create: it is made; the password is on this page and nowhere else. */
export async function createSync(visit: Visit): Promise<Answer> {
  const { api, view } = visit
  const draft = openDraft(visit)
  if (draft === null) return seeOther(pathOf(view.base, 'new'))
  let created: Created
  try {
    created = (await api.send<Created>('POST', ['syncs'], { body: bodyOf(draft) })).body
  } catch (error) {
    return await failed(visit, draft, error)
  }
  if (!created.made) return checked(visit, { draft, found: created })
  return await donePage(visit, created)
}

async function donePage(visit: Visit, created: Created): Promise<Answer> {
  const { api, view } = visit
  const { sync: id, login } = created
  const path = pathOf(view.base, 'syncs', id)
  const [status, place, { databases }] = await Promise.all([
    api.get<SyncStatus>(['syncs', id]),
    api.get<Place>(['place']),
    api.get<{ databases: readonly Database[] }>(['databases']),
  ])
  const database = databases.find((each) => each.id === status.database)
  return stepPage(view, {
    step: 'Done',
    body: html`
      <h2>${id} is made</h2>${login === null ? nothing : html`${loginShown(login)}${
        connectSection({
          sync: id,
          path,
          regions: place.regions,
          region: '',
          logins: [login.user],
          login: login.user,
          database: database?.name ?? '',
          password: login.password,
        })
      }`}<section
        aria-labelledby="filling"><h2 id="filling">The first filling</h2><div id="progress" data-live="${pathOf(
          path,
          'progress',
          'live',
        )}">${progressOf(
          status,
        )}</div><noscript><p><a href="${path}">See how far it is</a></p></noscript></section><p><a class="button primary" href="${path}">Go to ${id}</a></p>
    `,
  })
}

/** The part of the page that changes: GET /console/syncs/:sync/progress/live */
export async function progressFragment(visit: Visit): Promise<Html> {
  return progressOf(await visit.api.get<SyncStatus>(['syncs', param(visit, 'sync')]))
}

function progressOf({ schema, tables }: SyncStatus): Html {
  const filled = tables.filter(({ filledAt }) => filledAt !== null).length
  return html`
    <p
      class="meta"><progress max="${tables
        .length}" value="${filled}" aria-label="Tables filled"></progress> <strong data-say>${filled ===
          tables.length
        ? 'All tables are filled'
        : `${number(filled)} of ${counted(tables.length, 'table')} filled`}</strong></p>${table({
          caption: 'Progress of the first filling',
          head: ['Table', 'State'],
          rows: tables.map((each) => [
            { value: `${schema}.${each.name}`, kind: 'row' },
            { value: tableState(each) },
          ]),
        })}
  `
}
