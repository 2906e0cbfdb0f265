// Room console: charts, drawn here as SVG. What they show stands beside them as a table too.

import { type Html, html, nothing } from './html.ts'
import { table } from './parts.ts'
import type { Bucket, FaultCount, MinuteFigures, Mutation } from './shapes.ts'
import { between, compact, duration, number } from './words.ts'

const width = 360
const height = 132
const left = 42
const bottom = 18
const top = 8
const plotWidth = width - left - 4
const plotHeight = height - top - bottom
/** Rows of the table beside a chart. */
const rowsMax = 60

interface Figure {
  readonly id: string
  readonly title: string
  readonly summary: string
  readonly drawing: Html
  readonly data: Html
  readonly legend: readonly (readonly [string, string])[]
}

function figure({ id, title, summary, drawing, data, legend }: Figure): Html {
  return html`<figure class="chart"><figcaption><h3>${title}</h3><p class="muted">${summary}</p></figcaption>
${drawing}
<ul class="legend" aria-hidden="true">${
    legend.map(([name, text]) => html`<li><i class="key ${name}"></i>${text}</li>`)
  }</ul>
<details><summary id="${id}-data">As a table</summary>${data}</details></figure>`
}

/** Every minute of the span, those without anything too; oldest first. */
export function everyMinute(
  known: readonly MinuteFigures[],
  { now, minutes }: { now: number; minutes: number },
): readonly MinuteFigures[] {
  const byMinute = new Map(known.map((each) => [Math.floor(Date.parse(each.at) / 60_000), each]))
  const last = Math.max(Math.floor(now / 60_000), ...byMinute.keys())
  return Array.from({ length: minutes }, (_, index) => {
    const minute = last - minutes + 1 + index
    const at = new Date(minute * 60_000).toISOString()
    const none = { mutations: 0, refused: 0, unknown: 0, p50: null, p95: null, p99: null }
    return byMinute.get(minute) ?? { at, ...none }
  })
}

/** A round number not below the value: 1, 2, 5, 10, 20, … */
export function niceMax(value: number): number {
  if (value <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value
}

function axes(max: number, minutes: readonly MinuteFigures[], label: (value: number) => string) {
  const lines = [0, max / 2, max].map((value) => {
    const y = at(value, max)
    return html`
      <line x1="${left}" x2="${width - 4}" y1="${y}" y2="${y}" class="grid" />
      <text x="${left - 6}" y="${y + 3.5}" text-anchor="end">${label(value)}</text>
    `
  })
  const ends = [minutes[0], minutes.at(-1)].map((minute, index) =>
    html`<text x="${index === 0 ? left : width - 4}" y="${height - 3}" text-anchor="${
      index === 0 ? 'start' : 'end'
    }">${minute?.at.slice(11, 16) ?? ''}</text>`
  )
  return html`${lines}${ends}`
}

function at(value: number, max: number): number {
  return round(top + plotHeight * (1 - value / max))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function svg(label: string, content: Html): Html {
  return html`
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"
      class="plot">${content}</svg>
  `
}

/** Mutations by minute, what was refused in another colour. */
export function mutationChart(id: string, minutes: readonly MinuteFigures[]): Html {
  const max = niceMax(Math.max(...minutes.map(({ mutations }) => mutations)))
  const step = plotWidth / minutes.length
  const bars = minutes.map(({ mutations, refused, unknown }, index) => {
    const failed = refused + unknown
    const x = round(left + index * step)
    const bar = (from: number, to: number, name: string) =>
      to === from ? nothing : html`
        <rect x="${x}" y="${at(to, max)}" width="${round(step * 0.8)}" height="${round(
          at(from, max) - at(to, max),
        )}"
          class="${name}" />
      `
    return html`${bar(0, mutations - failed, 'fill-accent')}${
      bar(mutations - failed, mutations, 'fill-bad')
    }`
  })
  const sum = minutes.reduce((all, { mutations }) => all + mutations, 0)
  const failed = minutes.reduce((all, { refused, unknown }) => all + refused + unknown, 0)
  const summary = `${number(sum)} in ${minutes.length} minutes, ${number(failed)} not written`
  return figure({
    id,
    title: 'Mutations per minute',
    summary,
    drawing: svg(
      `Bars: ${summary}`,
      html`${axes(max, minutes, (value) => Number.isInteger(value) ? compact(value) : '')}${bars}`,
    ),
    legend: [['fill-accent', 'accepted'], ['fill-bad', 'refused or in doubt']],
    data: minuteTable('Mutations per minute', ['Mutations', 'Refused', 'In doubt'], {
      rows: minutes.filter(({ mutations }) => mutations > 0),
      cells: ({ mutations, refused, unknown }) => [mutations, refused, unknown].map(number),
    }),
  })
}

type Percentile = 'p50' | 'p95' | 'p99'
const percentiles: readonly Percentile[] = ['p99', 'p95', 'p50']

/** From receipt to the platform's answer: half, 95 and 99 of a hundred are quicker. */
export function latencyChart(id: string, minutes: readonly MinuteFigures[]): Html {
  const values = minutes.flatMap(({ p99 }) => p99 === null ? [] : [p99])
  const max = niceMax(Math.max(1, ...values))
  const step = plotWidth / minutes.length
  const lines = percentiles.map((name) => {
    const points = minutes.flatMap((minute, index) => {
      const value = minute[name]
      return value === null ? [] : [[round(left + (index + 0.4) * step), at(value, max)] as const]
    })
    return html`
      <polyline points="${points.map((point) => point.join(',')).join(
        ' ',
      )}" class="line ${name}" />${points.map(([x, y]) =>
        html`
          <circle cx="${x}" cy="${y}" r="1.6" class="dot ${name}" />
        `
      )}
    `
  })
  const newest = minutes.findLast(({ p50 }) => p50 !== null)
  const summary = newest === undefined
    ? 'nothing was answered'
    : `last: ${
      percentiles.toReversed().map((name) => `${name} ${duration(newest[name])}`).join(', ')
    }`
  return figure({
    id,
    title: 'Time to the platform’s answer',
    summary,
    drawing: svg(
      `Lines: ${summary}`,
      html`${axes(max, minutes, (ms) => ms === 0 ? '0' : duration(ms))}${lines}`,
    ),
    legend: percentiles.toReversed().map((name) => [name, name]),
    data: minuteTable('Time to the answer', ['p50', 'p95', 'p99'], {
      rows: minutes.filter(({ p50 }) => p50 !== null),
      cells: ({ p50, p95, p99 }) => [p50, p95, p99].map(duration),
    }),
  })
}

function minuteTable(
  caption: string,
  head: readonly string[],
  { rows, cells }: {
    rows: readonly MinuteFigures[]
    cells: (minute: MinuteFigures) => readonly string[]
  },
): Html {
  return table({
    caption,
    head: ['Minute (UTC)', ...head.map((text) => ({ text, kind: 'num' as const }))],
    rows: rows.slice(-rowsMax).toReversed().map((minute) => [
      { value: minute.at.slice(11, 16), kind: 'row' },
      ...cells(minute).map((value) => ({ value, kind: 'num' as const })),
    ]),
    empty: 'Nothing in this time.',
  })
}

/** What was not written, by fault. */
export function faultChart(faults: readonly FaultCount[], href: (code: string) => string): Html {
  const max = Math.max(1, ...faults.map(({ count }) => count))
  return html`
    <figure
      class="chart"><figcaption><h3>Refusals by fault</h3><p class="muted">${faults.length === 0
        ? 'nothing was refused'
        : `${number(faults.reduce((sum, { count }) => sum + count, 0))} in ${
          faults.length === 1 ? 'one kind' : `${faults.length} kinds`
        }`}</p></figcaption>${faults.length === 0
        ? html`<p class="empty">None in this time.</p>`
        : table({
          caption: 'Refusals by fault',
          head: ['Fault', { text: 'Times', kind: 'num' }, ''],
          rows: faults.map(({ code, blame, count }) => [
            {
              value: html`<a href="${
                href(code)
              }"><code>${code}</code></a><br><span class="muted">${blame}</span>`,
              kind: 'row',
            },
            { value: number(count), kind: 'num' },
            { value: bar(count / max, 'fill-bad') },
          ]),
        })}</figure>
  `
}

function bar(share: number, name: string): Html {
  return html`
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect width="${round(share * 100)}" height="8" class="${name}" />
    </svg>
  `
}

/** How full a bucket is: used, promised, free. */
export function gauge({ used, ahead, limit, blockedMs }: Bucket): Html {
  const share = (units: number) => round(Math.min(1, units / limit) * 100)
  const tone = blockedMs > 0 || used >= limit
    ? 'fill-bad'
    : used / limit > 0.8
    ? 'fill-warn'
    : 'fill-accent'
  const usedShare = share(used)
  const aheadShare = Math.min(share(ahead), 100 - usedShare)
  return html`
    <svg class="gauge" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"
      aria-label="${`${number(used)} of ${number(limit)} used`}">
      <rect width="100" height="10" class="track" />
      <rect width="${usedShare}" height="10" class="${tone}" />
      <rect x="${usedShare}" width="${aheadShare}" height="10" class="fill-ahead" />
    </svg>
  `
}

/** Where a mutation's time went: waiting for its turn, at the platform, into the database. */
export function phases(mutation: Mutation): readonly (readonly [string, string, number | null])[] {
  const { receivedAt, sentAt, answeredAt, appliedAt } = mutation
  return [
    ['turn', 'before it was sent', between(receivedAt, sentAt)],
    ['platform', 'at the platform', between(sentAt, answeredAt)],
    ['database', 'until the database had it', between(answeredAt, appliedAt)],
  ]
}

/** The phases as a small bar; `maxMs`: what a whole bar stands for. */
export function phaseBar(mutation: Mutation, maxMs: number): Html {
  const known = phases(mutation)
  const label = known.map(([name, , ms]) => `${name} ${duration(ms)}`).join(', ')
  let x = 0
  const rects = known.map(([name, , ms]) => {
    const part = round(((ms ?? 0) / Math.max(1, maxMs)) * 100)
    const rect = part === 0 ? nothing : html`
      <rect x="${x}" width="${part}" height="8" class="phase-${name}" />
    `
    x = round(x + part)
    return rect
  })
  return html`
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"
      aria-label="${label}">${rects}</svg>
  `
}
