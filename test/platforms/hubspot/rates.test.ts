// Goal: the rules of each tier, what a request takes, and what HubSpot's headers and refusals tell.
// Method: the pure functions, over requests and answers as HubSpot documents them.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import { rates } from '../../../src/platforms/hubspot/rates.ts'
import { readSettings } from '../../../src/platforms/hubspot/settings.ts'

const baseUrl = 'https://api.hubapi.com'
const at = (settings = {}) => ({ baseUrl, settings })
const request = (path: string) => ({ method: 'POST', url: baseUrl + path }) as const
const write = request('/crm/v3/objects/contacts/batch/update')
const search = request('/crm/v3/objects/contacts/search?x=1')

test('each tier has its rules; the lowest when none is named', () => {
  const limits = (settings: object) =>
    Object.fromEntries(
      rates.rules({ ...settings }).map(({ name, limit, windowMs }) => [name, [limit, windowMs]]),
    )
  const searches = { search: [5, 1_000] }
  const day = 86_400_000
  assert.deepEqual(limits({ tier: 'oauth' }), { ten_seconds: [110, 10_000], ...searches })
  for (const settings of [{}, { tier: 'free' }, { tier: 'starter' }]) {
    const wanted = { ten_seconds: [100, 10_000], ...searches, daily: [250_000, day] }
    assert.deepEqual(limits(settings), wanted)
  }
  assert.deepEqual(limits({ tier: 'professional' })['ten_seconds'], [190, 10_000])
  assert.deepEqual(limits({ tier: 'professional' })['daily'], [650_000, day])
  assert.deepEqual(limits({ tier: 'enterprise' })['ten_seconds'], [190, 10_000])
  assert.deepEqual(limits({ tier: 'add_on' })['ten_seconds'], [250, 10_000])
})

test('settings that are not valid are refused with the words that are', () => {
  for (const settings of [{ tier: 'gold' }, { tier: 7 }, { tier: null }, { batchInsert: 1 }]) {
    assert.throws(
      () => readSettings(settings),
      (error) =>
        error instanceof Fault && error.code === 'bad_request' &&
        /"(tier|batchInsert)"/.test(error.data.detail ?? ''),
    )
  }
  assert.deepEqual(readSettings({ batchInsert: true, tier: 'oauth', other: 1 }), {
    batchInsert: true,
    tier: 'oauth',
  })
})

test('a request is one of ten seconds and of the day, a search one of its own', () => {
  assert.deepEqual(rates.charges(write, at()), [
    { rule: 'ten_seconds', units: 1 },
    { rule: 'daily', units: 1 },
  ])
  assert.deepEqual(rates.charges(search, at()), [
    { rule: 'search', units: 1 },
    { rule: 'daily', units: 1 },
  ])
  assert.deepEqual(rates.charges(write, at({ tier: 'oauth' })), [
    { rule: 'ten_seconds', units: 1 },
  ])
  for (const tier of ['oauth', 'free', 'add_on']) {
    const rules = rates.rules({ tier }).map(({ name }) => name)
    for (const each of [write, search]) {
      for (const { rule } of rates.charges(each, at({ tier }))) assert.ok(rules.includes(rule))
    }
  }
})

const headers = {
  'x-hubspot-ratelimit-max': '100',
  'x-hubspot-ratelimit-remaining': '42',
  'x-hubspot-ratelimit-interval-milliseconds': '10000',
  'x-hubspot-ratelimit-daily': '250000',
  'x-hubspot-ratelimit-daily-remaining': '249000',
}

describe('what an answer tells', () => {
  test("HubSpot's own counts", () => {
    const told = rates.learn(write, { status: 200, headers, body: '{}' }, at())
    assert.deepEqual(told, {
      refused: false,
      news: [
        { kind: 'remaining', rule: 'ten_seconds', remaining: 42, limit: 100, resetMs: 10_000 },
        { kind: 'remaining', rule: 'daily', remaining: 249_000, limit: 250_000 },
      ],
    })
  })

  test('nothing where there are no headers, or none that are numbers', () => {
    const odd = { 'x-hubspot-ratelimit-remaining': 'many' }
    for (const given of [{}, odd]) {
      const told = rates.learn(write, { status: 200, headers: given, body: '' }, at())
      assert.deepEqual(told, { refused: false, news: [] })
    }
  })

  test('an OAuth app has no day to count', () => {
    const { news } = rates.learn(write, { status: 200, headers, body: '' }, at({ tier: 'oauth' }))
    assert.deepEqual(news.map(({ rule }) => rule), ['ten_seconds'])
  })

  const limited = (policyName: string) => JSON.stringify({ errorType: 'RATE_LIMIT', policyName })
  const cases: [string, number, string, Record<string, string>, string, number][] = [
    ['ten seconds', 429, limited('TEN_SECONDLY_ROLLING'), {}, 'ten_seconds', 10_000],
    ['a second', 429, limited('SECONDLY'), {}, 'ten_seconds', 1_000],
    ['a day', 429, limited('DAILY'), {}, 'daily', 900_000],
    ['Retry-After', 429, limited('DAILY'), { 'retry-after': '30' }, 'daily', 30_000],
    ['no words', 429, '<html>', {}, 'ten_seconds', 10_000],
    ['locked', 423, '{}', {}, 'ten_seconds', 2_000],
    ['moving', 477, '{}', {}, 'ten_seconds', 60_000],
    ['moving for long', 477, '{}', { 'retry-after': '86400' }, 'ten_seconds', 86_400_000],
  ]
  for (const [what, status, body, more, rule, waitMs] of cases) {
    test(`a refusal: ${what}`, () => {
      const told = rates.learn(write, { status, headers: more, body }, at())
      assert.deepEqual(told, { refused: true, news: [{ kind: 'blocked', rule, waitMs }] })
    })
  }

  test('a search that is refused blocks searches only', () => {
    const told = rates.learn(search, { status: 429, headers: {}, body: limited('SECONDLY') }, at())
    assert.deepEqual(told.news, [{ kind: 'blocked', rule: 'search', waitMs: 1_000 }])
  })

  test('other failures are no refusals of this kind', () => {
    for (const status of [400, 401, 403, 500, 503]) {
      assert.equal(rates.learn(write, { status, headers: {}, body: '' }, at()).refused, false)
    }
  })
})
