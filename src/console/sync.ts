// Room console: a sync's page: how to connect, users, network, tables, limits, and what may end it.

import { connectSection } from './connect.ts'
import { type Html, html, nothing, pathOf, withQuery } from './html.ts'
import { bucketTable } from './limits.ts'
import { badge, copyable, crumbs, facts, field, notice, table, type Tone } from './parts.ts'
import type { ConnectionBuckets, Database, Place, SyncStatus, Table, TableRows } from './shapes.ts'
import { type Api, ApiProblem } from './api.ts'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import { form, page, type View } from './view.ts'
import { type Answer, param, type Visit } from './visit.ts'
import { counted, number, percent, platformName, span } from './words.ts'

/** An allowlist as it was typed, and what is wrong with it. */
export interface GivenAllow {
  readonly text: string
  readonly problem: string
}

/** GET /console/syncs/:sync; with an allowlist that was refused, the answer to its form. */
export async function syncPage(visit: Visit, given: GivenAllow | null = null): Promise<Answer> {
  const { api, view, c } = visit
  const id = param(visit, 'sync')
  const [sync, place, { databases }, { connections }] = await Promise.all([
    api.get<SyncStatus>(['syncs', id]),
    api.get<Place>(['place']),
    api.get<{ databases: readonly Database[] }>(['databases']),
    api.get<{ connections: readonly ConnectionBuckets[] }>(['buckets']),
  ])
  const path = pathOf(view.base, 'syncs', sync.id)
  const database = databases.find((each) => each.id === sync.database)
  const asked = c.req.query('login') ?? ''
  const login = sync.logins.includes(asked) ? asked : sync.logins[0] ?? ''
  const limits = connections.find(({ connection }) => connection === sync.connection)
  return page(view, {
    title: sync.id,
    at: 'syncs',
    // what was typed would be gone
    ...given === null ? { refreshSeconds: 30 } : {},
    body: html`
      ${crumbs([['Syncs', view.base]], sync.id)}${said(c.req.query('done'))}${heading(
        view,
        sync,
      )}${summary(sync, database)}${connectSection({
        sync: sync.id,
        path,
        regions: place.regions,
        region: c.req.query('region') ?? '',
        logins: sync.logins,
        login,
        database: database?.name ?? '',
        password: null,
      })}${users(view, sync)}${network(view, { sync, place, given })}<section
        aria-labelledby="tables">
        <div class="head"><h2 id="tables">Tables</h2>${form(view, {
          action: pathOf(path, 'resync'),
          body: html`<button class="small">Resync all</button>`,
        })}</div>
        <div id="table-list" data-live="${pathOf(path, 'live')}">${await tablesOf(
          visit,
          sync,
        )}</div>
      </section><section
        aria-labelledby="limits"><h2 id="limits">Limits</h2>${bucketTable(
          limits ?? { buckets: [], underWay: 0 },
          `Buckets of ${sync.connection}`,
        )}</section>${ending(view, sync)}
    `,
  })
}

const dones: Readonly<Record<string, string>> = {
  paused: 'The sync is paused: nobody connects by it, and nothing is read.',
  resumed: 'The sync is active again.',
  resync: 'The tables are being filled again; rows stay in place.',
  revoked: 'The user is revoked: it is refused from now on.',
  allow: 'The allowlist is saved.',
}

function said(done: string | undefined): Html {
  const text = done !== undefined && Object.hasOwn(dones, done) ? dones[done] : undefined
  return text === undefined ? nothing : html`
    <div class="notice ok" role="status">
      <p class="notice-title">${text}</p>
    </div>
  `
}

function heading(view: View, { id, state }: SyncStatus): Html {
  const at = (...parts: readonly string[]) => pathOf(view.base, 'syncs', id, ...parts)
  return html`
    <div
      class="head"><h1>${id}</h1>${state === 'active'
        ? badge('active', 'ok')
        : badge('paused', 'plain')}<div class="actions"><a class="button" href="${withQuery(
          pathOf(view.base, 'mutations'),
          { sync: id },
        )}">Mutations</a><a class="button" href="${at('doctor')}">Examine</a>${state === 'active'
        ? html`<a class="button" href="${at('confirm', 'pause')}">Pause</a>`
        : form(view, {
          action: at('resume'),
          body: html`<button class="primary">Resume</button>`,
        })}</div></div>
  `
}

function summary(sync: SyncStatus, database: Database | undefined): Html {
  return facts([
    ['Platform', platformName(sync.platform)],
    ['Connection', sync.connection],
    ['Database', html`<code>${database?.place ?? sync.database}</code>`],
    ['Schema', html`<code>${sync.schema}</code>`],
  ])
}

function users(view: View, { id, logins }: SyncStatus): Html {
  const at = (...parts: readonly string[]) => pathOf(view.base, 'syncs', id, ...parts)
  return html`<section aria-labelledby="users"><h2 id="users">Users</h2>${
    table({
      caption: 'Users',
      head: ['User', 'Name to connect with', ''],
      rows: logins.map((login) => [
        { value: login, kind: 'row' },
        { value: html`<code>${login}.${id}</code>` },
        {
          value: html`
            <span
              class="row-actions"><a class="button small" href="${withQuery(
                at('confirm', 'rotate'),
                { user: login },
              )}" aria-label="Rotate the password of ${login}">Rotate password</a><a class="button small danger" href="${withQuery(
                at('confirm', 'revoke'),
                { user: login },
              )}" aria-label="Revoke ${login}">Revoke</a></span>
          `,
        },
      ]),
      empty: 'No user: nobody can connect.',
    })
  }${
    form(view, {
      action: at('logins'),
      className: 'inline',
      label: 'New user',
      body: html`${
        field({ id: 'user', label: 'New user', required: true, placeholder: 'reports' })
      }<button>Make it</button>`,
    })
  }</section>`
}

function network(
  view: View,
  { sync: { id, allow }, place: { outbound }, given }: {
    sync: SyncStatus
    place: Place
    given: GivenAllow | null
  },
): Html {
  return html`
    <section aria-labelledby="network">
      <h2 id="network">Network</h2>
      <div class="two">
        <div><h3>Our addresses</h3>${outbound.length === 0
          ? html`
            <p
              class="empty">Nobody has said from which addresses we reach databases: set <code>SLUICE_OUTBOUND_ADDRESSES</code> to show them here.</p>
          `
          : html`<p class="hint">Let your firewall take these in for the database’s port.</p>${
            copyable({
              id: 'outbound',
              label: 'Outbound addresses',
              text: outbound.join('\n'),
              multiline: true,
            })
          }`}</div>
        <div><h3>Who may connect</h3>${form(view, {
          action: pathOf(view.base, 'syncs', id, 'allow'),
          className: 'stack',
          label: 'Allowlist',
          body: html`${
            field({
              id: 'allow',
              label: 'Allowed addresses',
              rows: 4,
              value: given?.text ?? (allow ?? []).join('\n'),
              ...given === null ? {} : { problem: given.problem, autofocus: true },
              hint:
                html`One range on each line: <code>203.0.113.0/24</code>, <code>2001:db8::/32</code>. Empty, or the word <code>anywhere</code>: from anywhere.`,
            })
          }<div><button>Save</button> ${
            allow === null
              ? badge('from anywhere', 'plain')
              : badge(counted(allow.length, 'range'), 'ok')
          }</div>`,
        })}</div>
      </div>
    </section>
  `
}

/** The part of the page that changes: GET /console/syncs/:sync/live */
export async function tablesFragment(visit: Visit): Promise<Html> {
  return await tablesOf(visit, await visit.api.get<SyncStatus>(['syncs', param(visit, 'sync')]))
}

/** A database that does not answer must not keep the page, in milliseconds. */
const countWaitMs = 2_000

async function tablesOf({ api, view }: Visit, sync: SyncStatus): Promise<Html> {
  const { counts, problem } = await countsOf(api, sync.id)
  return html`${
    problem === null
      ? nothing
      : notice({ tone: 'warn', title: `Rows could not be counted: ${problem}` })
  }${tableList(view, sync, new Map(counts.map((each) => [each.name, each])))}`
}

async function countsOf(
  api: Api,
  sync: string,
): Promise<{ counts: readonly TableRows[]; problem: string | null }> {
  const asked = api.get<{ tables: readonly TableRows[] }>(['syncs', sync, 'rows'])
  try {
    const { tables } = await withDeadline(asked, { waitMs: countWaitMs, what: 'Counting rows' })
    return { counts: tables, problem: null }
  } catch (error) {
    if (error instanceof ApiProblem) return { counts: [], problem: error.message }
    if (!(error instanceof DeadlineExceeded)) throw error
    return { counts: [], problem: 'the database has not answered yet' }
  }
}

function tableList(
  view: View,
  sync: SyncStatus,
  counts: ReadonlyMap<string, TableRows>,
): Html {
  return table({
    caption: 'Tables',
    head: [
      'Table',
      'Object',
      'State',
      { text: 'Rows', kind: 'num' },
      { text: 'Behind', kind: 'num' },
      { text: 'Agreement', kind: 'num' },
      { text: 'To re-read', kind: 'num' },
      '',
    ],
    rows: sync.tables.map((each) => [
      { value: `${sync.schema}.${each.name}`, kind: 'row' },
      { value: each.object },
      { value: tableState(each) },
      { value: rowsText(counts.get(each.name)), kind: 'num' },
      { value: each.secondsBehind === null ? '–' : span(each.secondsBehind), kind: 'num' },
      { value: percent(each.agreement), kind: 'num' },
      { value: number(each.hints), kind: 'num' },
      {
        value: form(view, {
          action: pathOf(view.base, 'syncs', sync.id, 'resync'),
          hidden: { table: each.name },
          body: html`<button class="small" aria-label="Resync ${each.name}">Resync</button>`,
        }),
      },
    ]),
    empty: 'No tables.',
  })
}

function rowsText(rows: TableRows | undefined): string {
  if (rows === undefined || rows.rows === null) return '–'
  return rows.exact ? number(rows.rows) : `≈ ${number(rows.rows)}`
}

const tones: Readonly<Record<Table['phase'], Tone>> = {
  waiting: 'info',
  backfill: 'info',
  following: 'ok',
  failed: 'bad',
  paused: 'plain',
}

/** How far a table is, with its listing under way and what is wrong with it. */
export function tableState({ phase, listing, problem }: Table): Html {
  return html`${badge(phase, tones[phase])}${
    listing === null ? nothing : html`
      ${progressOf(listing)}
    `
  }${
    problem === null
      ? nothing
      : html`<p class="hint bad-text">${problem.message}${
        problem.hint === null ? '' : ` ${problem.hint}`
      }</p>`
  }`
}

function progressOf(
  { rows, total, rowsPerSecond, secondsLeft }: NonNullable<Table['listing']>,
): Html {
  const pace = rowsPerSecond === null ? '' : `, ${number(rowsPerSecond)}/s`
  const left = secondsLeft === null ? '' : `, ${span(secondsLeft)} left`
  const text = `${number(rows)}${total === null ? '' : ` of ${number(total)}`}${pace}${left}`
  return total === null || total === 0 ? html`<span class="muted">${text}</span>` : html`
    <progress max="${total}" value="${Math.min(rows, total)}"
      aria-label="rows listed">${text}</progress> <span class="muted">${text}</span>
  `
}

function ending(view: View, { id }: SyncStatus): Html {
  return html`
    <section aria-labelledby="ending" class="ending">
      <h2 id="ending">Drop the sync</h2>
      <p>Users are revoked and the tables let go of. What the platform has stays there; the journal stays too.</p>
      <p><a class="button danger" href="${pathOf(
        view.base,
        'syncs',
        id,
        'confirm',
        'drop',
      )}">Drop…</a></p>
    </section>
  `
}
