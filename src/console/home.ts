// Room console: all syncs at a glance, and what was written lately.

import { everyMinute, faultChart, latencyChart, mutationChart } from './charts.ts'
import { type Html, html, pathOf } from './html.ts'
import { badge, table, type Tone } from './parts.ts'
import type { Figures, Overview, OverviewSync } from './shapes.ts'
import { page, type View } from './view.ts'
import type { Answer, Visit } from './visit.ts'
import { compact, counted, number, platformName, span } from './words.ts'

const minutes = 60

/** GET /console */
export async function homePage(visit: Visit): Promise<Answer> {
  const { view } = visit
  return page(view, {
    title: 'Syncs',
    at: 'syncs',
    refreshSeconds: 15,
    body: html`
      <div class="head">
        <h1>Syncs</h1>
      </div>
      <div id="home" data-live="${pathOf(view.base, 'live')}">${await homeFragment(visit)}</div>
    `,
  })
}

/** The part that changes. */
export async function homeFragment({ api, view }: Visit): Promise<Html> {
  const [overview, figures] = await Promise.all([
    api.get<Overview>(['overview']),
    api.get<Figures>(['figures'], { minutes }),
  ])
  if (overview.syncs.length === 0) return welcome(view)
  return html`${syncTable(view, overview)}${charts(view, figures)}`
}

function welcome({ base }: View): Html {
  return html`
    <div class="welcome">
      <h2>Nothing is synced yet</h2>
      <p>A sync mirrors the records of a platform into tables of your Postgres. What you write to those tables goes to the platform first, and into the database only if the platform accepts it.</p>
      <p><a class="button primary" href="${pathOf(base, 'new')}">Set up the first sync</a></p>
    </div>
  `
}

/** Charts of the last hour. */
export function charts({ base, now }: View, { minutes: known, faults }: Figures): Html {
  const all = everyMinute(known, { now, minutes })
  return html`
    <section aria-labelledby="lately">
      <h2 id="lately">The last hour</h2>
      <div class="charts">${mutationChart('mutations', all)}${latencyChart(
        'latency',
        all,
      )}${faultChart(faults, (code) => `${pathOf(base, 'errors')}#${code}`)}</div>
    </section>
  `
}

function syncTable({ base }: View, { syncs, minutes: over }: Overview): Html {
  return table({
    caption: `Syncs; mutations and errors of the last ${over} minutes`,
    head: [
      'Sync',
      'Platform',
      'State',
      { text: 'Tables', kind: 'num' },
      { text: 'Behind', kind: 'num' },
      { text: 'Mutations/min', kind: 'num' },
      { text: `Errors, ${over} min`, kind: 'num' },
      { text: 'Quota left', kind: 'num' },
    ],
    rows: syncs.map((sync) => [
      {
        value: html`<a href="${pathOf(base, 'syncs', sync.id)}">${sync.id}</a>`,
        kind: 'row',
      },
      { value: platformName(sync.platform) },
      { value: badge(...stateOf(sync)) },
      { value: number(sync.tables), kind: 'num' },
      { value: sync.secondsBehind === null ? '–' : span(sync.secondsBehind), kind: 'num' },
      { value: perMinute(sync.mutations / over), kind: 'num' },
      {
        value: sync.failures === 0
          ? '0'
          : html`<span class="bad-text">${number(sync.failures)}</span>`,
        kind: 'num',
      },
      { value: quotaOf(sync), kind: 'num' },
    ]),
  })
}

function perMinute(rate: number): string {
  if (rate === 0) return '0'
  return rate < 10 ? rate.toFixed(1) : compact(rate)
}

function stateOf(sync: OverviewSync): [string, Tone] {
  if (sync.state === 'paused') return ['paused', 'plain']
  if (sync.failed > 0) return [counted(sync.failed, 'table fails', 'tables fail'), 'bad']
  if (sync.filling > 0) return [`filling ${number(sync.filling)}`, 'info']
  return ['in sync', 'ok']
}

function quotaOf({ quota }: OverviewSync): Html | string {
  if (quota === null) return '–'
  if (quota.blockedMs > 0) return badge(`blocked ${span(quota.blockedMs / 1_000)}`, 'bad')
  const share = Math.floor((quota.left / quota.limit) * 100)
  return html`<span title="${quota.about}">${share} %</span>`
}
