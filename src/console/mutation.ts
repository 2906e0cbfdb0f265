// Room console: one mutation: its life, its rows before and after, what was sent.

import { phaseBar, phases } from './charts.ts'
import { type Html, html, nothing, pathOf } from './html.ts'
import { outcomeBadge } from './mutations.ts'
import { badge, crumbs, facts, faultBox, table, time, type Tone } from './parts.ts'
import type { Cell, Change, MutationEntry } from './shapes.ts'
import { page, type View } from './view.ts'
import { type Answer, param, type Visit } from './visit.ts'
import { between, clock, counted, duration, moment, number } from './words.ts'

/** GET /console/mutations/:id */
export async function mutationPage(visit: Visit): Promise<Answer> {
  const { api, view } = visit
  const entry = await api.get<MutationEntry>(['mutations', param(visit, 'id')])
  const { base } = view
  const title = `${entry.operation} on ${entry.schema}.${entry.table}`
  return page(view, {
    title,
    at: 'mutations',
    body: html`${crumbs([['Mutations', pathOf(base, 'mutations')]], entry.id)}
<div class="head"><h1>${title}</h1>${outcomeBadge(entry)}</div>
${entry.fault === null ? nothing : faultBox(entry.fault)}
${summary(view, entry)}
<section aria-labelledby="life"><h2 id="life">Its life</h2>${lifeOf(entry)}</section>
<section aria-labelledby="rows"><h2 id="rows">Rows before and after</h2>${
      changesOf(view, entry)
    }</section>
<section aria-labelledby="sends"><h2 id="sends">What was sent</h2>${sendsOf(entry)}</section>`,
  })
}

function summary({ base }: View, entry: MutationEntry): Html {
  return facts([
    ['Id', html`<code>${entry.id}</code>`],
    ['Sync', html`<a href="${pathOf(base, 'syncs', entry.sync)}">${entry.sync}</a>`],
    ['Who', entry.by ?? 'not noted'],
    ['Rows', number(entry.rows)],
    ['Requests', number(entry.requests)],
    ...entry.upsertBy === null
      ? []
      : [['Upsert by', html`<code>${entry.upsertBy}</code>`] as const],
  ])
}

function lifeOf(entry: MutationEntry): Html {
  const { receivedAt, sentAt, answeredAt, appliedAt } = entry
  const steps: readonly (readonly [string, string | null, string | null])[] = [
    ['received', receivedAt, null],
    ['sent to the platform', sentAt, receivedAt],
    [entry.state === 'refused' ? 'refused' : 'answered', answeredAt, sentAt ?? receivedAt],
    ['committed in the database', appliedAt, answeredAt],
  ]
  const whole = phases(entry).reduce((sum, [, , ms]) => sum + (ms ?? 0), 0)
  return html`${
    table({
      caption: 'Its life, with times',
      head: ['Step', 'At (UTC)', { text: 'After', kind: 'num' }],
      rows: steps.map(([step, at, from]) => [
        { value: step, kind: 'row' },
        { value: at === null ? '–' : time(at, `${moment(at).slice(0, 10)} ${clock(at)}`) },
        { value: from === null ? '' : duration(between(from, at)), kind: 'num' },
      ]),
    })
  }<div class="phases">${phaseBar(entry, whole)}<ul class="legend">${
    phases(entry).map(([name, text, ms]) =>
      html`<li><i class="key phase-${name}"></i>${text}: ${duration(ms)}</li>`
    )
  }</ul></div>`
}

const tones: Readonly<Record<Change['state'], Tone>> = {
  written: 'ok',
  refused: 'bad',
  unknown: 'warn',
  unsent: 'plain',
  open: 'info',
}

function changesOf(view: View, entry: MutationEntry): Html {
  const { changes, rows } = entry
  return html`${changes.map((change) => changeOf(view, entry, change))}${
    rows > changes.length
      ? html`<p class="empty">${
        counted(rows - changes.length, 'more row is', 'more rows are')
      } not shown.</p>`
      : nothing
  }`
}

function changeOf({ base }: View, entry: MutationEntry, change: Change): Html {
  const { ordinal, id, state, fault, earlier, cells } = change
  const isInsert = entry.operation === 'insert'
  return html`
    <article
      class="change"><h3>Row ${number(ordinal)} ${id === null
        ? nothing
        : html`<code>${id}</code>`} ${badge(state, tones[state])}</h3>${fault === null
        ? nothing
        : faultBox(fault)}${table({
          caption: `Row ${ordinal}`,
          head: ['Column', ...isInsert ? [] : ['Before'], 'Sent', 'After'],
          rows: cells.map((cell) => [
            { value: html`<code>${cell.column}</code>`, kind: 'row' },
            ...isInsert ? [] : [{ value: valueOf(cell.before), kind: 'wide' as const }],
            { value: valueOf(cell.sent), kind: 'wide' },
            { value: afterOf(cell), kind: 'wide' },
          ]),
          empty: entry.operation === 'delete'
            ? 'The record was to be deleted; how it was is not in the journal.'
            : 'Nothing was sent for this row.',
        })}${isInsert
        ? nothing
        : html`<p class="hint">${
          earlier === null
            ? 'How the row was before is not in the journal: no earlier mutation wrote this record.'
            : html`
              Before: as <a
                href="${pathOf(base, 'mutations', earlier.mutation)}">the mutation of ${moment(
                  earlier.at,
                )}</a> left it; what others changed since is not in it.
            `
        }</p>`}</article>
  `
}

function valueOf(value: string | null | undefined): Html {
  if (value === undefined) return html`<span class="muted">–</span>`
  return value === null
    ? html`<span class="muted">null</span>`
    : html`<span class="value">${value}</span>`
}

function afterOf(cell: Cell): Html {
  const differs = cell.after !== undefined && cell.before !== undefined &&
    cell.after !== cell.before
  return differs ? html`<mark>${valueOf(cell.after)}</mark>` : valueOf(cell.after)
}

function sendsOf({ sends, sentAt }: MutationEntry): Html {
  return html`
    ${table({
      caption: 'Requests to the platform',
      head: ['Method', 'Path', { text: 'Rows', kind: 'num' }],
      rows: sends.map(({ method, path, rows }) => [
        { value: html`<code>${method}</code>` },
        { value: html`<code>${path}</code>`, kind: 'wide' },
        { value: number(rows), kind: 'num' },
      ]),
      empty: 'The sync or the table is no longer there to tell.',
    })}<p
      class="hint">The write requests that such a mutation makes, ${sentAt === null
        ? 'had it been sent'
        : 'with the values above'}. Credentials are never kept, and values that look like secrets are not shown.</p>
  `
}
