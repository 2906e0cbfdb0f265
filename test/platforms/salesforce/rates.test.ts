// Goal: what Salesforce allows, what it says of it, and the requests that a mutation will make are told truly. Method:
// the adapter's pure functions, and its requests against those that it really sends.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { HttpResponse } from '../../../src/lib/http.ts'
import type { Mutation, PlannedRow } from '../../../src/mutation/mutation.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { contacts, type FakeOrg, fakeOrg } from './fake.ts'

let org: FakeOrg

before(async () => org = await fakeOrg())
after(() => org.close())

const at = { baseUrl: 'https://x.my.salesforce.com', settings: {} }
const request = { method: 'GET', url: `${at.baseUrl}/services/data/v62.0/query?q=x` } as const
const answer = (fields: Partial<HttpResponse>): HttpResponse => ({
  status: 200,
  headers: {},
  body: '',
  ...fields,
})
const learn = (fields: Partial<HttpResponse>) => salesforce.rates.learn(request, answer(fields), at)

test('the daily limit is the setting, or that of an Enterprise organization', () => {
  const limits = (settings: Record<string, unknown>) =>
    salesforce.rates.rules(settings).map(({ name, limit, windowMs }) => [name, limit, windowMs])
  assert.deepEqual(limits({}), [['daily', 100_000, 86_400_000], ['concurrent', 100, null]])
  assert.deepEqual(limits({ dailyLimit: 15_000, concurrentLimit: 5 }), [
    ['daily', 15_000, 86_400_000],
    ['concurrent', 5, null],
  ])
  for (const wrong of ['5', 0, -1, 1.5, null]) {
    assert.deepEqual(limits({ dailyLimit: wrong })[0], ['daily', 100_000, 86_400_000])
  }
})

test('a request counts once', () => {
  assert.deepEqual(salesforce.rates.charges(request, at), [
    { rule: 'daily', units: 1 },
    { rule: 'concurrent', units: 1 },
  ])
})

test('the header tells what is left of the day', () => {
  const told = (header: string) => learn({ headers: { 'sforce-limit-info': header } }).news
  const remaining = { kind: 'remaining', rule: 'daily', remaining: 4982, limit: 5000 }
  assert.deepEqual(told('api-usage=18/5000'), [remaining])
  assert.deepEqual(told('api-usage=18/5000; per-app-api-usage=17/250(appName=a)'), [remaining])
  assert.deepEqual(told('api-usage=5003/5000'), [{ ...remaining, remaining: 0 }])
  assert.deepEqual(told('nonsense'), [])
})

test('a refusal for a limit is told apart from every other', () => {
  const refusal = (errorCode: string, message: string, headers = {}) =>
    learn({ status: 403, headers, body: JSON.stringify([{ errorCode, message }]) })
  assert.deepEqual(refusal('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'), {
    refused: true,
    news: [{ kind: 'blocked', rule: 'daily', waitMs: 60_000 }],
  })
  const usage = { 'sforce-limit-info': 'api-usage=18/5000' }
  assert.deepEqual(refusal('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.', usage), {
    refused: true,
    news: [{ kind: 'blocked', rule: 'daily', waitMs: 5_000 }],
  })
  assert.deepEqual(refusal('REQUEST_LIMIT_EXCEEDED', 'ConcurrentPerOrgLongTxn Limit exceeded.'), {
    refused: true,
    news: [{ kind: 'blocked', rule: 'concurrent', waitMs: 5_000 }],
  })
  assert.equal(refusal('INSUFFICIENT_ACCESS', 'no').refused, false)
  assert.equal(learn({ status: 403, body: '<html>' }).refused, false)
  const words = JSON.stringify([{ errorCode: 'REQUEST_LIMIT_EXCEEDED', message: 'x' }])
  assert.equal(learn({ status: 200, body: words }).refused, false)
})

test('the requests that a mutation will make are those that it makes', async () => {
  const id = '003000000000001AAA'
  const row = (fields: Partial<PlannedRow>): PlannedRow => ({
    ordinal: 1,
    id,
    values: {},
    ...fields,
  })
  const cases: [Mutation['operation'], PlannedRow][] = [
    ['insert', row({ id: null, values: { last_name: 'A' } })],
    ['insert', row({ id: null, values: { last_name: '@{write[0].id}' } })],
    ['update', row({ values: { last_name: 'A' } })],
    ['update', row({ values: { last_name: 'a @{b' } })],
    ['delete', row({})],
    ['update', row({ id: 'no id', values: { last_name: 'A' } })],
  ]
  for (const [operation, planned] of cases) {
    org.play(() => ({ status: 500, body: '' }))
    const place = { syncId: 'sync_test', schema: 'salesforce', table: 'contacts' }
    const mutation = { id: crypto.randomUUID(), ...place, operation, rows: [planned] }
    const told = salesforce.requests(mutation, contacts, at)
    await salesforce.write(mutation, contacts, org.caller())
    const sent = org.asked.map(({ method, url }) => `${method} ${url}`)
    assert.deepEqual(told.map(({ method, path }) => `${method} ${path}`), sent)
    assert.ok(told.every(({ rows }) => rows === 1))
  }
})
