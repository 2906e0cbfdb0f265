// Room console: the rate buckets of every connection, and what waits in them.

import { gauge } from './charts.ts'
import { type Html, html, nothing, pathOf } from './html.ts'
import { badge, table } from './parts.ts'
import type { Bucket, ConnectionBuckets } from './shapes.ts'
import { page } from './view.ts'
import type { Answer, Visit } from './visit.ts'
import { counted, duration, number, platformName, span } from './words.ts'

/** GET /console/limits */
export async function limitsPage(visit: Visit): Promise<Answer> {
  const { view } = visit
  return page(view, {
    title: 'Rate limits',
    at: 'limits',
    refreshSeconds: 5,
    body: html`
      <div class="head">
        <h1>Rate limits</h1>
      </div>
      <p
        class="lead">What each platform allows, and how much of it is used now. Mutations wait for their turn; nothing is sent that the platform would refuse for its rate.</p>
      <div id="limits" data-live="${pathOf(view.base, 'limits', 'live')}">${await limitsFragment(
        visit,
      )}</div>
    `,
  })
}

/** The part that changes. */
export async function limitsFragment({ api, view }: Visit): Promise<Html> {
  const { connections } = await api.get<{ connections: readonly ConnectionBuckets[] }>(['buckets'])
  if (connections.length === 0) return html`<p class="empty">No account is connected yet.</p>`
  return html`${
    connections.map((each) =>
      html`
        <section
          aria-labelledby="c-${each.connection}"><h2 id="c-${each.connection}">${platformName(
            each.platform,
          )} <span class="muted">${each
            .connection}</span></h2><p class="meta">${each.syncs.length === 0
            ? 'no sync'
            : each.syncs.map((sync, index) =>
              html`${index === 0 ? '' : ', '}<a href="${
                pathOf(view.base, 'syncs', sync)
              }">${sync}</a>`
            )} · ${each.waiting === 0
            ? 'nothing waits'
            : html`<strong>${
              counted(each.waiting, 'job waits', 'jobs wait')
            }</strong>`}</p>${bucketTable(each, `Buckets of ${each.connection}`)}</section>
      `
    )
  }`
}

/** Buckets of one rule that are idle are told of together, where there are more than so many. */
const crowdMin = 2

/** The buckets of one connection. */
export function bucketTable(
  { buckets, underWay }: Pick<ConnectionBuckets, 'buckets' | 'underWay'>,
  caption: string,
): Html {
  const shown = buckets.filter((bucket) => !isIdle(bucket) || !isCrowd(buckets, bucket.rule))
  const idle = buckets.length - shown.length
  return html`${
    table({
      caption,
      head: [
        'Limit',
        'For',
        'Full',
        { text: 'Used', kind: 'num' },
        { text: 'Left', kind: 'num' },
        { text: 'Waiting', kind: 'num' },
        'State',
      ],
      rows: shown.map((bucket) => [
        { value: bucket.about, kind: 'wide' },
        { value: bucket.key === '' ? 'all' : html`<code>${bucket.key}</code>` },
        { value: gauge(inUse(bucket, underWay)) },
        { value: usedText(bucket, underWay), kind: 'num' },
        { value: number(bucket.left), kind: 'num' },
        {
          value: bucket.ahead === 0
            ? '0'
            : `${number(bucket.ahead)}, up to ${duration(bucket.aheadMs)}`,
          kind: 'num',
        },
        { value: stateOf(bucket) },
      ]),
      empty: idle === 0 ? 'The platform names no limits.' : 'Nothing is used now.',
    })
  }${
    idle === 0
      ? nothing
      : html`<p class="hint">${counted(idle, 'idle bucket is', 'idle buckets are')} not shown.</p>`
  }`
}

function isIdle({ used, ahead, blockedMs }: Bucket): boolean {
  return used === 0 && ahead === 0 && blockedMs === 0
}

function isCrowd(buckets: readonly Bucket[], rule: string): boolean {
  return buckets.filter((bucket) => bucket.rule === rule).length > crowdMin
}

/**
 * Of what may be under way at one time processes reserve places, used or not, for mutations and for what the sync process
 * reads. What is known to be in use are the mutations.
 */
function inUse(bucket: Bucket, underWay: number): Bucket {
  if (bucket.windowMs !== null) return bucket
  const used = Math.min(underWay, bucket.limit)
  return { ...bucket, used, ahead: Math.max(0, bucket.used - used) }
}

function usedText(bucket: Bucket, underWay: number): string {
  const { limit, windowMs, used } = bucket
  const told = `${number(used)} of ${number(limit)}`
  if (windowMs !== null) return told
  const mutations = counted(underWay, 'mutation', 'mutations')
  return `${mutations} under way; ${told} reserved for mutations and for reading`
}

function stateOf({ blockedMs, left, windowMs }: Bucket): Html {
  if (blockedMs > 0) return badge(`blocked for ${span(blockedMs / 1_000)}`, 'bad')
  if (left > 0) return badge('free', 'ok')
  // whoever has reserved gives back what it does not use within seconds
  return windowMs === null ? badge('reserved', 'ok') : badge('full', 'warn')
}
