// Goal: records behave as at HubSpot: what is checked, with which words, and what comes back. Method: the CRM API over
// real sockets; expected answers are HubSpot's own (documentation, recorded answers).

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask, type Asking } from './client.ts'

let nowMs = 0
const sandbox = await startSandbox({ port: 0, now: () => nowMs })
beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 25, 20, 50, 39, 120)
  sandbox.reset()
})
after(() => sandbox.close())

const call = (path: string, asking: Asking = {}): Promise<Answer> =>
  ask(sandbox, `/hubspot${path}`, asking)

const objects = (path: string, asking: Asking = {}) => call(`/crm/v3/objects/${path}`, asking)

const create = (properties: unknown, type = 'contacts') =>
  objects(type, { method: 'POST', body: { properties } })

const change = (id: string, properties: unknown, type = 'contacts') =>
  objects(`${type}/${id}`, { method: 'PATCH', body: { properties } })

/** The issues that an answer tells, as pairs of property and code. */
function issuesOf({ status, json }: Answer): string[][] {
  assert.deepEqual([status, json.status, json.category], [400, 'error', 'VALIDATION_ERROR'])
  const [, list = ''] = /^Property values were not valid: (.*)$/s.exec(json.message) ?? []
  const issues: { isValid: boolean; name: string; error: string; message: string }[] = JSON.parse(
    list,
  )
  const repeated = issues.map(({ name, error, message }) => ({
    message,
    code: error,
    context: { propertyName: [name] },
  }))
  assert.deepEqual(json.errors, repeated)
  return issues.map(({ name, error, message }) => [name, error, message])
}

test('a new record answers 201 with what was written and what HubSpot adds', async () => {
  const answer = await create({ email: 'Leto@Atreides.Example', firstname: 'Leto', vip: true })
  assert.equal(answer.status, 201)
  const { id } = answer.json
  assert.match(id, /^\d{12}$/)
  assert.deepEqual(answer.json, {
    id,
    properties: {
      createdate: '2026-11-25T20:50:39.120Z',
      email: 'leto@atreides.example',
      firstname: 'Leto',
      hs_object_id: id,
      hs_object_source: 'INTEGRATION',
      hs_object_source_label: 'INTEGRATION',
      lastmodifieddate: '2026-11-25T20:50:39.120Z',
      vip: 'true',
    },
    createdAt: '2026-11-25T20:50:39.120Z',
    updatedAt: '2026-11-25T20:50:39.120Z',
    archived: false,
  })
  const place = answer.headers['location']
  assert.equal(place, `${sandbox.platformUrl('hubspot')}/crm/v3/objects/contacts/${id}`)
})

test('a read shows the properties asked for, null where they are not set, and no unknown one', async () => {
  const { id } = (await create({ email: 'a@b.example' })).json
  const read = await objects(
    `contacts/${id}?properties=phone,email,nonsense&properties=hs_email_domain`,
  )
  assert.deepEqual(read.json.properties, {
    createdate: '2026-11-25T20:50:39.120Z',
    email: 'a@b.example',
    hs_email_domain: 'b.example',
    hs_object_id: id,
    lastmodifieddate: '2026-11-25T20:50:39.120Z',
    phone: null,
  })
  const plain = await objects(`contacts/${id}`)
  assert.equal(plain.json.properties.firstname, null)
})

test('what HubSpot refuses is told in its words, all at once', async () => {
  const answer = await create({
    email: 'no address',
    firstname: 'x',
    first000name: 'y',
    lifecyclestage: 'king',
    hs_buying_role: 'CHAMPION;NOBODY',
    numemployees: '12 monkeys',
    total_revenue: ' 5',
    contract_end: '2026-11-25T06:12:58Z',
    closedate: 'tomorrow',
    vip: 'perhaps',
    hs_email_domain: 'x',
    hs_object_id: '5',
    hubspot_owner_id: '7',
  })
  const issues = issuesOf(answer)
  assert.deepEqual(issues.map(([name, code]) => `${name} ${code}`), [
    'email INVALID_EMAIL',
    'first000name PROPERTY_DOESNT_EXIST',
    'lifecyclestage INVALID_OPTION',
    'hs_buying_role INVALID_OPTION',
    'numemployees INVALID_INTEGER',
    'total_revenue LEADING_TRAILING_WHITESPACE',
    'contract_end INVALID_DATE',
    'closedate INVALID_LONG',
    'vip INVALID_OPTION',
    'hs_email_domain READ_ONLY_VALUE',
    'hs_object_id READ_ONLY_VALUE',
    'hubspot_owner_id INVALID_OPTION',
  ])
  const messages = Object.fromEntries(issues.map(([name = '', , message = '']) => [name, message]))
  assert.equal(messages['email'], 'Email address no address is invalid')
  assert.equal(messages['first000name'], 'Property "first000name" does not exist')
  assert.equal(messages['contract_end'], '1795587178000 is at 6:12:58.0 UTC, not midnight!')
  assert.match(
    messages['lifecyclestage'] ?? '',
    /^king was not one of the allowed options: \[label: "Subscriber"\n/,
  )
  assert.equal(
    messages['hs_email_domain'],
    '"hs_email_domain" is a calculated property; its value cannot be set.',
  )
  assert.equal(
    messages['hs_object_id'],
    '"hs_object_id" is a read only property; its value cannot be set.',
  )
  assert.equal(
    (await objects('contacts/search', {
      method: 'POST',
      body: { query: 'no address' },
    })).json.total,
    0,
  )
})

test('a needed property that is missing is named', async () => {
  const answer = await create({ hs_note_body: 'x' }, 'notes')
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.json, {
    status: 'error',
    message: 'Error creating NOTE. Some required properties were not set.',
    correlationId: answer.json.correlationId,
    context: { properties: ['hs_timestamp'] },
    category: 'VALIDATION_ERROR',
  })
  assert.equal((await create({ subject: 'x' }, 'tickets')).status, 400)
  assert.equal((await create({ subject: 'x', hs_pipeline_stage: 1 }, 'tickets')).status, 201)
})

test('an address that another contact has is a conflict that names it', async () => {
  const first = await create({ email: 'a@b.example' })
  const second = await create({ email: 'A@B.example' })
  assert.equal(second.status, 409)
  assert.deepEqual(second.json, {
    status: 'error',
    message: `Contact already exists. Existing ID: ${first.json.id}`,
    correlationId: second.json.correlationId,
    category: 'CONFLICT',
  })
  const other = await create({ email: 'c@b.example' })
  const taken = await change(other.json.id, { email: 'a@b.example' })
  assert.equal(taken.status, 400)
  assert.match(
    taken.json.message,
    new RegExp(
      `propertyName=email, value=a@b.example} on ${other.json.id}. ${first.json.id} already has`,
    ),
  )
  assert.equal((await change(other.json.id, { email: 'c@b.example' })).status, 200)
})

test('a change keeps what is not given, the empty text clears, null does nothing', async () => {
  const { id } = (await create({ email: 'a@b.example', firstname: 'A', lastname: 'B' })).json
  nowMs += 1
  const answer = await change(id, { firstname: '', lastname: null, phone: '1' })
  assert.equal(answer.status, 200)
  assert.equal(answer.json.updatedAt, '2026-11-25T20:50:39.121Z')
  assert.equal(answer.json.createdAt, '2026-11-25T20:50:39.120Z')
  const { json } = await objects(`contacts/${id}?properties=firstname,lastname,phone,email`)
  assert.equal(json.properties.firstname, '')
  assert.equal(json.properties.lastname, 'B')
  assert.equal(json.properties.phone, '1')
})

test('values come back in HubSpot’s own forms and numbers keep their digits', async () => {
  const answer = await create({
    vin: 'X1',
    model: 'T',
    price: '12345678901234567890.123456789',
    mileage: 42,
    electric: 'TRUE',
    date_received: 1795564800000,
    last_serviced: '2026-11-25T12:00:00+02:00',
    features: 'sunroof;airbags',
  }, 'p_cars')
  assert.equal(answer.status, 201)
  const { properties } = answer.json
  assert.equal(properties.price, '12345678901234567890.123456789')
  assert.equal(properties.mileage, '42')
  assert.equal(properties.electric, 'true')
  assert.equal(properties.date_received, '2026-11-25')
  assert.equal(properties.last_serviced, '2026-11-25T10:00:00Z')
  assert.equal(properties.features, 'sunroof;airbags')
  const added = await change(answer.json.id, { features: ';heated_seats' }, '2-123456')
  assert.equal(added.json.properties.features, 'sunroof;airbags;heated_seats')
})

test('what HubSpot works out is worked out', async () => {
  const item = await create({ name: 'x', price: '19.99', quantity: '3' }, 'line_items')
  const shown = await objects(`line_items/${item.json.id}`)
  assert.equal(shown.json.properties.amount, '59.97')
  const deal = await create({ dealname: 'x', dealstage: 'closedwon', amount: '5' }, 'deals')
  const { json } = await objects(`deals/${deal.json.id}?properties=hs_is_closed_won`)
  assert.equal(json.properties.hs_is_closed_won, 'true')
})

test('a record that is archived is gone, is listed among the archived, and frees its address', async () => {
  const { id } = (await create({ email: 'a@b.example' })).json
  const gone = await objects(`contacts/${id}`, { method: 'DELETE' })
  assert.deepEqual([gone.status, gone.text], [204, ''])
  const read = await objects(`contacts/${id}`)
  assert.deepEqual([read.status, read.json.category], [404, 'OBJECT_NOT_FOUND'])
  assert.equal((await change(id, { firstname: 'x' })).status, 404)
  const archived = (await objects('contacts?archived=true')).json.results
  assert.deepEqual(archived.map((one: { id: string }) => one.id), [id])
  assert.equal(archived[0].archivedAt, '2026-11-25T20:50:39.120Z')
  assert.equal((await objects(`contacts/${id}`, { method: 'DELETE' })).status, 204)
  assert.equal((await create({ email: 'a@b.example' })).status, 201)
})

test('a record is found by a unique property, and only by such a one', async () => {
  const { id } = (await create({ email: 'a@b.example' })).json
  const found = await objects('contacts/A@b.example?idProperty=email')
  assert.equal(found.json.id, id)
  const changed = await objects('contacts/a%40b.example?idProperty=email', {
    method: 'PATCH',
    body: { properties: { phone: '2' } },
  })
  assert.equal(changed.json.id, id)
  assert.equal((await objects('contacts/x?idProperty=firstname')).status, 400)
  assert.equal((await objects('contacts/abc')).json.context.id[0], 'abc')
})

test('a list goes page by page, each cursor leading to the next record', async () => {
  const seen: string[] = []
  let path = 'contacts?limit=2'
  for (let pages = 0; pages < 10 && path !== ''; pages++) {
    const { json } = await objects(path)
    seen.push(...json.results.map((one: { id: string }) => one.id))
    path = json.paging === undefined ? '' : `contacts?limit=2&after=${json.paging.next.after}`
  }
  assert.equal(seen.length, 5)
  assert.equal(new Set(seen).size, 5)
  assert.equal((await objects('contacts?limit=101')).status, 400)
})

test('a search filters, sorts, pages and stops at ten thousand', async () => {
  const search = (body: unknown) => objects('contacts/search', { method: 'POST', body })
  const since = await search({
    filterGroups: [{
      filters: [{
        propertyName: 'lastmodifieddate',
        operator: 'GTE',
        value: '2026-01-05T08:03:00Z',
      }],
    }],
    sorts: [{ propertyName: 'lastmodifieddate', direction: 'DESCENDING' }],
    properties: ['firstname'],
    limit: 1,
  })
  assert.equal(since.json.total, 2)
  assert.equal(since.json.results[0].properties.firstname, 'Irulan')
  assert.equal(since.json.paging.next.after, '1')
  const byValue = async (filter: object) =>
    (await search({ filterGroups: [{ filters: [filter] }] })).json.total
  assert.equal(
    await byValue({ propertyName: 'email', operator: 'EQ', value: 'PAUL@atreides.example' }),
    1,
  )
  assert.equal(await byValue({ propertyName: 'email', operator: 'NOT_HAS_PROPERTY' }), 1)
  assert.equal(
    await byValue({ propertyName: 'firstname', operator: 'IN', values: ['paul', 'chani'] }),
    2,
  )
  assert.equal(
    await byValue({ propertyName: 'total_revenue', operator: 'GT', value: '12345678901234.55' }),
    1,
  )
  assert.equal((await search({ limit: 201 })).status, 400)
  assert.equal((await search({ after: '9999', limit: 2 })).status, 400)
  assert.equal((await search({ after: '9999', limit: 1 })).status, 200)
  const bad = await search({ filterGroups: [{ filters: [{ propertyName: 'x', operator: 'EQ' }] }] })
  assert.equal(bad.status, 400)
})

test('the properties API says what can be written', async () => {
  const { json } = await call('/crm/v3/properties/contacts')
  const named = (name: string) => json.results.find((one: { name: string }) => one.name === name)
  assert.equal(named('email').hasUniqueValue, true)
  assert.equal(named('lifecyclestage').options[0].value, 'subscriber')
  assert.equal(named('hs_buying_role').fieldType, 'checkbox')
  assert.equal(named('hs_email_domain').modificationMetadata.readOnlyValue, true)
  assert.equal(named('hs_email_domain').calculated, true)
  assert.equal((await call('/crm/v3/properties/deals/dealstage')).json.externalOptions, true)
  assert.equal((await call('/crm/v3/properties/deals/nope')).status, 404)
})

test('the schemas tell of the custom object, which is reached by its id and its names, not the bare one', async () => {
  for (const path of ['/crm/v3/schemas', '/crm-object-schemas/v3/schemas']) {
    const { json } = await call(path)
    assert.deepEqual(json.results.map((one: { name: string }) => one.name), ['cars'])
    assert.deepEqual(json.results[0].requiredProperties, ['model'])
    assert.equal(json.results[0].objectTypeId, '2-123456')
  }
  const counts = await Promise.all(
    ['p_cars', '2-123456', 'p44237313_cars'].map(async (name) =>
      (await objects(name)).json.results.length
    ),
  )
  assert.deepEqual(counts, [2, 2, 2])
  const bare = await objects('cars')
  assert.equal(bare.status, 400)
  assert.equal(bare.json.message, 'Unable to infer object type from: cars')
  assert.equal((await ask(sandbox, '/_records/hubspot/cars')).json.length, 2)
})

test('every standard type of object is there', async () => {
  const types =
    'contacts companies deals tickets products line_items notes tasks calls meetings emails'
      .split(' ')
  for (const type of types) {
    assert.equal((await objects(type)).status, 200, type)
    assert.ok((await call(`/crm/v3/properties/${type}`)).json.results.length > 5, type)
    assert.equal((await ask(sandbox, `/_records/hubspot/${type}`)).status, 200, type)
  }
})

test('a request that cannot be read is told as a parser tells it', async () => {
  const unknown = await objects('butterflies/search', { method: 'POST', body: {} })
  assert.equal(unknown.json.message, 'Unable to infer object type from: butterflies')
  const array = await objects('contacts', {
    method: 'POST',
    body: '{"properties":\n  {"email": ["x"]}}',
  })
  assert.equal(
    array.json.message,
    'Invalid input JSON on line 2, column 13: Cannot deserialize value of type `java.lang.String` ' +
      'from Array value (token `JsonToken.START_ARRAY`)',
  )
  assert.equal((await objects('contacts', { method: 'POST', body: '{' })).status, 400)
  assert.equal((await objects('contacts', { method: 'POST', body: {} })).status, 400)
  assert.equal((await objects('contacts', { method: 'PUT' })).status, 405)
  assert.equal((await call('/crm/v9/objects')).status, 404)
})

test('control shows the living records with all their properties', async () => {
  const { id } = (await create({ email: 'a@b.example' })).json
  const { json } = await ask(sandbox, '/_records/hubspot/contacts')
  const one = json.find((record: { id: string }) => record.id === id)
  assert.equal(one.properties.email, 'a@b.example')
  assert.equal(one.properties.phone, null)
  assert.equal((await ask(sandbox, '/_records/hubspot/nothing')).status, 404)
})
