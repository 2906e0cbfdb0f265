// Goal: one record at a time behaves as at Salesforce: what is checked, with which words, and what is worked out.
// Method: the REST API over real sockets; expected answers are Salesforce's own (documentation, recorded answers).

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { idSuffix, makeId, readId } from '../../src/sandbox/salesforce/ids.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, api, ask, makeContact, query } from './client.ts'

let nowMs = Date.UTC(2026, 10, 25, 20, 50, 39, 999)
const sandbox = await startSandbox({ port: 0, now: () => nowMs })
beforeEach(() => sandbox.reset())
after(() => sandbox.close())

const create = (body: unknown, object = 'Contact'): Promise<Answer> =>
  api(sandbox, `/sobjects/${object}`, { method: 'POST', body })

const change = (id: string, body: unknown, object = 'Contact'): Promise<Answer> =>
  api(sandbox, `/sobjects/${object}/${id}`, { method: 'PATCH', body })

const remove = (id: string, object = 'Contact'): Promise<Answer> =>
  api(sandbox, `/sobjects/${object}/${id}`, { method: 'DELETE' })

const read = async (id: string, object = 'Contact'): Promise<ReturnType<typeof JSON.parse>> =>
  (await api(sandbox, `/sobjects/${object}/${id}`)).json

const idOf = async (soql: string): Promise<string> =>
  (await query(sandbox, soql)).json.records[0].Id

const contactId = (last: string) => idOf(`SELECT Id FROM Contact WHERE LastName = '${last}'`)
const accountId = (name: string) => idOf(`SELECT Id FROM Account WHERE Name = '${name}'`)

/** The one error of an answer, without its place in the text. */
function errorOf({ json }: Answer): unknown {
  assert.equal(json.length, 1)
  const { message, ...rest } = json[0]
  return { message: message.replace(/ at \[line:\d+, column:\d+\]$/, ''), ...rest }
}

test('ids have the suffix that Salesforce computes', () => {
  assert.equal(idSuffix('001RM000003oCpr'), 'YAE')
  assert.equal(idSuffix('001D000000IqhSL'), 'IAZ')
  assert.equal(readId('001RM000003oCpr'), '001RM000003oCprYAE')
  assert.equal(readId('001RM000003oCprYAE'), '001RM000003oCprYAE')
  assert.equal(readId('001RM000003oLrB000'), null)
  assert.equal(readId('abc'), null)
  assert.notEqual(makeId('003', 61), makeId('003', 62))
})

test('a new record answers 201 with its id, its place and the limit header', async () => {
  const answer = await create({ FirstName: 'Paul', LastName: 'Muad’Dib' })
  assert.equal(answer.status, 201)
  assert.match(answer.json.id, /^003[0-9A-Za-z]{15}$/)
  assert.deepEqual(answer.json, { id: answer.json.id, success: true, errors: [] })
  assert.equal(
    answer.headers['location'],
    `/services/data/v60.0/sobjects/Contact/${answer.json.id}`,
  )
  assert.equal(answer.headers['sforce-limit-info'], 'api-usage=1/15000')
})

test('what Salesforce works out is worked out', async () => {
  const id = await makeContact(sandbox, {
    FirstName: 'Paul',
    LastName: 'Atreides',
    Email: 'paul@dune.co',
    MailingCity: 'Arrakeen',
    MailingLatitude: 12.5,
  })
  const record = await read(id)
  assert.equal(record.attributes.url, `/services/data/v60.0/sobjects/Contact/${id}`)
  assert.equal(record.Name, 'Paul Atreides')
  assert.equal(record.Email_Domain__c, 'dune.co')
  assert.equal(record.CreatedDate, '2026-11-25T20:50:39.000+0000')
  assert.equal(record.SystemModstamp, record.CreatedDate)
  assert.equal(record.CreatedById, record.OwnerId)
  assert.match(record.OwnerId, /^005/)
  assert.equal(record.IsDeleted, false)
  assert.equal(record.Is_Vip__c, false)
  assert.deepEqual(record.MailingAddress, {
    city: 'Arrakeen',
    country: null,
    geocodeAccuracy: null,
    latitude: 12.5,
    longitude: null,
    postalCode: null,
    state: null,
    street: null,
  })
  assert.equal(record.OtherAddress, null)
})

test('a change answers 204, keeps what it does not name and stamps the record', async () => {
  const id = await makeContact(sandbox, { FirstName: 'Paul', Email: 'paul@dune.co' })
  nowMs += 61_000
  const answer = await change(id.slice(0, 15), { FirstName: null, Email: 'usul@tabr.example' })
  assert.equal(answer.status, 204)
  assert.equal(answer.text, '')
  const record = await read(id)
  assert.equal(record.Name, 'Test')
  assert.equal(record.FirstName, null)
  assert.equal(record.Email_Domain__c, 'tabr.example')
  assert.equal(record.CreatedDate, '2026-11-25T20:50:39.000+0000')
  assert.equal(record.LastModifiedDate, '2026-11-25T20:51:40.000+0000')
  nowMs -= 61_000
})

test('numbers keep every digit', async () => {
  const answer = await create(
    '{"LastName":"N","Lifetime_Value__c":1234567890123456.785,"Visits__c":900719925474099301,' +
      '"Score__c":"1e-4"}',
  )
  const { text } = await api(sandbox, `/sobjects/Contact/${answer.json.id}`)
  assert.match(text, /"Lifetime_Value__c":1234567890123456\.79,/)
  assert.match(text, /"Visits__c":900719925474099301\.0,/)
  assert.match(text, /"Score__c":0\.0001,/)
})

test('numbers are rounded half away from zero to the scale of the field', async () => {
  for (
    const [given, kept] of [
      ['0.005', '0.01'],
      ['-0.005', '-0.01'],
      ['0.004', '0.0'],
      ['-0.004', '0.0'],
      ['9.999', '10.0'],
      ['1e3', '1000.0'],
      ['-0', '0.0'],
      ['1e-500', '0.0'],
    ]
  ) {
    const { json } = await create(`{"LastName":"N","Lifetime_Value__c":${given}}`)
    const { text } = await api(sandbox, `/sobjects/Contact/${json.id}?fields=Lifetime_Value__c`)
    assert.ok(text.includes(`"Lifetime_Value__c":${kept},`), `${given}: ${text}`)
  }
})

test('text loses the blanks at its ends, and empty text is null', async () => {
  const id = await makeContact(sandbox, { FirstName: '  Paul ', Title: '   ', Description: '' })
  const { FirstName, Title, Description } = await read(id)
  assert.deepEqual([FirstName, Title, Description], ['Paul', null, null])
})

test('a multi-select picklist keeps its values once and in the order of the list', async () => {
  const id = await makeContact(sandbox, { Interests__c: 'Prophecy;Spice; Prophecy' })
  assert.equal((await read(id)).Interests__c, 'Spice;Prophecy')
})

test('dates and times come back in the forms of Salesforce', async () => {
  const id = await makeContact(sandbox, {
    Joined_On__c: '2024-02-29',
    Last_Seen__c: '2026-01-01T00:30:00.987+02:00',
    Preferred_Time__c: '09:05',
  })
  const record = await read(id)
  assert.equal(record.Joined_On__c, '2024-02-29')
  assert.equal(record.Last_Seen__c, '2025-12-31T22:30:00.000+0000')
  assert.equal(record.Preferred_Time__c, '09:05:00.000Z')
})

test('each value that a field does not take is refused in the words of Salesforce', async () => {
  const lookup = await contactId('Atreides')
  const long = 'x'.repeat(41)
  const refusals: [object, object][] = [
    [{ Email: 'pauldune.co' }, {
      message: 'Email: invalid email address: pauldune.co',
      errorCode: 'INVALID_EMAIL_ADDRESS',
      fields: ['Email'],
    }],
    [{ FirstName: long }, {
      message: `First Name: data value too large: ${long} (max length=40)`,
      errorCode: 'STRING_TOO_LONG',
      fields: ['FirstName'],
    }],
    [{ Favorite_Color__c: 'Octarine' }, {
      message: 'Favorite Color: bad value for restricted picklist field: Octarine',
      errorCode: 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
      fields: ['Favorite_Color__c'],
    }],
    [{ Interests__c: 'Spice;Water' }, {
      message: 'Interests: bad value for restricted picklist field: Water',
      errorCode: 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
      fields: ['Interests__c'],
    }],
    [{ Score__c: 1e12 }, {
      message: 'Score: value outside of valid range on numeric field: 1000000000000',
      errorCode: 'NUMBER_OUTSIDE_VALID_RANGE',
      fields: ['Score__c'],
    }],
    [{ Is_Vip__c: null }, {
      message: 'Is VIP: value not of required type: null',
      errorCode: 'INVALID_TYPE_ON_FIELD_IN_RECORD',
      fields: ['Is_Vip__c'],
    }],
    [{ AccountId: 'abc' }, {
      message: 'Account ID: id value of incorrect type: abc',
      errorCode: 'MALFORMED_ID',
      fields: ['AccountId'],
    }],
    [{ AccountId: lookup }, {
      message: `Account ID: id value of incorrect type: ${lookup}`,
      errorCode: 'FIELD_INTEGRITY_EXCEPTION',
      fields: ['AccountId'],
    }],
    [{ AccountId: makeId('001', 9999) }, {
      message: 'invalid cross reference id',
      errorCode: 'INVALID_CROSS_REFERENCE_KEY',
      fields: [],
    }],
    [{ Email_Domain__c: 'x', CreatedDate: '2026-01-01T00:00:00Z' }, {
      message: 'Unable to create/update fields: Email_Domain__c, CreatedDate. Please check the ' +
        'security settings of this field and verify that it is read/write for your profile or permission set.',
      errorCode: 'INVALID_FIELD_FOR_INSERT_UPDATE',
      fields: ['Email_Domain__c', 'CreatedDate'],
    }],
    [{ Favourite__c: 1 }, {
      message: "No such column 'Favourite__c' on sobject of type Contact",
      errorCode: 'INVALID_FIELD',
    }],
    [{ Id: lookup }, {
      message: 'The Id field should not be specified in the sobject data.',
      errorCode: 'INVALID_FIELD',
    }],
  ]
  for (const [fields, error] of refusals) {
    const answer = await create({ LastName: 'Refused', ...fields })
    assert.equal(answer.status, 400, answer.text)
    assert.deepEqual(errorOf(answer), error)
  }
  const { json } = await query(sandbox, "SELECT COUNT() FROM Contact WHERE LastName = 'Refused'")
  assert.equal(json.totalSize, 0)
})

test('values of the wrong JSON type are refused by the parser, in its words', async () => {
  const cannot = (type: string, token: string) =>
    `Cannot deserialize instance of ${type} from ${token} or request may be missing a required field`
  const refusals: [string, string][] = [
    ['"Score__c":"abc"', cannot('double', 'VALUE_STRING value abc')],
    ['"Score__c":true', cannot('double', 'VALUE_TRUE value true')],
    ['"Joined_On__c":"2026-02-30"', cannot('date', 'VALUE_STRING value 2026-02-30')],
    ['"Last_Seen__c":"2026-01-01"', cannot('datetime', 'VALUE_STRING value 2026-01-01')],
    ['"Last_Seen__c":12', cannot('datetime', 'VALUE_NUMBER_INT value 12')],
    ['"Preferred_Time__c":"24:00:00"', cannot('time', 'VALUE_STRING value 24:00:00')],
    ['"Is_Vip__c":"yes"', cannot('boolean', 'VALUE_STRING value yes')],
    ['"FirstName":{"a":1}', cannot('string', 'START_OBJECT value {')],
    ['"FirstName":[1]', cannot('string', 'START_ARRAY value [')],
  ]
  for (const [member, message] of refusals) {
    const answer = await create(`{"LastName":"R",${member}}`)
    assert.equal(answer.status, 400)
    assert.deepEqual(errorOf(answer), { message, errorCode: 'JSON_PARSER_ERROR' })
  }
  const placed = await create('{"LastName":"R",\n "Score__c": "abc"}')
  assert.match(placed.json[0].message, / at \[line:2, column:14\]$/)
})

test('numbers and truth values given for text become text; text of a number becomes a number', async () => {
  const id = await makeContact(sandbox, { Phone: 5551234, Title: true, Score__c: '1.5' })
  const { Phone, Title, Score__c } = await read(id)
  assert.deepEqual([Phone, Title, Score__c], ['5551234', 'true', 1.5])
})

test('a body that is missing, broken or not JSON is refused', async () => {
  assert.equal((await create('{"LastName"')).json[0].errorCode, 'JSON_PARSER_ERROR')
  assert.equal((await create('[]')).json[0].errorCode, 'JSON_PARSER_ERROR')
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const asForm = await api(sandbox, '/sobjects/Contact', {
    method: 'POST',
    body: 'LastName=x',
    headers: form,
  })
  assert.equal(asForm.status, 415)
})

test('all refused values of a record are told, and all missing ones', async () => {
  const both = await create({ LastName: 'X', Email: 'x', FirstName: 'x'.repeat(41) })
  assert.deepEqual(both.json.map((error: { errorCode: string }) => error.errorCode), [
    'INVALID_EMAIL_ADDRESS',
    'STRING_TOO_LONG',
  ])
  const missing = await create({ Amount: 1 }, 'Opportunity')
  assert.deepEqual(missing.json, [{
    message: 'Required fields are missing: [Name, StageName, CloseDate]',
    errorCode: 'REQUIRED_FIELD_MISSING',
    fields: ['Name', 'StageName', 'CloseDate'],
  }])
})

test('a required field cannot be emptied later', async () => {
  const id = await makeContact(sandbox)
  for (const LastName of [null, '', '  ']) {
    assert.deepEqual((await change(id, { LastName })).json, [{
      message: 'Required fields are missing: [LastName]',
      errorCode: 'REQUIRED_FIELD_MISSING',
      fields: ['LastName'],
    }])
  }
})

test('a unique external id is taken once, whatever its case, and is free again after a delete', async () => {
  const id = await makeContact(sandbox, { External_Id__c: 'Ghanima' })
  const answer = await create({ LastName: 'Second', External_Id__c: 'GHANIMA' })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.json, [{
    message: `duplicate value found: External_Id__c duplicates value on record with id: ${
      id.slice(0, 15)
    }`,
    errorCode: 'DUPLICATE_VALUE',
    fields: [],
  }])
  assert.equal((await change(id, { External_Id__c: 'ghanima' })).status, 204)
  const other = await makeContact(sandbox)
  assert.equal(
    (await change(other, { External_Id__c: 'Ghanima' })).json[0].errorCode,
    'DUPLICATE_VALUE',
  )
  await remove(id)
  assert.equal((await change(other, { External_Id__c: 'Ghanima' })).status, 204)
})

test('names of objects and fields do not tell cases apart', async () => {
  const answer = await create({ lastname: 'x', FIRSTNAME: 'y' }, 'contact')
  assert.equal((await read(answer.json.id)).Name, 'y x')
})

test('unknown, malformed and deleted ids are told apart', async () => {
  const unknown = makeId('003', 99_999)
  for (const answer of [await change(unknown, { Title: 'x' }), await remove(unknown)]) {
    assert.equal(answer.status, 404)
    assert.deepEqual(answer.json, [
      { message: 'The requested resource does not exist', errorCode: 'NOT_FOUND' },
    ])
  }
  const malformed = await change('abc123', { Title: 'x' })
  assert.equal(malformed.status, 400)
  assert.deepEqual(malformed.json, [
    { message: 'malformed id abc123', errorCode: 'MALFORMED_ID', fields: [] },
  ])
  const id = await makeContact(sandbox)
  assert.equal((await remove(id)).status, 204)
  for (const answer of [await change(id, { Title: 'x' }), await remove(id)]) {
    assert.equal(answer.status, 404)
    assert.deepEqual(answer.json, [
      { message: 'entity is deleted', errorCode: 'ENTITY_IS_DELETED', fields: [] },
    ])
  }
  assert.equal((await api(sandbox, `/sobjects/Contact/${id}`)).status, 404)
  assert.equal(
    (await create({ LastName: 'x', ReportsToId: id })).json[0].errorCode,
    'ENTITY_IS_DELETED',
  )
})

test('deleting an account takes its contacts along and clears what refers to them', async () => {
  const account = await accountId('Sietch Tabr')
  const liet = await idOf("SELECT Id FROM Contact WHERE FirstName = 'Liet'")
  const follower = await makeContact(sandbox, { ReportsToId: liet })
  assert.equal((await remove(account, 'Account')).status, 204)
  const left = await query(sandbox, `SELECT COUNT() FROM Contact WHERE AccountId = '${account}'`)
  assert.equal(left.json.totalSize, 0)
  assert.equal((await remove(liet)).json[0].errorCode, 'ENTITY_IS_DELETED')
  assert.equal((await read(follower)).ReportsToId, null)
  const project = await query(
    sandbox,
    "SELECT Contact__c FROM Project__c WHERE Name = 'Green Arrakis'",
  )
  assert.equal(project.json.records[0].Contact__c, null)
})

test('an account with a won opportunity stays', async () => {
  const account = await accountId('House Harkonnen')
  const answer = await remove(account, 'Account')
  assert.equal(answer.status, 400)
  assert.equal(answer.json[0].errorCode, 'DELETE_FAILED')
  assert.match(answer.json[0].message, /closed won.*Harvester fleet/s)
})

test('users are read only', async () => {
  const id = await idOf("SELECT Id FROM User WHERE FirstName = 'Thufir'")
  assert.equal(
    (await change(id, { Title: 'x' }, 'User')).json[0].errorCode,
    'INVALID_TYPE_FOR_OPERATION',
  )
  assert.equal(
    (await create({ LastName: 'x' }, 'User')).json[0].errorCode,
    'INVALID_TYPE_FOR_OPERATION',
  )
  assert.equal((await remove(id, 'User')).json[0].errorCode, 'INVALID_TYPE_FOR_OPERATION')
})

test('a user who has left cannot own a record', async () => {
  const id = await idOf('SELECT Id FROM User WHERE IsActive = false')
  assert.equal(
    (await create({ LastName: 'x', OwnerId: id })).json[0].errorCode,
    'INACTIVE_OWNER_OR_USER',
  )
})

test('the stage of an opportunity says what follows from it', async () => {
  const made = await create({
    Name: 'Deal',
    StageName: 'Negotiation/Review',
    CloseDate: '2026-08-15',
    Amount: 100.5,
  }, 'Opportunity')
  const open = await read(made.json.id, 'Opportunity')
  assert.deepEqual(
    [open.IsClosed, open.Probability, open.ExpectedRevenue, open.Fiscal, open.ForecastCategoryName],
    [false, 90, 90.45, '2026 3', 'Best Case'],
  )
  await change(made.json.id, { StageName: 'Closed Won' }, 'Opportunity')
  const won = await read(made.json.id, 'Opportunity')
  assert.deepEqual([won.IsClosed, won.IsWon, won.Probability], [true, true, 100])
})

test('a project without a name is named after its id', async () => {
  const { json } = await create({ Budget__c: 1 }, 'Project__c')
  assert.match(json.id, /^a00/)
  assert.equal((await read(json.id, 'Project__c')).Name, json.id)
})

test('a record is read with the fields asked for', async () => {
  const id = await makeContact(sandbox)
  const { json } = await api(sandbox, `/sobjects/Contact/${id}?fields=LastName,Email`)
  assert.deepEqual(Object.keys(json), ['attributes', 'LastName', 'Email', 'Id'])
  const unknown = await api(sandbox, `/sobjects/Contact/${id}?fields=Nope`)
  assert.equal(unknown.status, 400)
  assert.equal(unknown.json[0].message, "No such column 'Nope' on sobject of type Contact")
})

test('an external id finds, makes, changes and deletes a record', async () => {
  const path = '/sobjects/Contact/External_Id__c/Siona%2F1'
  assert.equal((await api(sandbox, path)).status, 404)
  const made = await api(sandbox, path, { method: 'PATCH', body: { LastName: 'Siona' } })
  assert.equal(made.status, 201)
  assert.equal(made.json.created, true)
  const changed = await api(sandbox, path, { method: 'PATCH', body: { Title: 'x' } })
  assert.deepEqual([changed.status, changed.json.created], [200, false])
  const found = await api(sandbox, path)
  assert.deepEqual([found.json.External_Id__c, found.json.Title], ['Siona/1', 'x'])
  const repeated = await api(sandbox, path, { method: 'PATCH', body: { External_Id__c: 'y' } })
  assert.equal(
    repeated.json[0].message,
    'The External_Id__c field should not be specified in the sobject data.',
  )
  assert.equal((await api(sandbox, path, { method: 'DELETE' })).status, 204)
  const wrong = await api(sandbox, '/sobjects/Contact/Namez/x')
  assert.deepEqual([wrong.status, wrong.json[0].message], [
    404,
    'Provided external ID field does not exist or is not accessible: Namez',
  ])
})

test('wrong methods, objects, versions and tokens are refused', async () => {
  const method = await api(sandbox, '/sobjects/Contact', { method: 'DELETE' })
  assert.deepEqual([method.status, method.json[0].errorCode], [405, 'METHOD_NOT_ALLOWED'])
  assert.equal((await create({ Name: 'x' }, 'Nothing')).status, 404)
  const paths = ['/services/data/v49.0/limits', '/services/data/v65.0/limits', '/elsewhere']
  for (const path of paths) assert.equal((await ask(sandbox, `/salesforce${path}`)).status, 404)
  assert.equal((await ask(sandbox, '/salesforce/services/data/v50.0/limits')).status, 200)
  assert.equal((await api(sandbox, '/limits', { token: null })).status, 401)
  assert.equal(
    (await api(sandbox, '/limits', { token: 'wrong' })).json[0].errorCode,
    'INVALID_SESSION_ID',
  )
})

test('the versions, the resources and the limits are listed', async () => {
  const versions = await ask(sandbox, '/salesforce/services/data')
  assert.equal(versions.json.length, 15)
  assert.equal((await api(sandbox, '')).json.query, '/services/data/v60.0/query')
  const { DailyApiRequests } = (await api(sandbox, '/limits')).json
  assert.deepEqual(DailyApiRequests, { Max: 15000, Remaining: 14997 })
})

test('describe tells of fields what a client needs to know', async () => {
  const { json } = await api(sandbox, '/sobjects/Contact/describe')
  const fields = new Map<string, ReturnType<typeof JSON.parse>>(
    json.fields.map((field: { name: string }) => [field.name, field]),
  )
  const required = json.fields
    .filter((field: Record<string, unknown>) =>
      field['createable'] && !field['nillable'] && !field['defaultedOnCreate']
    )
    .map((field: { name: string }) => field.name)
  assert.deepEqual(required, ['LastName'])
  const lifetime = fields.get('Lifetime_Value__c')
  assert.deepEqual([lifetime.type, lifetime.precision, lifetime.scale], ['currency', 18, 2])
  const external = fields.get('External_Id__c')
  assert.deepEqual([external.unique, external.externalId, external.length], [true, true, 64])
  const domain = fields.get('Email_Domain__c')
  assert.deepEqual([domain.calculated, domain.createable, domain.updateable], [true, false, false])
  const color = fields.get('Favorite_Color__c')
  assert.equal(color.restrictedPicklist, true)
  assert.deepEqual(color.picklistValues[2], {
    active: true,
    defaultValue: false,
    label: 'Blue',
    validFor: null,
    value: 'Blue',
  })
  const account = fields.get('AccountId')
  assert.deepEqual([account.referenceTo, account.relationshipName], [['Account'], 'Account'])
})

test('every field of a record is in describe, and the other way round', async () => {
  const { json: global } = await api(sandbox, '/sobjects')
  assert.deepEqual(global.sobjects.map(({ name }: { name: string }) => name), [
    'Account',
    'Contact',
    'Lead',
    'Opportunity',
    'User',
    'Project__c',
  ])
  for (const { name, keyPrefix, urls } of global.sobjects) {
    const { json } = await ask(sandbox, `/salesforce${urls.describe}`)
    const id = await idOf(`SELECT Id FROM ${name} LIMIT 1`)
    assert.ok(id.startsWith(keyPrefix))
    const shown = Object.keys(await read(id, name)).filter((each) => each !== 'attributes')
    assert.deepEqual(shown, json.fields.map((field: { name: string }) => field.name))
  }
})
