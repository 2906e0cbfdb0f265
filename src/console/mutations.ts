// Room console: the log of mutations: live, searched, in pages.

import type { Context } from 'hono'
import { never } from '../lib/assert.ts'
import { phaseBar, phases } from './charts.ts'
import { type Html, html, nothing, pathOf, withQuery } from './html.ts'
import { badge, table, time, type Tone } from './parts.ts'
import type { LifeState, Mutation, MutationPage, Overview } from './shapes.ts'
import { page, type View } from './view.ts'
import type { Answer, Visit } from './visit.ts'
import { clock, duration, number } from './words.ts'

type Query = Readonly<Record<string, string>>

const names = ['sync', 'table', 'operation', 'state', 'by', 'q', 'since'] as const
const states: readonly LifeState[] = [
  'received',
  'sent',
  'accepted',
  'applied',
  'refused',
  'unknown',
]
const operations = ['insert', 'update', 'delete']
const spans: readonly (readonly [string, string])[] = [
  ['60', 'last hour'],
  ['1440', 'last day'],
  ['10080', 'last week'],
  ['44640', 'last month'],
]
const limit = 50

/** GET /console/mutations */
export async function mutationsPage(visit: Visit): Promise<Answer> {
  const { api, view, c } = visit
  const query = queryOf(c.req.query())
  const { syncs } = await api.get<Overview>(['overview'])
  const isLive = c.req.query('after') === undefined && !isStill(c)
  const live = withQuery(pathOf(view.base, 'mutations', 'live'), query)
  return page(view, {
    title: 'Mutations',
    at: 'mutations',
    ...(isLive ? { refreshSeconds: 5 } : {}),
    body: html`
      <div class="head"><h1>Mutations</h1>${isLive
        ? html`<span class="live-mark" data-live-mark hidden>live</span>`
        : nothing}</div>
      ${filters(view, query, syncs.map(({ id }) => id))}
      <div id="mutations" ${isLive
        ? html`
          data-live="${live}"
        `
        : nothing}>${await mutationsFragment(
          visit,
        )}</div>
    `,
  })
}

/** A search reads the whole journal, and so not again and again. */
export function isStill(c: Context): boolean {
  return (c.req.query('q') ?? '').trim() !== ''
}

/** The part that changes. */
export async function mutationsFragment({ api, view, c }: Visit): Promise<Html> {
  const query = queryOf(c.req.query())
  const after = c.req.query('after')
  const found = await api.get<MutationPage>(['mutations'], {
    ...query,
    limit,
    ...(after === undefined ? {} : { after }),
  })
  return html`${mutationTable(view, found.mutations)}${pager(view, query, { after, found })}`
}

/** What the API takes; a value that it would not take is left out. */
function queryOf(given: Readonly<Record<string, string>>): Query {
  const entries = names.map((name) => [name, (given[name] ?? '').trim().slice(0, 200)] as const)
  return Object.fromEntries(
    entries.filter(([name, value]) => value !== '' && isChoice(name, value)),
  )
}

function isChoice(name: typeof names[number], value: string): boolean {
  switch (name) {
    case 'operation':
      return operations.includes(value)
    case 'state':
      return states.some((state) => state === value)
    case 'since':
      return spans.some(([minutes]) => minutes === value)
    case 'sync':
    case 'table':
    case 'by':
    case 'q':
      return true
    default:
      return never(name)
  }
}

function filters({ base }: View, query: Query, syncs: readonly string[]): Html {
  const asked = query['sync']
  const all = asked === undefined || syncs.includes(asked) ? syncs : [...syncs, asked]
  return html`
    <form class="filters" method="get" action="${pathOf(base, 'mutations')}" role="search"
      aria-label="Mutations"><div class="field grow"><label for="q">Search</label><input id="q" name="q" type="search" value="${query[
        'q'
      ] ?? ''}" placeholder="id, table, login, or a value"></div>${select({
        id: 'sync',
        label: 'Sync',
        chosen: asked,
        choices: all.map((id) => [id, id]),
      })}${select({
        id: 'operation',
        label: 'Kind',
        chosen: query['operation'],
        choices: operations.map((name) => [name, name]),
      })}${select({
        id: 'state',
        label: 'Outcome',
        chosen: query['state'],
        choices: states.map((name) => [name, name]),
      })}${select({
        id: 'since',
        label: 'Time',
        chosen: query['since'] ?? '1440',
        choices: spans,
        any: false,
      })}<div class="field"><label for="table">Table</label><input id="table" name="table" value="${query[
        'table'
      ] ??
        ''}" size="12"></div><div class="field"><label for="by">Who</label><input id="by" name="by" value="${query[
          'by'
        ] ?? ''}" size="10"></div><button>Search</button>${Object.keys(query).length === 0
        ? nothing
        : html`<a class="button quiet" href="${pathOf(base, 'mutations')}">Clear</a>`}</form>
  `
}

function select(
  { id, label, chosen, choices, any = true }: {
    id: string
    label: string
    chosen: string | undefined
    choices: readonly (readonly [string, string])[]
    any?: boolean
  },
): Html {
  return html`
    <div
      class="field"><label for="${id}">${label}</label><select id="${id}" name="${id}">${any
        ? html`<option value="">any</option>`
        : nothing}${choices.map(([value, text]) =>
          html`
            <option value="${value}" ${value === chosen
              ? html`
                selected
              `
              : nothing}>${text}</option>
          `
        )}</select></div>
  `
}

/** Mutations as a table. */
export function mutationTable({ base, now }: View, mutations: readonly Mutation[]): Html {
  const took = (mutation: Mutation) =>
    phases(mutation).reduce((sum, [, , ms]) => sum + (ms ?? 0), 0)
  const maxMs = Math.max(...mutations.map(took), 1)
  return table({
    caption: 'Mutations, newest first',
    head: [
      'Time (UTC)',
      'Outcome',
      'Kind',
      'Table',
      { text: 'Rows', kind: 'num' },
      'Who',
      { text: 'Took', kind: 'num' },
      'Phases',
      { text: 'Requests', kind: 'num' },
      'Sync',
    ],
    rows: mutations.map((mutation) => [
      {
        value: html`<a href="${pathOf(base, 'mutations', mutation.id)}">${
          time(mutation.receivedAt, timeOf(mutation.receivedAt, now))
        }</a>`,
        kind: 'row',
      },
      {
        value: html`${outcomeBadge(mutation)}${
          mutation.fault === null ? nothing : html`
            <code class="muted">${mutation.fault.code}</code>
          `
        }`,
      },
      { value: mutation.operation },
      { value: `${mutation.schema}.${mutation.table}`, kind: 'code' },
      { value: number(mutation.rows), kind: 'num' },
      { value: mutation.by ?? '–' },
      { value: duration(took(mutation)), kind: 'num' },
      { value: phaseBar(mutation, maxMs) },
      { value: number(mutation.requests), kind: 'num' },
      { value: html`<a href="${pathOf(base, 'syncs', mutation.sync)}">${mutation.sync}</a>` },
    ]),
    empty: 'No mutation matches.',
  })
}

/** Of today the time is enough. */
function timeOf(iso: string, now: number): string {
  const isToday = new Date(now).toISOString().startsWith(iso.slice(0, 10))
  return isToday ? clock(iso) : `${iso.slice(5, 10)} ${clock(iso)}`
}

/** How a mutation stands. */
export function outcomeBadge({ state, fault }: Pick<Mutation, 'state' | 'fault'>): Html {
  const tones: Readonly<Record<LifeState, Tone>> = {
    received: 'info',
    sent: 'info',
    accepted: 'info',
    applied: 'ok',
    refused: 'bad',
    unknown: 'warn',
  }
  const partly = fault !== null && (state === 'accepted' || state === 'applied')
  return partly ? badge('in part', 'warn') : badge(state, tones[state])
}

function pager(
  { base }: View,
  query: Query,
  { after, found }: { after: string | undefined; found: MutationPage },
): Html {
  const to = (more: Readonly<Record<string, string>>) =>
    withQuery(pathOf(base, 'mutations'), { ...query, ...more })
  if (after === undefined && found.next === null) return nothing
  return html`<nav class="pager" aria-label="Pages">${
    after === undefined ? nothing : html`<a class="button" href="${to({})}">Newest</a>`
  }${
    found.next === null
      ? nothing
      : html`<a class="button" href="${to({ after: found.next })}" rel="next">Older</a>`
  }</nav>`
}
