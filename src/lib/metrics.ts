// Room lib: figures for whoever watches a process, in Prometheus's text format 0.0.4. Every label has its values listed
// when the metric is made, so that the number of series is known before anything happens, whatever clients do.
// https://prometheus.io/docs/instrumenting/exposition_formats/

import { assert } from './assert.ts'
import { withDeadline } from './deadline.ts'
import type { Log } from './log.ts'

/** The content type of what `expose` gives. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

/** A value that a label does not list is counted under this one. */
export const otherValue = 'other'

/** What a metric is and which values its labels may have. */
export interface MetricOptions<L extends string = string> {
  /** By Prometheus's conventions: the unit last, `_total` for a counter. */
  readonly name: string
  /** One line for whoever reads it. */
  readonly help: string
  readonly labels?: Readonly<Record<L, readonly string[]>>
}

/** The value of each label of one series. */
export type Labels<L extends string = string> = Readonly<Record<L, string>>

/** One series at the moment of a scrape. */
export interface Sample<L extends string = string> {
  readonly labels?: Labels<L>
  readonly value: number
}

/** Gives the series of a metric at the moment of a scrape. What it does not give is left out. */
export type Collect<L extends string = string> = () =>
  | readonly Sample<L>[]
  | Promise<readonly Sample<L>[]>

export interface Counter<L extends string = string> {
  /** Adds one, or `count`. */
  add(labels: Labels<L>, count?: number): void
}

export interface Histogram<L extends string = string> {
  observe(labels: Labels<L>, value: number): void
}

/** What is known of a metric before anything is counted. */
export interface MetricAbout {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: Readonly<Record<string, readonly string[]>>
  /** There are never more series than so many, whatever happens. */
  readonly seriesMax: number
}

/** The metrics of one process. Names are unique: making one twice is an internal error. */
export interface Metrics {
  counter<L extends string = never>(options: MetricOptions<L>): Counter<L>
  /** `bounds`: upper bounds of the buckets, rising, without infinity. */
  histogram<L extends string = never>(
    options: MetricOptions<L> & { readonly bounds: readonly number[] },
  ): Histogram<L>
  /** A metric that is looked up when it is asked for. */
  collected<L extends string = never>(
    type: 'counter' | 'gauge',
    options: MetricOptions<L> & { readonly collect: Collect<L> },
  ): void
  /** Every metric, in the order made. */
  about(): readonly MetricAbout[]
  /** All of them as text. Never rejects: a metric that cannot be looked up in time is left out, and logged. */
  expose(): Promise<string>
}

/** How long looking up one metric may take, in milliseconds. */
const collectWaitMs = 2_000

interface Metric {
  readonly about: MetricAbout
  /** The lines of its series. */
  readonly read: () => Promise<readonly string[]>
}

export function createMetrics({ log }: { log: Log }): Metrics {
  const metrics = new Map<string, Metric>()
  let exposing: Promise<string> | undefined
  const add = (about: MetricAbout, read: Metric['read']): void => {
    checkNames(about)
    assert(!metrics.has(about.name), `a metric is made once: ${about.name}`)
    metrics.set(about.name, { about, read })
  }
  const expose = async (): Promise<string> => {
    const parts = await Promise.all([...metrics.values()].map((metric) => render(metric, log)))
    return parts.join('')
  }
  return {
    counter: (options) => {
      const series = new Series(options, 0)
      add(
        aboutOf('counter', options),
        () =>
          Promise.resolve(
            [...series.all()].map(([labels, value]) => line(options.name, labels, value)),
          ),
      )
      return { add: (labels, count = 1) => series.change(labels, (value) => value + count) }
    },
    histogram: (options) => histogram(options, add),
    collected: (type, options) => {
      add(
        aboutOf(type, options),
        async () =>
          (await options.collect()).map(({ labels, value }) =>
            line(options.name, labelsText(options, labels), value)
          ),
      )
    },
    about: () => [...metrics.values()].map(({ about }) => about),
    // whoever asks while it is being made gets the same: a scrape that hangs is not doubled
    expose: () => exposing ??= expose().finally(() => exposing = undefined),
  }
}

/** Upper bounds for times in seconds: from a local answer to the longest that a statement may wait. */
export const secondsBounds: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
  150,
]

interface Buckets {
  /** Observations in each bucket alone; the last is beyond every bound. */
  readonly counts: number[]
  sum: number
}

function histogram<L extends string>(
  options: MetricOptions<L> & { readonly bounds: readonly number[] },
  add: (about: MetricAbout, read: Metric['read']) => void,
): Histogram<L> {
  const { name, bounds } = options
  assert(
    bounds.every((bound, i) => Number.isFinite(bound) && bound > (bounds[i - 1] ?? -Infinity)),
    `the bounds of ${name} rise`,
  )
  const fresh = (): Buckets => ({ counts: [...bounds, Infinity].map(() => 0), sum: 0 })
  const series = new Series<L, Buckets>(options, fresh)
  const about = aboutOf('histogram', options)
  assert(!Object.hasOwn(about.labels, 'le'), 'le is the label of a bucket')
  add(about, () => {
    const lines = [...series.all()].flatMap(([labels, buckets]) =>
      bucketLines(options, labels, buckets)
    )
    return Promise.resolve(lines)
  })
  return {
    observe: (labels, value) => {
      const at = bounds.findIndex((bound) => value <= bound)
      series.change(labels, (buckets) => {
        const index = at < 0 ? bounds.length : at
        buckets.counts[index] = (buckets.counts[index] ?? 0) + 1
        buckets.sum += value
        return buckets
      })
    },
  }
}

function bucketLines(
  { name, bounds }: { name: string; bounds: readonly number[] },
  labels: string,
  { counts, sum }: Buckets,
): string[] {
  let count = 0
  const buckets = [...bounds, Infinity].map((bound, i) => {
    count += counts[i] ?? 0
    const le = `le="${numberText(bound)}"`
    return line(`${name}_bucket`, labels === '' ? le : `${labels},${le}`, count)
  })
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count)]
}

/** The series of one metric, by the text of their labels. */
class Series<L extends string, T> {
  readonly #options: MetricOptions<L>
  readonly #fresh: () => T
  readonly #values = new Map<string, T>()

  /** With one label or none, every series is there from the start: who watches sees the first one come. */
  constructor(options: MetricOptions<L>, fresh: T | (() => T)) {
    this.#options = options
    this.#fresh = typeof fresh === 'function' ? fresh as () => T : () => fresh
    const [label, another] = Object.entries<readonly string[]>(options.labels ?? {})
    if (another !== undefined) return
    const all = label === undefined ? [{}] : label[1].map((value) => ({ [label[0]]: value }))
    for (const labels of all) this.#values.set(labelsText(options, labels), this.#fresh())
  }

  change(labels: Labels<L>, change: (value: T) => T): void {
    const key = labelsText(this.#options, labels)
    this.#values.set(key, change(this.#values.get(key) ?? this.#fresh()))
  }

  all(): Iterable<[string, T]> {
    return this.#values
  }
}

function aboutOf(
  type: MetricAbout['type'],
  { name, help, labels = {}, bounds = [] }: MetricOptions & { bounds?: readonly number[] },
): MetricAbout {
  // each label can also say `other`; a histogram has its buckets, one without bound, the sum and the count
  const labelled = Object.values(labels).reduce(
    (product, values) => product * (values.length + 1),
    1,
  )
  const seriesMax = type === 'histogram' ? labelled * (bounds.length + 3) : labelled
  return { type, name, help, labels, seriesMax }
}

const nameForm = /^[a-z_][a-z0-9_]*$/

function checkNames({ name, type, labels }: MetricAbout): void {
  assert(nameForm.test(name), `${name} is a name for a metric`)
  assert((type === 'counter') === name.endsWith('_total'), `${name}: counters end with _total`)
  for (const label of Object.keys(labels)) {
    assert(nameForm.test(label) && !label.startsWith('__'), `${label} is a name for a label`)
  }
}

async function render({ about, read }: Metric, log: Log): Promise<string> {
  const { name, type, help } = about
  const head = `# HELP ${name} ${escape(help)}\n# TYPE ${name} ${type}\n`
  try {
    // a collector may throw at once
    const reading = Promise.resolve().then(read)
    const lines = await withDeadline(reading, { waitMs: collectWaitMs, what: `Reading ${name}` })
    return head + lines.join('')
  } catch (error) {
    log.warn('metrics.not_collected', { metric: name, error })
    return head
  }
}

/** `a="b",c="d"`, in the order in which the metric lists its labels. */
function labelsText(options: MetricOptions, labels: Readonly<Record<string, string>> = {}): string {
  const known = options.labels
  if (known === undefined) return ''
  return Object.entries(known).map(([name, values]) => {
    const value = labels[name] ?? otherValue
    return `${name}="${escape(values.includes(value) ? value : otherValue).replaceAll('"', '\\"')}"`
  }).join(',')
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`
}

/** As Go's ParseFloat reads it. */
function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
