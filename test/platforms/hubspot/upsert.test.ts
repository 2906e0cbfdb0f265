// Goal: an upsert is one batch, whose rows are found again whatever the order, and each has its own outcome.
// Method: a server that answers what the API's documents say.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Mutation, Values } from '../../../src/mutation/mutation.ts'
import { columnsOf, readProperty } from '../../../src/platforms/hubspot/columns.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import { isOutcomeOf } from '../../../src/service/check.ts'
import {
  badProperties,
  batch,
  contacts,
  type FakePortal,
  fakePortal,
  idAt,
  mutation,
  record,
} from './fake.ts'

let portal: FakePortal
before(async () => {
  portal = await fakePortal()
})
after(() => portal.close())

function upsert(rows: readonly Values[], ids: readonly (string | null)[] = []): Mutation {
  const insert = mutation('insert', rows)
  return {
    ...insert,
    upsertBy: 'email',
    rows: insert.rows.map((row, at) => ({ ...row, id: ids[at] ?? null })),
  }
}

const three = upsert([
  { email: 'A@x.org', firstname: 'A', score: null },
  { email: 'b@x.org', firstname: 'B', score: '2' },
  { email: 'c@x.org', firstname: 'C', score: '3' },
], [null, idAt(2), null])
const own = (n: number, email: string, more: object = {}) => record(n, { email }, more)

async function carry(what: Mutation) {
  const outcome = await hubspot.write(what, contacts, portal.caller())
  assert.ok(isOutcomeOf(what, outcome))
  return outcome
}

test('each input has its key, the property that it is of, and everything else; null clears', async () => {
  const results = [own(3, 'c@x.org', { new: true }), own(2, 'b@x.org'), own(1, 'a@x.org')]
  portal.play(() => ({ body: batch(results) }), () => ({ body: batch(results) }))
  const outcome = await carry(three)
  assert.equal(portal.asked[0]?.url, '/crm/v3/objects/contacts/batch/upsert')
  assert.equal(portal.asked.filter(({ url }) => url.endsWith('/upsert')).length, 1)
  const { inputs } = JSON.parse(portal.asked[0]?.body ?? '') as { inputs: unknown[] }
  assert.deepEqual(inputs.slice(0, 2), [
    {
      id: 'A@x.org',
      idProperty: 'email',
      properties: { firstname: 'A', score: '' },
      objectWriteTraceId: '1',
    },
    {
      id: 'b@x.org',
      idProperty: 'email',
      properties: { firstname: 'B', score: '2' },
      objectWriteTraceId: '2',
    },
  ])
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(
    outcome.rows.map(({ ordinal, id, values }) => [ordinal, id, values?.['email']]),
    [
      [1, idAt(1), 'a@x.org'],
      [2, idAt(2), 'b@x.org'],
      [3, idAt(3), 'c@x.org'],
    ],
  )
})

test('rows are found by trace id, then by key; one met by a second address is what is left', async () => {
  const results = [
    own(7, 'other@x.org'),
    own(8, 'b@x.org'),
    own(9, 'a@x.org', { objectWriteTraceId: '3' }),
  ]
  portal.play(() => ({ body: batch(results) }), () => ({ status: 500 }))
  const outcome = await carry(three)
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(outcome.rows.map(({ id }) => id), [idAt(7), idAt(8), idAt(9)])
  // what was answered counts, not what was sent
  assert.equal(outcome.rows[0]?.values?.['email'], 'other@x.org')
})

test('207: the refused row is named by its key, the others are written', async () => {
  const bad = {
    ...badProperties({ name: 'score', error: 'INVALID_INTEGER', message: 'no' }),
    context: { ids: ['b@x.org'] },
  }
  const results = [own(1, 'a@x.org'), own(3, 'c@x.org')]
  portal.play(
    () => ({ status: 207, body: batch(results, [bad]) }),
    () => ({ body: batch(results) }),
  )
  const outcome = await carry(three)
  assert.ok(outcome.state === 'partial')
  assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [1, 3])
  const [other] = outcome.others
  assert.ok(other?.state === 'refused')
  assert.deepEqual([other.ordinal, other.id, other.fault.column], [2, idAt(2), 'score'])
})

test('a row of which the answer says nothing is unknown', async () => {
  const results = [own(1, 'a@x.org'), own(3, 'c@x.org')]
  portal.play(() => ({ body: batch(results) }), () => ({ body: batch(results) }))
  const outcome = await carry(three)
  assert.ok(outcome.state === 'partial')
  assert.deepEqual(outcome.others.map(({ ordinal, state }) => [ordinal, state]), [[2, 'unknown']])
})

test('two keys that differ in case alone are not sent, nor 101 rows; 100 are', async () => {
  portal.play(() => ({ body: batch([]) }))
  const twice = await carry(upsert([{ email: 'a@x.org' }, { email: 'A@X.ORG' }]))
  assert.ok(twice.state === 'refused')
  assert.deepEqual([twice.fault.code, twice.fault.row, twice.fault.column], [
    'duplicate',
    2,
    'email',
  ])
  const rows = Array.from({ length: 101 }, (_, at) => ({ email: `k${at}@x.org` }))
  const many = await carry(upsert(rows))
  assert.ok(many.state === 'refused')
  assert.equal(many.fault.sqlstate, '54000')
  assert.equal(portal.asked.length, 0)
  const at = { baseUrl: portal.url, settings: {} }
  assert.deepEqual(
    hubspot.requests(upsert(rows.slice(1)), contacts, at).map(({ path, rows }) => [path, rows]),
    [['/crm/v3/objects/contacts/batch/upsert', 100]],
  )
})

test('a reply that is lost leaves it unknown', async () => {
  portal.play((_asked, response) => void response.destroy())
  assert.equal((await carry(three)).state, 'unknown')
})

test('a property with unique values is what an upsert goes by, and a contact’s email', () => {
  const properties = [
    { name: 'email', type: 'string' },
    { name: 'sku', type: 'string', hasUniqueValue: true },
    { name: 'number', type: 'number', hasUniqueValue: true },
    {
      name: 'hs_id',
      type: 'string',
      hasUniqueValue: true,
      modificationMetadata: { readOnlyValue: true },
    },
    { name: 'plain', type: 'string' },
  ].map((one) => readProperty(one)).filter((one) => one !== undefined)
  const marked = (unique: string[]) =>
    columnsOf(properties, { required: [], unique })
      .filter(({ upsert }) => upsert === 'unique').map(({ name }) => name)
  assert.deepEqual(marked(['email']), ['email', 'sku', 'number'])
  assert.deepEqual(marked([]), ['sku', 'number'])
})
