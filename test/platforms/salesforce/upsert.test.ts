// Goal: an upsert is one composite request to the external id's own resource, and its outcome has the records' ids.
// Method: a server that answers what the API's documents say.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Mutation, Values } from '../../../src/mutation/mutation.ts'
import { apiRoot } from '../../../src/platforms/salesforce/client.ts'
import { columnsOf, readField } from '../../../src/platforms/salesforce/columns.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { isOutcomeOf } from '../../../src/service/check.ts'
import {
  composite,
  contacts,
  type FakeOrg,
  fakeOrg,
  idAt,
  mutation,
  noReference,
  records,
  refusedRow,
  rolledBackRow,
  written,
} from './fake.ts'

let org: FakeOrg
before(async () => {
  org = await fakeOrg()
})
after(() => org.close())

/** `ids`: of the rows that the table has. */
function upsert(rows: readonly Values[], ids: readonly (string | null)[] = []): Mutation {
  const insert = mutation('insert', rows)
  const known = insert.rows.map((row, at) => ({ ...row, id: ids[at] ?? null }))
  return { ...insert, upsertBy: 'external_id__c', rows: known }
}

const two = upsert([
  { external_id__c: 'a', last_name: 'A', email: null },
  { external_id__c: 'b', last_name: 'B', email: 'b@x.org' },
], [null, idAt(2)])
const root = `${apiRoot}/composite`

async function carry(what: Mutation) {
  const outcome = await salesforce.write(what, contacts, org.caller())
  assert.ok(isOutcomeOf(what, outcome))
  return outcome
}

test('the collection goes to the external id, with nulls, all or none, and is read back', async () => {
  const saved = {
    body: [1, 2].map((n) => ({ id: idAt(n), success: true, errors: [], created: n === 1 })),
  }
  org.play(() => composite(saved, records(2, (i) => ({ LastName: `L${i}`, Email: null }))))
  const outcome = await carry(two)
  const [asked, another] = org.asked
  assert.equal(another, undefined)
  assert.deepEqual([asked?.method, asked?.url], ['POST', root])
  const body = JSON.parse(asked?.body ?? '') as { compositeRequest: Record<string, unknown>[] }
  const [write, read] = body.compositeRequest
  assert.deepEqual(write, {
    method: 'PATCH',
    url: `${root}/sobjects/Contact/External_Id__c`,
    referenceId: 'write',
    body: {
      allOrNone: true,
      records: [
        { attributes: { type: 'Contact' }, External_Id__c: 'a', LastName: 'A', Email: null },
        { attributes: { type: 'Contact' }, External_Id__c: 'b', LastName: 'B', Email: 'b@x.org' },
      ],
    },
  })
  const { ids } = read?.['body'] as { ids: string[] } ?? {}
  assert.deepEqual(ids, ['@{write[0].id}', '@{write[1].id}'])
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(
    outcome.rows.map(({ id, values }) => [id, values?.['last_name'], values?.['email']]),
    [[idAt(1), 'L0', null], [idAt(2), 'L1', null]],
  )
})

test('another record than the table has, and an id of 15 characters, keep apart', async () => {
  const what = upsert([{ external_id__c: 'a' }, { external_id__c: 'b' }], [
    idAt(9),
    idAt(2).slice(0, 15),
  ])
  org.play(() => composite(written(2), records(2, () => ({}))))
  const outcome = await carry(what)
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(outcome.rows.map(({ id }) => id), [idAt(1), idAt(2).slice(0, 15)])
})

test('what cannot be read back is as it was sent, under the record’s id', async () => {
  org.play(() => composite(written(2), noReference), () => ({ status: 500 }))
  const outcome = await carry(two)
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(outcome.rows[0]?.values, {
    external_id__c: 'a',
    last_name: 'A',
    email: null,
    id: idAt(1),
  })
})

test('a refused row refuses all', async () => {
  const refusal = {
    body: [rolledBackRow, refusedRow('DUPLICATE_VALUE', 'twice', ['External_Id__c'])],
  }
  org.play(() => composite(refusal, noReference))
  const outcome = await carry(two)
  assert.ok(outcome.state === 'refused')
  assert.deepEqual([outcome.fault.sqlstate, outcome.fault.column, outcome.fault.row], [
    '23505',
    'external_id__c',
    2,
  ])
})

test('a value that holds @{ goes without the composite; the request told beforehand is the one made', async () => {
  const at = { baseUrl: org.url, settings: {} }
  const odd = upsert([{ external_id__c: 'a', last_name: '@{x}' }])
  const told = [odd, two].map((one) =>
    salesforce.requests(one, contacts, at).map(({ method, path, rows }) => [method, path, rows])
  )
  const path = `${root}/sobjects/Contact/External_Id__c`
  assert.deepEqual(told, [[['PATCH', path, 1]], [['POST', root, 2]]])
  org.play(() => written(1), () => records(1, () => ({ LastName: '@{x}' })))
  await carry(odd)
  assert.deepEqual([org.asked[0]?.method, org.asked[0]?.url], ['PATCH', path])
})

test('200 rows go, one more does not', async () => {
  const rows = Array.from({ length: 201 }, (_, at) => ({ external_id__c: `k${at}` }))
  org.play(() => composite(written(200), records(200, () => ({}))))
  assert.equal((await carry(upsert(rows.slice(1)))).state, 'accepted')
  const outcome = await carry(upsert(rows))
  assert.ok(outcome.state === 'refused')
  assert.equal(outcome.fault.sqlstate, '54000')
  assert.equal(org.asked.length, 1)
})

test('a reply that is lost leaves it unknown', async () => {
  org.play((_asked, response) => void response.destroy())
  assert.equal((await carry(two)).state, 'unknown')
})

test('an external id is what an upsert goes by, and unique where Salesforce says so', () => {
  const field = (name: string, more: object) => {
    const read = readField({ name, type: 'string', createable: true, updateable: true, ...more })
    assert.ok(read)
    return read
  }
  const columns = columnsOf([
    field('Ext__c', { externalId: true, unique: true }),
    field('Loose__c', { externalId: true }),
    field('Auto__c', { externalId: true, unique: true, createable: false, updateable: false }),
    field('Email', { unique: true, idLookup: true }),
  ])
  assert.deepEqual(
    columns.map(({ name, upsert }) => [name, upsert]),
    [
      ['id', undefined],
      ['ext__c', 'unique'],
      ['loose__c', 'loose'],
      ['auto__c', undefined],
      ['email', undefined],
    ],
  )
})
