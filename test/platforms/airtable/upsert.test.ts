// Goal: an upsert is one PATCH with performUpsert, and each row gets the record that has its key.
// Method: the real SDK against a scripted server on a real socket.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Mutation, Values } from '../../../src/mutation/mutation.ts'
import { columnsOf } from '../../../src/platforms/airtable/columns.ts'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import { isOutcomeOf } from '../../../src/service/check.ts'
import { type FakeApi, fakeApi } from '../../help/fake-api.ts'
import { base, contacts, idAt, mutation, records, refusal, settings } from './help.ts'

let api: FakeApi
before(async () => {
  api = await fakeApi()
})
after(() => api.close())

function upsert(rows: readonly Values[], ids: readonly (string | null)[] = []): Mutation {
  const insert = mutation('insert', rows)
  return {
    ...insert,
    upsertBy: 'email',
    rows: insert.rows.map((row, at) => ({ ...row, id: ids[at] ?? null })),
  }
}

const two = upsert([{ email: 'a', name: 'same' }, { email: 'b', name: 'same' }], [null, idAt(9)])

async function carry(what: Mutation) {
  const outcome = await airtable.write(what, contacts, api.caller({ settings }))
  assert.ok(isOutcomeOf(what, outcome))
  return outcome
}

test('records go without ids, with the field that they are merged on', async () => {
  api.play(() => records({ fldEmail: 'a', fldName: 'same' }, { fldEmail: 'b', fldName: 'same' }))
  const outcome = await carry(two)
  const [asked, another] = api.asked
  assert.equal(another, undefined)
  assert.deepEqual([asked?.method, asked?.url], ['PATCH', `/v0/${base}/${contacts.object}/`])
  assert.deepEqual(JSON.parse(asked?.body ?? ''), {
    records: [
      { fields: { fldEmail: 'a', fldName: 'same' } },
      { fields: { fldEmail: 'b', fldName: 'same' } },
    ],
    returnFieldsByFieldId: true,
    performUpsert: { fieldsToMergeOn: ['fldEmail'] },
  })
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(outcome.rows.map(({ ordinal, id }) => [ordinal, id]), [[1, idAt(1)], [
    2,
    idAt(2),
  ]])
  const at = { baseUrl: api.url, settings }
  assert.deepEqual(
    airtable.requests(two, contacts, at).map(({ method, path, rows }) => [method, path, rows]),
    [[asked?.method, asked?.url, 2]],
  )
})

test('records in another order go to the rows that have their keys', async () => {
  api.play(() => records({ fldEmail: 'b', fldName: 'same' }, { fldEmail: 'a', fldName: 'same' }))
  const outcome = await carry(two)
  assert.ok(outcome.state === 'accepted')
  assert.deepEqual(outcome.rows.map(({ ordinal, id }) => [ordinal, id]), [[1, idAt(2)], [
    2,
    idAt(1),
  ]])
})

test('a key that more than one record has is a refusal, and nothing is written', async () => {
  const message = 'Cannot upsert: more than one record matches the values to merge on'
  api.play(() => refusal(422, 'INVALID_REQUEST_UNKNOWN', message))
  const outcome = await carry(two)
  assert.ok(outcome.state === 'refused')
  assert.match(outcome.fault.detail ?? '', /more than one record matches/)
})

test('ten rows go, eleven do not; a reply that is lost leaves it unknown', async () => {
  const rows = Array.from({ length: 11 }, (_, at) => ({ email: `k${at}` }))
  api.play((_asked, response) => void response.destroy())
  const many = await carry(upsert(rows))
  assert.ok(many.state === 'refused')
  assert.equal(many.fault.sqlstate, '54000')
  assert.equal(api.asked.length, 0)
  assert.equal((await carry(upsert(rows.slice(1)))).state, 'unknown')
})

test('fields of the types that Airtable merges on are what an upsert goes by, and none is unique', () => {
  const types = [
    'singleLineText',
    'multilineText',
    'email',
    'url',
    'phoneNumber',
    'singleSelect',
    'number',
    'date',
    'checkbox',
    'multipleSelects',
    'formula',
    'autoNumber',
    'multipleRecordLinks',
  ]
  const fields = types.map((type) => ({ id: `fld${type}`, name: type, type, options: {} }))
  const marked = columnsOf(fields).filter(({ upsert }) => upsert !== undefined)
  assert.deepEqual(marked.map(({ field }) => field.slice(3)), types.slice(0, 8))
  assert.ok(marked.every(({ upsert }) => upsert === 'loose'))
})
