// Goal: collections, composite and batch behave as Salesforce documents them, above all when something fails.
// Method: the REST API over real sockets.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { makeId } from '../../src/sandbox/salesforce/ids.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, api, base, makeContact, query } from './client.ts'

const sandbox = await startSandbox({ port: 0 })
beforeEach(() => sandbox.reset())
after(() => sandbox.close())

const attributes = { type: 'Contact' }
const contact = (LastName: string | null, rest: object = {}) => ({ attributes, LastName, ...rest })

const collection = (method: string, records: unknown, allOrNone = true): Promise<Answer> =>
  api(sandbox, '/composite/sobjects', { method, body: { allOrNone, records } })

const composite = (compositeRequest: unknown, allOrNone = true): Promise<Answer> =>
  api(sandbox, '/composite', { method: 'POST', body: { allOrNone, compositeRequest } })

const count = async (where: string): Promise<number> =>
  (await query(sandbox, `SELECT COUNT() FROM Contact WHERE ${where}`)).json.totalSize

const rolledBack = {
  statusCode: 'ALL_OR_NONE_OPERATION_ROLLED_BACK',
  message:
    'Record rolled back because not all records were valid and the request was using AllOrNone header',
  fields: [],
}

const halted = [{
  message:
    'The transaction was rolled back since another operation in the same transaction failed.',
  errorCode: 'PROCESSING_HALTED',
}]

test('results stand in the order of the records', async () => {
  const { status, json } = await collection('POST', [
    contact('A'),
    { attributes: { type: 'Account' }, Name: 'B' },
    contact('C'),
  ])
  assert.equal(status, 200)
  assert.deepEqual(json.map(({ id }: { id: string }) => id.slice(0, 3)), ['003', '001', '003'])
  assert.deepEqual(json[0], { id: json[0].id, success: true, errors: [] })
})

test('with allOrNone one bad record takes the others back, and says why', async () => {
  const { status, json } = await collection('POST', [
    contact('Good', { External_Id__c: 'all-1' }),
    contact(null),
    contact('Bad', { Email: 'pauldune.co' }),
  ])
  assert.equal(status, 200)
  assert.deepEqual(json, [
    { success: false, errors: [rolledBack] },
    {
      success: false,
      errors: [{
        statusCode: 'REQUIRED_FIELD_MISSING',
        message: 'Required fields are missing: [LastName]',
        fields: ['LastName'],
      }],
    },
    {
      success: false,
      errors: [{
        statusCode: 'INVALID_EMAIL_ADDRESS',
        message: 'Email: invalid email address: pauldune.co',
        fields: ['Email'],
      }],
    },
  ])
  assert.equal(await count("LastName = 'Good'"), 0)
  assert.equal(
    (await collection('POST', [contact('Good', { External_Id__c: 'all-1' })])).json[0].success,
    true,
  )
})

test('without allOrNone the good records are written', async () => {
  const { json } = await collection('POST', [contact('Good'), contact(null)], false)
  assert.deepEqual(json.map(({ success }: { success: boolean }) => success), [true, false])
  assert.equal(await count("LastName = 'Good'"), 1)
})

test('an update that is taken back leaves the records as they were, with their stamps', async () => {
  const id = await makeContact(sandbox, { Title: 'before', External_Id__c: 'keep' })
  const before = (await api(sandbox, `/sobjects/Contact/${id}`)).text
  const { json } = await collection('PATCH', [
    { attributes, id, Title: 'after', External_Id__c: 'other' },
    { attributes, Id: makeId('003', 50_000), Title: 'x' },
    { attributes, Title: 'no id' },
    { attributes, id: 'abc', Title: 'x' },
    { attributes, id, unknownField_LastName: 'x' },
  ])
  assert.deepEqual(json[0], { id, success: false, errors: [rolledBack] })
  assert.deepEqual(json.slice(1).map(({ errors }: { errors: object[] }) => errors[0]), [
    {
      statusCode: 'INVALID_CROSS_REFERENCE_KEY',
      message: 'invalid cross reference id',
      fields: [],
    },
    { statusCode: 'MISSING_ARGUMENT', message: 'Id not specified in an update call', fields: [] },
    {
      statusCode: 'MALFORMED_ID',
      message: 'Contact ID: id value of incorrect type: abc',
      fields: ['Id'],
    },
    {
      statusCode: 'INVALID_FIELD',
      message: "No such column 'unknownField_LastName' on sobject of type Contact",
      fields: [],
    },
  ])
  assert.equal((await api(sandbox, `/sobjects/Contact/${id}`)).text, before)
  const again = await collection('POST', [contact('x', { External_Id__c: 'KEEP' })])
  assert.equal(again.json[0].errors[0].statusCode, 'DUPLICATE_VALUE')
})

test('records of one request collide with each other', async () => {
  const { json } = await collection('POST', [
    contact('First', { External_Id__c: 'twin' }),
    contact('Second', { External_Id__c: 'TWIN' }),
  ], false)
  assert.equal(json[0].success, true)
  assert.equal(
    json[1].errors[0].message,
    `duplicate value found: External_Id__c duplicates value on record with id: ${
      json[0].id.slice(0, 15)
    }`,
  )
})

test('a delete is all or none, cascades included', async () => {
  const account = (await query(sandbox, "SELECT Id FROM Account WHERE Name = 'Sietch Tabr'")).json
    .records[0].Id
  const before = await count('AccountId != null')
  const path = `/composite/sobjects?ids=${account},${makeId('003', 50_000)},abc`
  const failed = await api(sandbox, `${path}&allOrNone=true`, { method: 'DELETE' })
  assert.deepEqual(
    failed.json.map(({ errors }: { errors: { statusCode: string }[] }) => errors[0]?.statusCode),
    [
      'ALL_OR_NONE_OPERATION_ROLLED_BACK',
      'INVALID_CROSS_REFERENCE_KEY',
      'MALFORMED_ID',
    ],
  )
  assert.equal(await count('AccountId != null'), before)
  const partial = await api(sandbox, path, { method: 'DELETE' })
  assert.deepEqual(partial.json[0], { id: account, success: true, errors: [] })
  assert.equal(await count('AccountId != null'), before - 5)
})

test('200 records are taken and 201 are refused whole', async () => {
  const records = Array.from({ length: 201 }, (_, index) => contact(`Many ${index}`))
  const refused = await collection('POST', records)
  assert.equal(refused.status, 400)
  assert.deepEqual(refused.json, [{
    message: 'record limit reached. cannot submit more than 200 records into this call',
    errorCode: 'EXCEEDED_ID_LIMIT',
  }])
  const { json } = await collection('POST', records.slice(1))
  assert.equal(json.length, 200)
  assert.ok(json.every(({ success }: { success: boolean }) => success))
  const ids = Array.from({ length: 201 }, (_, index) => makeId('003', index)).join(',')
  const deletes = await api(sandbox, `/composite/sobjects?ids=${ids}`, { method: 'DELETE' })
  assert.equal(deletes.json[0].errorCode, 'EXCEEDED_ID_LIMIT')
})

test('a malformed collection is refused as a request', async () => {
  assert.deepEqual((await collection('POST', [])).json, [
    { message: 'At least 1 record is required', errorCode: 'REQUIRED_FIELD_MISSING' },
  ])
  assert.equal(
    (await collection('POST', [{ LastName: 'x' }])).json[0].errors[0].statusCode,
    'JSON_PARSER_ERROR',
  )
  const mixed = Array.from(
    { length: 11 },
    (_, index) => index % 2 === 0 ? contact('x') : { attributes: { type: 'Account' }, Name: 'x' },
  )
  assert.match((await collection('POST', mixed)).json[0].message, /more than 10 chunks/)
})

test('retrieve answers in the order of the ids, null for what is not there', async () => {
  const [a, b] = [await makeContact(sandbox), await makeContact(sandbox)]
  const gone = await makeContact(sandbox)
  await api(sandbox, `/sobjects/Contact/${gone}`, { method: 'DELETE' })
  const body = { ids: [b, gone, 'abc', makeId('003', 50_000), a.slice(0, 15)], fields: ['Name'] }
  const { json } = await api(sandbox, '/composite/sobjects/Contact', { method: 'POST', body })
  assert.deepEqual(json.map((row: { Id: string } | null) => row?.Id ?? null), [
    b,
    null,
    null,
    null,
    a,
  ])
  const listed = await api(sandbox, `/composite/sobjects/Contact?ids=${a},${b}&fields=Id,Name`)
  assert.deepEqual(listed.json.map((row: { Id: string }) => row.Id), [a, b])
  const unknown = await api(sandbox, '/composite/sobjects/Contact', {
    method: 'POST',
    body: { ids: [a], fields: ['Nope'] },
  })
  assert.equal(unknown.json[0].errorCode, 'INVALID_FIELD')
})

test('an upsert makes and changes, and refuses an external id given twice', async () => {
  const path = '/composite/sobjects/Contact/External_Id__c'
  const upsert = (records: unknown) =>
    api(sandbox, path, { method: 'PATCH', body: { allOrNone: true, records } })
  const { json } = await upsert([
    contact('Changed', { External_Id__c: 'DUNE-1' }),
    contact('Made', { External_Id__c: 'new-1' }),
  ])
  assert.deepEqual(json.map(({ created }: { created: boolean }) => created), [false, true])
  const twice = await upsert([
    contact('x', { External_Id__c: 'same' }),
    contact('y', { External_Id__c: 'Same' }),
  ])
  assert.deepEqual(
    twice.json.map((
      { errors, created }: ReturnType<typeof JSON.parse>,
    ) => [errors[0].message, created]),
    [
      ['Duplicate external id specified: same', false],
      ['Duplicate external id specified: Same', false],
    ],
  )
  const missing = await upsert([contact('x')])
  assert.equal(missing.json[0].errors[0].statusCode, 'MISSING_ARGUMENT')
})

test('a composite writes and reads back in one request', async () => {
  const { status, json } = await composite([
    {
      method: 'POST',
      url: `${path}/composite/sobjects`,
      referenceId: 'rows',
      body: { allOrNone: true, records: [contact('A'), contact('B')] },
    },
    {
      method: 'POST',
      url: `${path}/composite/sobjects/Contact`,
      referenceId: 'read',
      body: { ids: ['@{rows[0].id}', '@{rows[1].id}'], fields: ['LastName'] },
    },
  ])
  assert.equal(status, 200)
  const [rows, read] = json.compositeResponse
  assert.deepEqual([rows.httpStatusCode, rows.referenceId], [200, 'rows'])
  assert.deepEqual(read.body.map((row: { LastName: string }) => row.LastName), ['A', 'B'])
})

const path = base.replace('/salesforce', '')

test('references stand in URLs, inside texts and for values of records', async () => {
  const { json } = await composite([
    {
      method: 'POST',
      url: `${path}/sobjects/Account`,
      referenceId: 'account',
      body: { Name: 'Ix' },
    },
    {
      method: 'POST',
      url: `${path}/sobjects/Contact`,
      referenceId: 'contact',
      body: { LastName: 'Rhombur', AccountId: '@{account.id}', Title: 'of @{account.id}!' },
    },
    { method: 'GET', url: `${path}/sobjects/Contact/@{contact.id}`, referenceId: 'read' },
    {
      method: 'GET',
      url: `${path}/query?q=SELECT+Name+FROM+Account+WHERE+Id+=+'@{read.AccountId}'`,
      referenceId: 'found',
    },
    {
      method: 'PATCH',
      url: `${path}/sobjects/Contact/@{contact.id}`,
      referenceId: 'change',
      body: { FirstName: '@{found.records[0].Name}' },
    },
  ])
  const [account, contactReply, read, found, change] = json.compositeResponse
  assert.equal(contactReply.httpStatusCode, 201)
  assert.equal(
    contactReply.httpHeaders.Location,
    `${path}/sobjects/Contact/${contactReply.body.id}`,
  )
  assert.equal(read.body.Title, `of ${account.body.id}!`)
  assert.equal(found.body.records[0].Name, 'Ix')
  assert.deepEqual([change.httpStatusCode, change.body], [204, null])
  assert.equal(await count("Name = 'Ix Rhombur'"), 1)
})

test('a reference to nothing fails its own subrequest', async () => {
  const { json } = await composite([
    { method: 'POST', url: `${path}/sobjects/Contact`, referenceId: 'bad', body: {} },
    {
      method: 'PATCH',
      url: `${path}/sobjects/Contact/@{bad.id}`,
      referenceId: 'next',
      body: { Title: 'x' },
    },
    {
      method: 'POST',
      url: `${path}/sobjects/Contact`,
      referenceId: 'good',
      body: { LastName: 'Good', Title: 'costs @{x' },
    },
  ], false)
  const [bad, next, good] = json.compositeResponse
  assert.equal(bad.body[0].errorCode, 'REQUIRED_FIELD_MISSING')
  assert.deepEqual([next.httpStatusCode, next.body], [400, [{
    message: 'Invalid reference specified. No value for bad.id found in bad',
    errorCode: 'PROCESSING_HALTED',
  }]])
  assert.equal(good.httpStatusCode, 201)
  assert.equal(await count("LastName = 'Good'"), 1)
})

test('with allOrNone a failed subrequest takes back the others, before and after it', async () => {
  const { json } = await composite([
    {
      method: 'POST',
      url: `${path}/sobjects/Contact`,
      referenceId: 'one',
      body: { LastName: 'One' },
    },
    { method: 'POST', url: `${path}/sobjects/Contact`, referenceId: 'two', body: {} },
    {
      method: 'POST',
      url: `${path}/sobjects/Contact`,
      referenceId: 'three',
      body: { LastName: 'Three' },
    },
  ])
  const [one, two, three] = json.compositeResponse
  assert.deepEqual([one.httpStatusCode, one.body], [400, halted])
  assert.equal(two.body[0].errorCode, 'REQUIRED_FIELD_MISSING')
  assert.deepEqual([three.httpStatusCode, three.body], [400, halted])
  assert.equal(await count("LastName IN ('One', 'Three')"), 0)
})

test('a collection with a failed record fails a composite of all or none, yet answers 200', async () => {
  // https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_allornone.htm
  const ask = (outer: boolean, inner: boolean) =>
    composite([
      {
        method: 'POST',
        url: `${path}/composite/sobjects`,
        referenceId: 'rows',
        body: { allOrNone: inner, records: [contact('Case'), contact(null)] },
      },
      {
        method: 'POST',
        url: `${path}/sobjects/Contact`,
        referenceId: 'one',
        body: { LastName: 'Case' },
      },
    ], outer)
  const seen = async (outer: boolean, inner: boolean) => {
    const [rows, one] = (await ask(outer, inner)).json.compositeResponse
    const written = await count("LastName = 'Case'")
    sandbox.reset()
    return [rows.httpStatusCode, rows.body[0].success, one.httpStatusCode, written]
  }
  assert.deepEqual(await seen(false, false), [200, true, 201, 2])
  assert.deepEqual(await seen(false, true), [200, false, 201, 1])
  assert.deepEqual(await seen(true, true), [200, false, 400, 0])
  assert.deepEqual(await seen(true, false), [200, true, 400, 0])
})

test('a composite has bounds, and says so before it does anything', async () => {
  const one = (index: number, url = `${path}/limits`) => ({
    method: 'GET',
    url,
    referenceId: `r${index}`,
  })
  const many = (length: number, url?: string) =>
    Array.from({ length }, (_, index) => one(index, url))
  assert.equal((await composite(many(25))).status, 200)
  assert.equal((await composite(many(26))).status, 400)
  const select = `${path}/query?q=SELECT+Id+FROM+Account`
  assert.equal((await composite(many(5, select))).status, 200)
  assert.equal((await composite(many(6, select))).status, 400)
  assert.equal((await composite([])).status, 400)
  assert.equal((await composite([one(1), one(1)])).status, 400)
  assert.equal((await composite([{ method: 'GET', url: `${path}/limits` }])).status, 400)
  const nested = await composite([{
    method: 'POST',
    url: `${path}/composite`,
    referenceId: 'in',
    body: {},
  }])
  assert.equal(nested.json.compositeResponse[0].httpStatusCode, 400)
  const named = await composite([{ method: 'GET', url: `${path}/limits`, referenceId: 'a-b' }])
  assert.match(
    named.json.compositeResponse[0].body[0].message,
    /must start with a letter or a number/,
  )
})

test('a composite counts as one call', async () => {
  const sub = { method: 'GET', url: `${path}/limits`, referenceId: 'a' }
  const answer = await composite([sub, { ...sub, referenceId: 'b' }])
  assert.equal(answer.headers['sforce-limit-info'], 'api-usage=1/15000')
})

test('a batch carries out each of its calls, and stops when told to', async () => {
  const batch = (haltOnError: boolean) =>
    api(sandbox, '/composite/batch', {
      method: 'POST',
      body: {
        haltOnError,
        batchRequests: [
          { method: 'POST', url: 'v60.0/sobjects/Contact', richInput: { LastName: 'Batch' } },
          { method: 'GET', url: 'v60.0/sobjects/Contact/abc' },
          { method: 'GET', url: 'v60.0/limits' },
        ],
      },
    })
  const all = (await batch(false)).json
  assert.equal(all.hasErrors, true)
  assert.deepEqual(all.results.map(({ statusCode }: { statusCode: number }) => statusCode), [
    201,
    400,
    200,
  ])
  const some = (await batch(true)).json
  assert.deepEqual(some.results.map(({ statusCode }: { statusCode: number }) => statusCode), [
    201,
    400,
    412,
  ])
  assert.equal(await count("LastName = 'Batch'"), 2)
})
