// Goal: what pages are made of says the truth: numbers, snippets, charts, limits on logins, colours.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { everyMinute, niceMax, phaseBar } from '../../src/console/charts.ts'
import { createLive } from '../../src/console/live.ts'
import { html } from '../../src/console/html.ts'
import { bucketTable } from '../../src/console/limits.ts'
import { psqlOf, snippetsOf, urlOf } from '../../src/console/snippets.ts'
import { createThrottle, freeMax } from '../../src/console/throttle.ts'
import { compact, counted, duration, number, percent, span } from '../../src/console/words.ts'
import { runsOf } from '../help/property.ts'

test('numbers and durations read as people write them', () => {
  assert.deepEqual([number(1234567), number(null), compact(9999), compact(12_345)], [
    '1,234,567',
    '–',
    '9,999',
    '12.3K',
  ])
  assert.deepEqual([0.2, 42.4, 999, 1234, 65_000, null].map(duration), [
    '<1 ms',
    '42 ms',
    '999 ms',
    '1.23 s',
    '65 s',
    '–',
  ])
  assert.deepEqual([119, 600, 7_200, 200_000].map(span), ['119 s', '10 min', '2 h', '2 d'])
  assert.deepEqual([counted(1, 'row'), counted(2, 'row')], ['1 row', '2 rows'])
})

test('what does not agree wholly never reads as 100 %', () => {
  assert.deepEqual([1, 0.99999, 0.5, 0, null].map(percent), [
    '100.0 %',
    '99.9 %',
    '50.0 %',
    '0.0 %',
    '–',
  ])
})

const target = fc.record({
  host: fc.constantFrom('db.example.com', '203.0.113.9', 'fd00::7'),
  port: fc.integer({ min: 1, max: 65_535 }),
  database: fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed()),
  user: fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed()),
  password: fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed()),
})

test('the URL means what it was made of, whatever characters that has', () => {
  fc.assert(
    fc.property(target, (each) => {
      const url = new URL(urlOf(each))
      const parts = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent)
      assert.deepEqual(parts, [each.user, each.password, each.database])
      assert.equal(url.hostname.replace(/^\[(.*)\]$/, '$1'), each.host)
      assert.doesNotMatch(psqlOf(each).slice("psql '".length, -1), /[\s"`$\\]/)
    }),
    { ...runsOf(), examples: [[{ host: 'h', port: 1, database: 'd', user: 'u', password: `'` }]] },
  )
})

test('every driver of the list has a snippet with the host, and none with a password that nobody gave', () => {
  const given = { host: 'h.example', port: 6432, database: 'd', user: 'u.sync_a', password: null }
  const snippets = snippetsOf(given)
  assert.deepEqual(snippets.map(({ name }) => name), [
    'node-postgres',
    'postgres.js',
    'psycopg',
    'SQLAlchemy',
    'JDBC',
    'Go pgx',
    'Ruby pg',
    'PHP PDO',
  ])
  for (const { text } of snippets) {
    assert.match(text, /h\.example/)
    assert.match(text, /PASSWORD/)
  }
  assert.equal(new Set(snippets.map(({ id }) => id)).size, snippets.length)
})

test('a chart has every minute, those without anything too, and a round top', () => {
  const now = Date.parse('2026-11-26T06:30:20Z')
  const some = {
    at: '2026-11-26T06:29:00Z',
    mutations: 3,
    refused: 1,
    unknown: 0,
    p50: 5,
    p95: 6,
    p99: 7,
  }
  const minutes = everyMinute([some], { now, minutes: 5 })
  assert.deepEqual(minutes.map(({ mutations }) => mutations), [0, 0, 0, 3, 0])
  assert.equal(minutes.at(-1)?.at, '2026-11-26T06:30:00.000Z')
  assert.deepEqual([0, 1, 3, 7, 50, 51, 120].map(niceMax), [1, 1, 5, 10, 50, 100, 200])
})

test('a phase that is not known takes no room, and is said', async () => {
  const bar = String(
    await phaseBar({
      id: 'x',
      sync: 's',
      schema: 'a',
      table: 'b',
      operation: 'insert',
      rows: 1,
      by: null,
      state: 'refused',
      receivedAt: '2026-11-26T06:30:00.000Z',
      sentAt: '2026-11-26T06:30:00.250Z',
      answeredAt: '2026-11-26T06:30:01.000Z',
      appliedAt: null,
      requests: null,
      fault: null,
    }, 1_000),
  )
  assert.match(bar, /aria-label="turn 250 ms, platform 750 ms, database –"/)
  assert.deepEqual([...bar.matchAll(/width="([\d.]+)"/g)].map(([, width]) => width), ['25', '75'])
})

test('wrong tokens of an address are answered the later the more there are, and few addresses are remembered', () => {
  let now = 0
  const throttle = createThrottle({ now: () => now })
  for (let tries = 0; tries < freeMax; tries++) assert.equal(throttle.fail('a'), 0)
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => throttle.fail('a')), [
    250,
    500,
    1_000,
    2_000,
    4_000,
    4_000,
  ])
  assert.equal(throttle.fail('b'), 0, 'another address has done nothing')
  now = 59_999
  assert.equal(throttle.fail('a'), 4_000)
  now += 60_000
  assert.equal(throttle.fail('a'), 0, 'a minute without a failure')
  for (let tries = 1; tries < freeMax; tries++) throttle.fail('a')
  throttle.forgive('a')
  assert.equal(throttle.fail('a'), 0)
  for (let tries = 1; tries < freeMax; tries++) throttle.fail('a')
  assert.ok(throttle.fail('a') > 0)
  for (let others = 0; others < 10_000; others++) throttle.fail(`other ${others}`)
  assert.equal(throttle.fail('a'), 0, 'it failed longest ago, and was forgotten')
})

test('streams are bounded, and each is given back when its listener goes', async () => {
  const live = createLive({ now: Date.now })
  const signal = new AbortController().signal
  const isOpen = () => true
  const draw = () => Promise.resolve(html`<p>${'<b>'}\nnext</p>`)
  const first = live.stream(draw, { signal, isOpen })
  const reader = first.body?.getReader()
  const { value } = await reader?.read() ?? {}
  assert.equal(new TextDecoder().decode(value), 'data: <p>&lt;b&gt;\ndata: next</p>\n\n')
  const others = Array.from({ length: 99 }, () => live.stream(draw, { signal, isOpen }))
  assert.equal(live.size, 100)
  assert.equal(live.stream(draw, { signal, isOpen }).status, 503)
  await reader?.cancel()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(live.size, 99)
  live.close()
  for (const { body } of others) for await (const _ of body ?? []) { /* to its end */ }
  assert.equal(live.size, 0)
})

/** The colours of a scheme, by their names. */
function coloursOf(css: string, scheme: 'light' | 'dark'): Map<string, string> {
  const [light = '', dark = ''] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) => body)
  const read = (body: string) => [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)]
  const pairs = scheme === 'light' ? read(light) : [...read(light), ...read(dark)]
  return new Map(pairs.map(([, name = '', value = '']) => [name, value]))
}

function contrast(one: string, other: string): number {
  const light = (hex: string) => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [a = 0, b = 0] = [light(one), light(other)].sort((x, y) => y - x)
  return (a + 0.05) / (b + 0.05)
}

const texts: readonly (readonly [string, string])[] = [
  ...['bg', 'surface'].flatMap((back) =>
    ['text', 'muted', 'accent', 'bad', 'ok'].map((fore) => [fore, back] as const)
  ),
  ...['ok', 'warn', 'bad', 'info'].map((tone) => [tone, `${tone}-bg`] as const),
  ...['ok-bg', 'warn-bg', 'bad-bg', 'info-bg', 'mark'].map((back) => ['text', back] as const),
  ['on-accent', 'accent'],
  ['bg', 'bad'],
]
const edges: readonly (readonly [string, string])[] = [
  'edge',
  'accent',
  'chart-2',
  'chart-3',
  'bad',
]
  .map((name) => [name, 'bg'] as const)

test('colours keep the contrast that WCAG asks for, by day and by night', () => {
  const file = new URL('../../src/console/assets/console.css', import.meta.url)
  const css = readFileSync(file, 'utf8')
  for (const scheme of ['light', 'dark'] as const) {
    const colours = coloursOf(css, scheme)
    for (const [pairs, least] of [[texts, 4.5], [edges, 3]] as const) {
      for (const [fore, back] of pairs) {
        const ratio = contrast(colours.get(fore) ?? '#', colours.get(back) ?? '#')
        assert.ok(ratio >= least, `${scheme}: ${fore} on ${back} is ${ratio.toFixed(2)} to 1`)
      }
    }
  }
})

test('what processes have reserved of a limit at one time is not what is in use of it', async () => {
  const bucket = {
    rule: 'concurrent',
    about: '100 requests under way at one time',
    key: '',
    limit: 100,
    windowMs: null,
    used: 100,
    left: 0,
    ahead: 0,
    aheadMs: 0,
    blockedMs: 0,
  }
  const page = String(await html`${bucketTable({ buckets: [bucket], underWay: 2 }, 'Buckets')}`)
  assert.match(page, /2 mutations under way; 100 of 100 reserved for mutations and for reading/)
  assert.match(page, /aria-label="2 of 100 used"/)
  assert.doesNotMatch(page, />full</)
  const window = { ...bucket, windowMs: 1_000 }
  const full = String(await html`${bucketTable({ buckets: [window], underWay: 2 }, 'Buckets')}`)
  assert.match(full, /100 of 100<[^]*>full</)
})
