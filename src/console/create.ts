// Room console: setting up a sync, step by step: platform, account, database, objects, checks, done.

import { accountForms } from './account-forms.ts'
import { type Draft, openDraft, sealDraft } from './draft.ts'
import { type Html, html, nothing, pathOf, withQuery } from './html.ts'
import { badge, field, notice, table } from './parts.ts'
import { isOwnGiven, ownDatabase, ownFields } from './own-database.ts'
import type { Connection, Database, Place, PlatformObject, PlatformObjects } from './shapes.ts'
import { form, page, type View } from './view.ts'
import { type Answer, seeOther, text, type Visit } from './visit.ts'
import { counted, platformName } from './words.ts'

const steps = ['Platform', 'Account', 'Database', 'Objects', 'Checks', 'Done'] as const
export type Step = typeof steps[number]

/** A page of the way, with where one is. */
export function stepPage(view: View, { step, body }: { step: Step; body: Html }): Html {
  const at = steps.indexOf(step)
  return page(view, {
    title: `New sync: ${step}`,
    at: 'new',
    body: html`
      <div
        class="mid"><h1>New sync</h1><ol class="steps" aria-label="Steps">${steps.map((
          name,
          index,
        ) =>
          html`
            <li class="${index < at ? 'past' : index === at ? 'here' : 'next'}" ${index === at
              ? html`
                aria-current="step"
              `
              : nothing}>${name}</li>
          `
        )}</ol>${body}</div>
    `,
  })
}

const abouts: Readonly<Record<string, string>> = {
  salesforce: 'Contacts, accounts, leads, opportunities and custom objects',
  hubspot: 'Contacts, companies, deals, tickets, products and activities',
  stripe: 'Customers, products, prices, subscriptions, invoices and payments',
  airtable: 'Every table of a base',
  github: 'Issues, labels, milestones, comments, releases and pull requests',
}

/** GET /console/new */
export async function platformPage({ api, view }: Visit): Promise<Answer> {
  const { platforms } = await api.get<Place>(['place'])
  return stepPage(view, {
    step: 'Platform',
    body: html`
      <h2>Which platform?</h2>
      <ul class="cards">${platforms.map(({ platform }) =>
        html`<li><a href="${
          withQuery(pathOf(view.base, 'new', 'account'), { platform })
        }"><strong>${platformName(platform)}</strong><span>${
          Object.hasOwn(abouts, platform) ? abouts[platform] : ''
        }</span></a></li>`
      )}</ul>
    `,
  })
}

/** GET /console/new/account?platform= */
export async function accountPage(visit: Visit, problem: Html = nothing): Promise<Answer> {
  const { api, view, c, form: given } = visit
  const platform = c.req.query('platform') ?? text(given, 'platform')
  const [{ platforms }, { connections }] = await Promise.all([
    api.get<Place>(['place']),
    api.get<{ connections: readonly Connection[] }>(['connections']),
  ])
  const known = platforms.find((each) => each.platform === platform)
  if (known === undefined) return seeOther(pathOf(view.base, 'new'))
  const own = connections.filter((each) => each.platform === platform)
  return stepPage(view, {
    step: 'Account',
    body: html`${problem}${
      own.length === 0
        ? nothing
        : html`<h2>An account that is connected</h2>${accountTable(view, own)}`
    }<h2>${own.length === 0 ? `Connect ${platformName(platform)}` : 'Another account'}</h2>${
      accountForms(visit, { platform: known, taken: connections.map(({ id }) => id) })
    }`,
  })
}

function accountTable({ base }: View, connections: readonly Connection[]): Html {
  return table({
    caption: 'Connected accounts',
    head: ['Connection', 'By', 'Account', 'State', ''],
    rows: connections.map(({ id, kind, account, state, baseUrl }) => [
      { value: id, kind: 'row' },
      { value: kind },
      { value: account ?? baseUrl, kind: 'wide' },
      { value: badge(state, state === 'active' ? 'ok' : 'warn') },
      {
        value: state === 'active'
          ? html`<a class="button small primary" href="${
            withQuery(pathOf(base, 'new', 'database'), { connection: id })
          }" aria-label="Use ${id}">Use</a>`
          : '',
      },
    ]),
  })
}

/** GET /console/new/database?connection= */
export async function databasePage(visit: Visit, problem: Html = nothing): Promise<Answer> {
  const { api, view, c, form: given } = visit
  const id = c.req.query('connection') ?? text(given, 'connection')
  const [{ connections }, { databases }, { hosted }] = await Promise.all([
    api.get<{ connections: readonly Connection[] }>(['connections']),
    api.get<{ databases: readonly Database[] }>(['databases']),
    api.get<Place>(['place']),
  ])
  const connection = connections.find((each) => each.id === id)
  if (connection === undefined) return seeOther(pathOf(view.base, 'new'))
  if (connection.state !== 'active') {
    return seeOther(
      withQuery(pathOf(view.base, 'new', 'account'), { platform: connection.platform }),
    )
  }
  // what was typed is what was meant, whatever the first choice of the page is
  const kind = isOwnGiven(given) ? 'url' : text(given, 'database') || (hosted ? 'hosted' : 'url')
  return stepPage(view, {
    step: 'Database',
    body: html`${problem}<h2>Into which database?</h2>${
      form(view, {
        action: pathOf(view.base, 'new', 'objects'),
        className: 'stack',
        hidden: {
          connection: id,
          platform: connection.platform,
          ...(given.has('before') ? { before: text(given, 'before') } : {}),
        },
        body: html`<fieldset><legend>Database</legend>${
          hosted ? choice({ value: 'hosted', kind, text: 'A new database, made here' }) : nothing
        }${
          databases.map((each) =>
            choice({
              value: `known:${each.id}`,
              kind,
              text: html`${each.id} <span class="muted">${each.place}</span>`,
            })
          )
        }${
          choice({
            value: 'url',
            kind,
            text: 'My own Postgres',
          })
        }<div class="sub" data-chooses="url">${ownFields(given)}</div></fieldset>${
          field({
            id: 'schema',
            label: 'Schema',
            value: text(given, 'schema') || connection.platform,
            required: true,
            hint: 'The tables are made in it.',
          })
        }${
          field({
            id: 'login',
            label: 'User',
            value: text(given, 'login') || 'app',
            required: true,
            hint: 'The first user that connects; its password is shown once, at the end.',
          })
        }<div><button class="primary">Choose objects</button></div>`,
      })
    }`,
  })
}

function choice(
  { value, kind, text: words }: { value: string; kind: string; text: Html | string },
): Html {
  return html`
    <label
      class="choice"><input type="radio" name="database" value="${value}"${value === kind
        ? html`
          checked
        `
        : nothing}><span>${words}</span></label>
  `
}

/** POST /console/new/objects: the database is chosen. */
export async function objectsPage(
  visit: Visit,
  problem: string | null = null,
): Promise<Answer> {
  const draft = openDraft(visit) ?? begin(visit)
  if (typeof draft === 'string') {
    return await databasePage(visit, notice({ tone: 'bad', title: draft }))
  }
  const path = ['connections', draft.connection, 'objects']
  const { objects, custom } = await visit.api.get<PlatformObjects>(path)
  return stepPage(visit.view, {
    step: 'Objects',
    body: html`${
      problem === null ? nothing : notice({ tone: 'bad', title: problem })
    }<h2>Which objects and fields?</h2>${
      form(visit.view, {
        action: pathOf(visit.view.base, 'new', 'check'),
        className: 'stack',
        hidden: { draft: sealDraft(visit, draft) },
        body: html`
          <p
            class="hint">All fields of an object are synced unless you choose some. The id, what a new record needs, and what records are addressed by are always among them.</p>
          <div class="objects">${objects.map((object, index) =>
            objectChoice(draft, object, index)
          )}${customChoices(draft, custom)}</div>
          ${othersField(draft, [...objects.map(({ object }) => object), ...custom])}
          <div class="sticky"><button class="primary">Check</button></div>
        `,
      })
    }`,
  })
}

function objectChoice(draft: Draft, { object, name, fields }: PlatformObject, index: number): Html {
  const chosen = draft.objects === 'all' || draft.objects.includes(object)
  const wanted = draft.fields[object]
  return html`
    <div
      class="object"><label class="choice"><input type="checkbox" name="object" value="${object}"${chosen
        ? html`
          checked
        `
        : nothing}><span><strong>${object}</strong> <span class="muted">as ${draft
        .schema}.${name}</span></span></label><details><summary>${counted(
          fields.length,
          'field',
        )}</summary><div class="field-tools" data-all="fields-${index}" hidden><button type="button" class="small" data-check="all">All</button><button type="button" class="small" data-check="none">None</button></div><ul class="fields" id="fields-${index}">${fields
        .map(({ field: id, name: column, type, required, writable }) =>
          html`<li><label class="choice"><input type="checkbox" name="field:${object}" value="${id}"${
            wanted === undefined || wanted.includes(id)
              ? html`
                checked
              `
              : nothing
          }><span><code>${column}</code> <span class="muted">${type}${
            required ? ', required' : ''
          }${writable ? '' : ', read-only'}</span></span></label></li>`
        )}</ul><input type="hidden" name="count:${object}" value="${fields.length}"></details></div>
  `
}

/** Custom objects: whole, since what fields they have is asked when they are checked. */
function customChoices(draft: Draft, custom: readonly string[]): readonly Html[] {
  return custom.map((object) =>
    html`
      <div
        class="object"><label class="choice"><input type="checkbox" name="object" value="${object}"${draft
                .objects !== 'all' && draft.objects.includes(object)
          ? html`
            checked
          `
          : nothing}><span><strong>${object}</strong> <span class="muted">custom, with all fields</span></span></label></div>
    `
  )
}

/** What is not offered can be named, where a platform has more than is offered. */
function othersField(draft: Draft, offered: readonly string[]): Html {
  const { platform, objects } = draft
  const others = objects === 'all' ? [] : objects.filter((object) => !offered.includes(object))
  if (others.length === 0 && platform !== 'salesforce' && platform !== 'hubspot') return nothing
  return field({
    id: 'others',
    label: 'Other objects (API names, one a line)',
    optional: true,
    rows: 3,
    value: others.join('\n'),
    hint: html`Others that the account has${
      platform === 'salesforce' ? html`, such as <code>Case</code>` : nothing
    }, with all their fields. Custom objects are synced only when they are ticked above or named here.`,
  })
}

/** The draft as the database step has it; a text: what is missing. What was chosen before stays. */
function begin(visit: Visit): Draft | string {
  const { form: given, newName } = visit
  const connection = text(given, 'connection')
  const chosen = text(given, 'database')
  if (chosen !== 'url' && isOwnGiven(given)) {
    return 'You have given a Postgres of your own and chosen another database: give its URL again, ' +
      'or choose the other one and leave the fields of your own empty.'
  }
  const database = chosen === 'hosted'
    ? { hosted: true as const }
    : chosen.startsWith('known:')
    ? { id: chosen.slice('known:'.length) }
    : ownDatabase(given)
  if (typeof database === 'string') return database
  if (connection === '') return 'Choose the account first.'
  const before = openDraft(visit, 'before')
  const { id, objects, fields }: Pick<Draft, 'id' | 'objects' | 'fields'> =
    before?.connection === connection
      ? before
      : { id: `sync_${newName()}`, objects: 'all', fields: {} }
  return {
    id,
    connection,
    platform: text(given, 'platform'),
    schema: text(given, 'schema') || text(given, 'platform'),
    database,
    login: text(given, 'login') || 'app',
    objects,
    fields,
  }
}
