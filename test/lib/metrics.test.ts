// Goal: what a scrape reads is the format's grammar and the figures counted, and the number of series is bounded whatever
// is counted. Method: the registry by itself, its text read by a reader written from the format's page.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, silentLog } from '../../src/lib/log.ts'
import { createMetrics, secondsBounds } from '../../src/lib/metrics.ts'
import { addProcessMetrics } from '../../src/lib/process-metrics.ts'
import { readExposition } from '../help/exposition.ts'

const fresh = () => createMetrics({ log: silentLog })

test('a counter without labels is there before anything is counted', async () => {
  const metrics = fresh()
  const counter = metrics.counter({ name: 'things_total', help: 'Things.' })
  assert.equal(
    await metrics.expose(),
    '# HELP things_total Things.\n# TYPE things_total counter\nthings_total 0\n',
  )
  counter.add({})
  counter.add({}, 2)
  assert.equal(readExposition(await metrics.expose()).value('things_total'), 3)
})

test('a counter with one label has all its series from the start', async () => {
  const metrics = fresh()
  const counter = metrics.counter({
    name: 'things_total',
    help: 'Things.',
    labels: { kind: ['big', 'small'] },
  })
  counter.add({ kind: 'small' }, 4)
  const exposed = readExposition(await metrics.expose())
  assert.deepEqual(exposed.series.map(({ labels, value }) => [labels['kind'], value]), [
    ['big', 0],
    ['small', 4],
  ])
})

test('a value that a label does not list is counted as other: nobody can make series', async () => {
  const metrics = fresh()
  const counter = metrics.counter({
    name: 'things_total',
    help: 'Things.',
    labels: { kind: ['big'], colour: ['red', 'green'] },
  })
  for (let i = 0; i < 1000; i++) counter.add({ kind: `kind ${i}`, colour: `"}\n${i}` })
  counter.add({ kind: 'big', colour: 'red' })
  const exposed = readExposition(await metrics.expose())
  assert.equal(exposed.series.length, 2)
  assert.equal(exposed.value('things_total', { kind: 'other', colour: 'other' }), 1000)
  assert.equal(exposed.value('things_total', { kind: 'big', colour: 'red' }), 1)
})

test('text that has a meaning in the format is escaped', async () => {
  const metrics = fresh()
  const odd = 'a "quote", a \\ and\na line'
  metrics.counter({ name: 'odd_total', help: odd, labels: { kind: [odd] } }).add({ kind: odd })
  const exposed = readExposition(await metrics.expose())
  assert.equal(exposed.helps.get('odd_total'), odd)
  assert.equal(exposed.value('odd_total', { kind: odd }), 1)
})

test('a histogram counts each value in every bucket that holds it', async () => {
  const metrics = fresh()
  const histogram = metrics.histogram({
    name: 'wait_seconds',
    help: 'Waits.',
    labels: { who: ['me'] },
    bounds: [0.1, 1, 10],
  })
  for (const value of [0.05, 0.1, 0.5, 5, 50]) histogram.observe({ who: 'me' }, value)
  const exposed = readExposition(await metrics.expose())
  const bucket = (le: string) => exposed.value('wait_seconds_bucket', { who: 'me', le })
  assert.deepEqual(['0.1', '1', '10', '+Inf'].map(bucket), [2, 3, 4, 5])
  assert.equal(exposed.value('wait_seconds_count', { who: 'me' }), 5)
  assert.ok(Math.abs((exposed.value('wait_seconds_sum', { who: 'me' }) ?? 0) - 55.65) < 1e-9)
})

test('two series of a histogram do not share their buckets', async () => {
  const metrics = fresh()
  const histogram = metrics.histogram({
    name: 'wait_seconds',
    help: 'Waits.',
    labels: { who: ['me', 'you'] },
    bounds: [1],
  })
  histogram.observe({ who: 'me' }, 0.5)
  const exposed = readExposition(await metrics.expose())
  assert.equal(exposed.value('wait_seconds_count', { who: 'me' }), 1)
  assert.equal(exposed.value('wait_seconds_count', { who: 'you' }), 0)
})

test('what is looked up is looked up at each scrape', async () => {
  const metrics = fresh()
  let open = 1
  metrics.collected('gauge', { name: 'open', help: 'Open.', collect: () => [{ value: open }] })
  assert.equal(readExposition(await metrics.expose()).value('open'), 1)
  open = 7
  assert.equal(readExposition(await metrics.expose()).value('open'), 7)
})

test('a metric that cannot be looked up is left out and logged, and the others are there', async () => {
  const lines: string[] = []
  const metrics = createMetrics({
    log: createLog({ level: 'warn', write: (line) => lines.push(line) }),
  })
  metrics.collected('gauge', {
    name: 'broken',
    help: 'Broken.',
    collect: () => {
      throw new Error('no store')
    },
  })
  metrics.collected('gauge', { name: 'whole', help: 'Whole.', collect: () => [{ value: 1 }] })
  const exposed = readExposition(await metrics.expose())
  assert.equal(exposed.value('broken'), undefined)
  assert.equal(exposed.value('whole'), 1)
  assert.match(lines[0] ?? '', /"event":"metrics.not_collected","metric":"broken".*no store/)
})

test('a metric whose lookup hangs holds the scrape up for two seconds, however many ask', async () => {
  const metrics = fresh()
  let asked = 0
  metrics.collected('gauge', {
    name: 'hangs',
    help: 'Hangs.',
    collect: () => {
      asked += 1
      return new Promise<never>(() => {})
    },
  })
  const [first, second] = await Promise.all([metrics.expose(), metrics.expose()])
  assert.equal(first, '# HELP hangs Hangs.\n# TYPE hangs gauge\n')
  assert.equal(second, first)
  assert.equal(asked, 1)
})

test('a name that breaks the conventions, or stands twice, is a bug and is told so', () => {
  const metrics = fresh()
  const help = 'x'
  assert.throws(() => metrics.counter({ name: 'things', help }), /counters end with _total/)
  assert.throws(() => metrics.counter({ name: 'Things_total', help }), /is a name for a metric/)
  assert.throws(
    () => metrics.counter({ name: 'a_total', help, labels: { __x: [] } }),
    /is a name for a label/,
  )
  assert.throws(
    () => metrics.histogram({ name: 'a_seconds', help, bounds: [2, 1] }),
    /the bounds of a_seconds rise/,
  )
  metrics.counter({ name: 'once_total', help })
  assert.throws(() => metrics.counter({ name: 'once_total', help }), /a metric is made once/)
})

test('a process tells its memory, processor time, start and version', async () => {
  const metrics = fresh()
  const { stop } = addProcessMetrics(metrics, { version: '1.2.3', runtime: 'node 24' })
  try {
    const exposed = readExposition(await metrics.expose())
    assert.ok((exposed.value('process_resident_memory_bytes') ?? 0) > 10_000_000)
    assert.ok((exposed.value('process_cpu_seconds_total') ?? 0) > 0)
    const startedAt = exposed.value('process_start_time_seconds') ?? 0
    assert.ok(startedAt > 1_700_000_000 && startedAt <= Date.now() / 1000)
    assert.equal(
      exposed.value('sluice_build_info', { version: '1.2.3', runtime: 'node 24' }),
      1,
    )
    assert.equal(exposed.types.get('sluice_event_loop_delay_seconds'), 'histogram')
  } finally {
    stop()
  }
})

test('the delay of the event loop is seen', async () => {
  const metrics = fresh()
  const { stop } = addProcessMetrics(metrics, { version: '1', runtime: 'x' })
  try {
    const until = performance.now() + 700
    while (performance.now() < until);
    const sum = async () => {
      const exposed = readExposition(await metrics.expose())
      return exposed.value('sluice_event_loop_delay_seconds_sum') ?? 0
    }
    const end = performance.now() + 60_000
    while (await sum() < 0.2) {
      assert.ok(performance.now() < end, 'the delay was never seen')
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    stop()
  }
})

test('the bounds for seconds reach from milliseconds to the longest wait of a statement', () => {
  assert.equal(secondsBounds[0], 0.005)
  assert.equal(secondsBounds.at(-1), 150)
})
