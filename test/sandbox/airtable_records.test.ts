// Goal: records behave as at Airtable: what is checked, with which words, and what comes back. Method: the web API over
// real sockets, with the requests that airtable.js sends; expected answers are Airtable's own (documentation, recordings).

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { JsonNumber } from '../../src/sandbox/json.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask, type Asking, exact } from './client.ts'

let nowMs = 0
const sandbox = await startSandbox({ port: 0, now: () => nowMs })
beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 25, 20, 50, 39, 120)
  sandbox.reset()
})
after(() => sandbox.close())

const base = '/airtable/v0/appSandbox0000001'

const call = (path: string, asking: Asking = {}): Promise<Answer> =>
  ask(sandbox, `${base}/${path}`, asking)

const create = (fields: object, more: object = {}): Promise<Answer> =>
  call('Contacts/?', { method: 'POST', body: { fields, ...more } })

const createMany = (rows: readonly object[]): Promise<Answer> =>
  call('Contacts/?', { method: 'POST', body: { records: rows.map((fields) => ({ fields })) } })

const change = (records: unknown, method = 'PATCH', more: object = {}): Promise<Answer> =>
  call('Contacts/?', { method, body: { records, ...more } })

const names = ({ json }: Answer): string[] =>
  json.records.map((one: { fields: { Name: string } }) => one.fields.Name)

const list = (query: Record<string, string> = {}): Promise<Answer> =>
  call(`Contacts?${new URLSearchParams(query)}`)

const where = async (formula: string): Promise<string[]> =>
  names(await list({ filterByFormula: formula }))

interface MetaField {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly options?: Record<string, unknown>
}

const metaFields = async (table = 'Contacts'): Promise<MetaField[]> => {
  const { json } = await ask(sandbox, '/airtable/v0/meta/bases/appSandbox0000001/tables')
  return json.tables.find((one: { name: string }) => one.name === table).fields
}

const fieldId = async (name: string): Promise<string> =>
  (await metaFields()).find((field) => field.name === name)?.id ?? ''

const errorOf = ({ status, json }: Answer): unknown[] => [
  status,
  json.error.type,
  json.error.message,
]

test('the meta API tells of the base, its tables and their fields', async () => {
  const bases = await ask(sandbox, '/airtable/v0/meta/bases')
  assert.deepEqual(bases.json.bases, [
    { id: 'appSandbox0000001', name: 'Sandbox', permissionLevel: 'create' },
  ])
  const { json } = await ask(sandbox, '/airtable/v0/meta/bases/appSandbox0000001/tables')
  for (const { id, fields, primaryFieldId, views } of json.tables) {
    assert.match(id, /^tbl[A-Za-z0-9]{14}$/)
    assert.equal(primaryFieldId, fields[0].id)
    assert.match(views[0].id, /^viw[A-Za-z0-9]{14}$/)
    const ids = fields.map((field: MetaField) => field.id)
    assert.equal(new Set(ids).size, ids.length)
    for (const fldId of ids) assert.match(fldId, /^fld[A-Za-z0-9]{14}$/)
  }
  const types = new Map((await metaFields()).map(({ name, type }) => [name, type]))
  assert.equal(types.get('Company'), 'multipleRecordLinks')
  assert.equal(types.get('Number'), 'autoNumber')
})

test('one new record comes back with what Airtable works out and without empty cells', async () => {
  const answer = await create({ Name: 'Leto', Active: false, Notes: '', Tags: [], Age: null })
  assert.equal(answer.status, 200)
  const { id, createdTime, fields } = answer.json
  assert.match(id, /^rec[A-Za-z0-9]{14}$/)
  assert.equal(createdTime, '2026-11-25T20:50:39.120Z')
  assert.deepEqual(fields, {
    Name: 'Leto',
    Label: 'Leto <>',
    'Active Points': 0,
    Headcount: 0,
    Companies: 0,
    Number: 5,
    Created: '2026-11-25T20:50:39.120Z',
    Modified: '2026-11-25T20:50:39.120Z',
  })
})

test('every type of field takes its values and gives them back', async () => {
  const company = (await call('Companies')).json.records[0].id
  const given = {
    Name: 'x',
    Email: 'x@y.example',
    Notes: 'a\nb',
    Bio: '**bold**',
    Phone: '1',
    Website: 'https://x.example',
    Age: 3,
    Price: 2.5,
    Rate: 0.25,
    Stars: 4,
    Duration: 90,
    Active: true,
    Birthday: '2026-02-28',
    Seen: '2026-02-28T10:00:00.123Z',
    Status: 'Lead',
    Tags: ['vip', 'press'],
    Company: [company],
  }
  const { json } = await create(given)
  for (const [name, value] of Object.entries(given)) {
    assert.deepEqual(json.fields[name], value, name)
  }
  assert.deepEqual(json.fields['Company Domains'], ['https://atreides.example'])
  assert.equal(json.fields.Headcount, 1200)
  const zoned = await create({ Seen: '2026-02-28T10:00:00+02:00' })
  assert.equal(zoned.json.fields.Seen, '2026-02-28T08:00:00.000Z')
  const file = await create({ Attachments: [{ url: 'https://x.example/a.png' }] })
  assert.equal(file.json.fields.Attachments[0].filename, 'a.png')
})

test('numbers keep every digit', async () => {
  const body = '{"fields":{"Score":1234567890123456789.12345678901}}'
  const answer = await call('Contacts', { method: 'POST', body })
  const read = exact(answer.text) as unknown as { fields: { Score: JsonNumber } }
  assert.equal(read.fields.Score.text, '1234567890123456789.12345678901')
})

test('what Airtable refuses is told in its words', async () => {
  const cannot = (name: string) => [
    422,
    'INVALID_VALUE_FOR_COLUMN',
    `Field "${name}" cannot accept the provided value`,
  ]
  const cases: [object, unknown[]][] = [
    [{ Name: 5 }, cannot('Name')],
    [{ Email: 'nobody' }, cannot('Email')],
    [{ Age: '5' }, cannot('Age')],
    [{ Stars: 6 }, cannot('Stars')],
    [{ Tags: 'vip' }, cannot('Tags')],
    [{ Active: 'false' }, [
      422,
      'INVALID_VALUE_FOR_COLUMN',
      'Cannot parse value "false" for field Active',
    ]],
    [{ Birthday: '21/4/2026, 23.33.26' }, [
      422,
      'INVALID_VALUE_FOR_COLUMN',
      'Cannot parse date value "21/4/2026, 23.33.26" for field Birthday',
    ]],
    [{ Birthday: '2026-02-30' }, [
      422,
      'INVALID_VALUE_FOR_COLUMN',
      'Cannot parse date value "2026-02-30" for field Birthday',
    ]],
    [{ Status: 'King' }, [
      422,
      'INVALID_MULTIPLE_CHOICE_OPTIONS',
      'Insufficient permissions to create new select option ""King""',
    ]],
    [{ Company: ['nobody'] }, [
      422,
      'INVALID_RECORD_ID',
      'Value "nobody" is not a valid record ID.',
    ]],
    [{ Company: ['rec00000000000000'] }, [
      422,
      'ROW_DOES_NOT_EXIST',
      'Record ID rec00000000000000 does not exist in this table',
    ]],
    [{ sessionId: 1 }, [422, 'UNKNOWN_FIELD_NAME', 'Unknown field name: "sessionId"']],
    [{ Number: 40 }, [
      422,
      'INVALID_VALUE_FOR_COLUMN',
      'Field "Number" cannot accept a value because the field is computed',
    ]],
  ]
  for (const [fields, expected] of cases) assert.deepEqual(errorOf(await create(fields)), expected)
})

test('one bad record and nothing of the request is carried out', async () => {
  const before = (await list()).json.records
  assert.equal((await createMany([{ Name: 'a' }, { Name: 5 }])).status, 422)
  const changed = await change([
    { id: before[0].id, fields: { Name: 'changed', Company: [] } },
    { id: 'rec00000000000000', fields: {} },
  ])
  assert.deepEqual(errorOf(changed), [
    422,
    'ROW_DOES_NOT_EXIST',
    'Record ID rec00000000000000 does not exist in this table',
  ])
  const gone = `records%5B%5D=${before[0].id}&records%5B%5D=rec00000000000000`
  assert.equal((await call(`Contacts?${gone}`, { method: 'DELETE' })).status, 422)
  assert.deepEqual((await list()).json.records, before)
})

test('ten records are taken in one request and one more is not', async () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ Name: `n${index}` }))
  const ten = await createMany(rows(10))
  assert.equal(ten.status, 200)
  assert.deepEqual(names(ten), rows(10).map(({ Name }) => Name))
  const eleven = await createMany(rows(11))
  assert.deepEqual([eleven.status, eleven.json.error.type], [422, 'INVALID_RECORDS'])
  const ids: string[] = ten.json.records.map((one: { id: string }) => one.id)
  assert.equal((await change(ids.map((id) => ({ id, fields: { Name: 'm' } })))).status, 200)
  const more = [...ids, ids[0] ?? '']
  assert.equal((await change(more.map((id) => ({ id, fields: {} })))).status, 422)
  const query = (some: readonly string[]) => some.map((id) => `records%5B%5D=${id}`).join('&')
  assert.equal((await call(`Contacts?${query(more)}`, { method: 'DELETE' })).status, 422)
  const gone = await call(`Contacts?${query(ids)}`, { method: 'DELETE' })
  assert.deepEqual(gone.json.records, ids.map((id) => ({ id, deleted: true })))
})

test('PATCH keeps what is not given, PUT empties it', async () => {
  const { id } = (await create({ Name: 'a', Age: 1, Active: true })).json
  nowMs += 5
  const patched = await change([{ id, fields: { Age: null } }])
  assert.equal(patched.json.records[0].fields.Name, 'a')
  assert.equal('Age' in patched.json.records[0].fields, false)
  assert.equal(patched.json.records[0].fields.Modified, '2026-11-25T20:50:39.125Z')
  assert.equal(patched.json.records[0].createdTime, '2026-11-25T20:50:39.120Z')
  const single = await call(`Contacts/${id}?`, { method: 'PUT', body: { fields: { Age: 2 } } })
  assert.equal(single.json.fields.Age, 2)
  assert.deepEqual(['Name' in single.json.fields, 'Active' in single.json.fields], [false, false])
  const twice = await change([{ id, fields: {} }, { id, fields: {} }])
  assert.equal(twice.json.error.type, 'INVALID_RECORDS')
})

test('tables and fields go by id as well as by name', async () => {
  const [age, tableId] = [await fieldId('Age'), 'tblContacts000000']
  const body = { fields: { [age]: 7 }, returnFieldsByFieldId: true }
  const made = await call(`${tableId}/?`, { method: 'POST', body })
  assert.equal(made.json.fields[age], 7)
  assert.equal('Age' in made.json.fields, false)
  const read = await call(`Contacts/${made.json.id}?returnFieldsByFieldId=true`)
  assert.equal(read.json.fields[age], 7)
  assert.equal((await call(`Contacts/${made.json.id}`)).json.fields.Age, 7)
  const listed = await call(
    `${tableId}?returnFieldsByFieldId=true&fields%5B%5D=${age}&filterByFormula=${
      encodeURIComponent(`RECORD_ID()='${made.json.id}'`)
    }`,
  )
  assert.deepEqual(listed.json.records[0].fields, { [age]: 7 })
})

test('a link leads both ways, and ends with either record', async () => {
  const [company] = (await call('Companies')).json.records
  const made = await create({ Name: 'a', Company: [company.id] })
  const linked = async () =>
    (await call(`Companies/${company.id}`)).json.fields.Contacts as string[] | undefined
  assert.ok((await linked())?.includes(made.json.id))
  await change([{ id: made.json.id, fields: { Company: [] } }])
  assert.equal((await linked())?.includes(made.json.id), false)
  await call(`Companies/${company.id}`, {
    method: 'PATCH',
    body: { fields: { Contacts: [made.json.id] } },
  })
  assert.deepEqual((await call(`Contacts/${made.json.id}`)).json.fields.Company, [company.id])
  await call(`Contacts/${made.json.id}?`, { method: 'DELETE' })
  assert.equal(await linked(), undefined)
})

test('an upsert makes, changes, or refuses what is not plain', async () => {
  const perform = (fieldsToMergeOn: string[]) => ({ performUpsert: { fieldsToMergeOn } })
  const { id } = (await create({ Name: 'a', Age: 1 })).json
  const answer = await change(
    [{ fields: { Name: 'a', Age: 2 } }, { fields: { Name: 'b' } }],
    'PATCH',
    perform(['Name']),
  )
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.json.updatedRecords, [id])
  assert.deepEqual(answer.json.createdRecords, [answer.json.records[1].id])
  assert.equal(answer.json.records[0].fields.Age, 2)
  await create({ Name: 'a' })
  const several = await change([{ fields: { Name: 'a' } }], 'PATCH', perform(['Name']))
  assert.equal(several.status, 422)
  const computed = await change([{ fields: { Number: 1 } }], 'PATCH', perform(['Number']))
  assert.equal(computed.status, 422)
})

test('a list goes page by page until its iterator is forgotten', async () => {
  const first = await list({ pageSize: '3' })
  assert.equal(first.json.records.length, 3)
  const { offset } = first.json
  const second = await list({ pageSize: '3', offset })
  assert.equal(second.json.records.length, 1)
  assert.equal('offset' in second.json, false)
  nowMs += 5 * 60_000
  const late = await list({ pageSize: '3', offset })
  assert.deepEqual([late.status, late.json.error.type], [
    422,
    'LIST_RECORDS_ITERATOR_NOT_AVAILABLE',
  ])
  assert.equal((await list({ pageSize: '101' })).status, 422)
  assert.equal((await list({ maxRecords: '2' })).json.records.length, 2)
  const posted = await call('Contacts/listRecords', { method: 'POST', body: { pageSize: 1 } })
  assert.equal(posted.json.records.length, 1)
})

test('a list is sorted, narrowed and filtered', async () => {
  const sorted = await call('Contacts?sort%5B0%5D%5Bfield%5D=Score&sort%5B0%5D%5Bdirection%5D=desc')
  assert.equal(names(sorted)[0], 'Paul Atreides')
  const narrowed = await call('Contacts?fields%5B%5D=Name&fields%5B%5D=Status&maxRecords=1')
  assert.deepEqual(narrowed.json.records[0].fields, { Name: 'Paul Atreides', Status: 'Customer' })
  const [paul] = sorted.json.records
  assert.deepEqual(await where(`OR(RECORD_ID()='${paul.id}',RECORD_ID()="x")`), ['Paul Atreides'])
  assert.deepEqual(await where('AND({Active}, {Status}=BLANK())'), ['Gurney Halleck'])
  assert.deepEqual(await where('{Score}<0'), ['Count Fenring'])
  assert.deepEqual(await where(`LOWER({Name}) & '!' = "chani kynes!"`), ['Chani Kynes'])
  nowMs += 60_000
  await change([{ id: paul.id, fields: { Age: 16 } }])
  const since = '2026-11-25T20:51:00.000Z'
  for (
    const formula of [
      `LAST_MODIFIED_TIME()>='${since}'`,
      `IS_AFTER(LAST_MODIFIED_TIME(), DATETIME_PARSE('${since}'))`,
      `NOT(IS_BEFORE({Modified}, '${since}'))`,
    ]
  ) assert.deepEqual(await where(formula), ['Paul Atreides'], formula)
  for (const formula of ['{Nope}=1', 'NOPE()', '{Name}=', '1 2']) {
    const refused = await list({ filterByFormula: formula })
    assert.deepEqual([refused.status, refused.json.error.type], [422, 'INVALID_FILTER_BY_FORMULA'])
  }
})

test('what is not there is told as Airtable tells it', async () => {
  for (const path of ['Contacts/rec00000000000000', 'Contacts/nope', 'Contacts/a/b']) {
    const answer = await call(path)
    assert.deepEqual([answer.status, answer.json], [404, { error: 'NOT_FOUND' }], path)
  }
  const model = 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND'
  assert.deepEqual(errorOf(await call('Nope')).slice(0, 2), [403, model])
  const other = await ask(sandbox, '/airtable/v0/appNope/Contacts')
  assert.deepEqual(errorOf(other).slice(0, 2), [403, model])
  assert.equal((await ask(sandbox, '/airtable/nope')).status, 404)
})

test('a request that cannot be read is refused', async () => {
  const post = (body: unknown) => call('Contacts', { method: 'POST', body })
  assert.equal((await post('{')).status, 400)
  assert.equal((await post({})).json.error.type, 'INVALID_REQUEST_MISSING_FIELDS')
  assert.equal((await post({ fields: {}, more: 1 })).status, 422)
  assert.equal((await post({ fields: {}, typecast: true })).status, 422)
  assert.equal((await post({ fields: {}, typecast: false })).status, 200)
  assert.equal((await post({ records: [] })).status, 422)
  assert.equal((await post({ records: [{ fields: {}, x: 1 }] })).status, 422)
})

test('control shows the records by the table’s name in lower case or its id', async () => {
  await create({ Name: 'Leto' })
  for (const table of ['contacts', 'tblContacts000000']) {
    const { json } = await ask(sandbox, `/_records/airtable/${table}`)
    assert.equal(json.length, 5)
    assert.equal(json[4].fields.Name, 'Leto')
  }
  assert.equal((await ask(sandbox, '/_records/airtable/nothing')).status, 404)
})
