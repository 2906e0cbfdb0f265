// Goal: SOQL finds what it should, in order and page by page; what changed can be listed. Method: the seed, whose
// contents the tests know.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { api, ask, makeContact, query } from './client.ts'

let nowMs = Date.UTC(2026, 1, 1)
const sandbox = await startSandbox({ port: 0, now: () => nowMs })
beforeEach(() => {
  nowMs = Date.UTC(2026, 1, 1)
  sandbox.reset()
})
after(() => sandbox.close())

const names = async (rest: string): Promise<string[]> => {
  const { json } = await query(sandbox, `SELECT Name FROM Contact ${rest}`)
  return json.records.map(({ Name }: { Name: string }) => Name)
}

const refusal = async (soql: string): Promise<{ errorCode: string; message: string }> => {
  const { status, json } = await query(sandbox, soql)
  assert.equal(status, 400)
  return json[0]
}

test('a query answers its rows with their attributes and the fields asked for', async () => {
  const { json } = await query(
    sandbox,
    "select Id, lastname from contact where Email = 'EDRIC@guild.example'",
  )
  const [record] = json.records
  assert.deepEqual(json, {
    totalSize: 1,
    done: true,
    records: [{
      attributes: { type: 'Contact', url: `/services/data/v60.0/sobjects/Contact/${record.Id}` },
      Id: record.Id,
      LastName: 'Edric',
    }],
  })
})

test('conditions choose rows', async () => {
  const cases: [string, string[]][] = [
    ["LastName = 'kynes'", ['Chani Kynes', 'Liet Kynes']],
    ["FirstName = null AND LastName LIKE '%a%'", ['Stilgar', 'Jamis', 'Harah']],
    ["Email LIKE 'p_ul@%' OR Email LIKE 'piter%'", ['Paul Atreides', 'Piter De Vries']],
    ["LastName = 'Atreides' AND (NOT FirstName IN ('Paul', 'Alia'))", [
      'Jessica Atreides',
      'Leto Atreides',
    ]],
    ["LastName = 'Atreides' AND Favorite_Color__c NOT IN ('Blue')", [
      'Jessica Atreides',
      'Leto Atreides',
      'Alia Atreides',
    ]],
    ["LastName = 'Atreides' AND Favorite_Color__c != 'Blue'", [
      'Jessica Atreides',
      'Leto Atreides',
      'Alia Atreides',
    ]],
    ['Score__c > 99.9998', ['Paul Atreides']],
    ['Score__c <= 0.0001', ['Gurney Halleck']],
    ['Lifetime_Value__c = 1234567890123456.78', ['Paul Atreides']],
    ['Lifetime_Value__c IN (-0.010)', ['Vladimir Harkonnen']],
    ['Visits__c > 900719925474099300', ['Paul Atreides']],
    ['Visits__c > 900719925474099301', []],
    ['Is_Vip__c = TRUE', ['Paul Atreides', 'Chani Kynes']],
    ['Joined_On__c = 2025-03-01', ['Paul Atreides']],
    ['Last_Seen__c >= 2026-01-04T20:30:00+02:00', ['Paul Atreides']],
    ['Last_Seen__c > 2026-01-04T18:30:00Z', []],
    ['Last_Seen__c > 2026-01-04T18:29:59.999Z', ['Paul Atreides']],
    ['Preferred_Time__c > 12:00:00.000Z', ['Edric']],
    ["Interests__c INCLUDES ('Sandworms;Spice')", ['Chani Kynes']],
    ["Interests__c INCLUDES ('Politics', 'Ecology')", ['Jessica Atreides', 'Liet Kynes']],
    ["Account.Name = 'Spacing Guild'", ['Edric']],
    ["Contact.Account.Owner.FirstName = 'Irulan' AND FirstName = 'Liet'", ['Liet Kynes']],
    ['AccountId = null', ['Esmar Tuek']],
    ["LastName LIKE 'De\\_%' OR Title = 'it\\'s'", []],
  ]
  for (const [where, expected] of cases) {
    assert.deepEqual(await names(`WHERE ${where}`), expected, where)
  }
})

test('rows are ordered, limited and skipped', async () => {
  assert.deepEqual(await names('WHERE Title != null ORDER BY Title DESC, LastName LIMIT 3'), [
    'Duncan Idaho',
    'Stilgar',
    'Piter De Vries',
  ])
  assert.deepEqual(
    await names("WHERE LastName = 'Atreides' ORDER BY Favorite_Color__c, FirstName DESC"),
    [
      'Leto Atreides',
      'Alia Atreides',
      'Paul Atreides',
      'Jessica Atreides',
    ],
  )
  assert.deepEqual(
    await names(
      "WHERE LastName = 'Atreides' ORDER BY Favorite_Color__c ASC NULLS LAST, FirstName LIMIT 2 OFFSET 1",
    ),
    ['Jessica Atreides', 'Alia Atreides'],
  )
  assert.deepEqual(await names('ORDER BY Score__c DESC NULLS LAST LIMIT 2'), [
    'Paul Atreides',
    'Gurney Halleck',
  ])
})

test('COUNT() counts', async () => {
  const { json } = await query(sandbox, 'SELECT COUNT() FROM Contact')
  assert.deepEqual(json, { totalSize: 20, done: true, records: [] })
})

test('fields of parents are shown in objects of their own', async () => {
  const { json } = await query(
    sandbox,
    "SELECT Account.Name, LastName, Account.Owner.Name FROM Contact WHERE LastName IN ('Edric', 'Tuek') ORDER BY LastName",
  )
  const [edric, tuek] = json.records
  assert.equal(edric.Account.Name, 'Spacing Guild')
  assert.equal(edric.Account.Owner.Name, 'Irulan Corrino')
  assert.equal(edric.Account.attributes.type, 'Account')
  assert.equal(tuek.Account, null)
})

test('FIELDS() shows groups of fields, with a limit', async () => {
  const all = await query(sandbox, 'SELECT FIELDS(ALL) FROM Project__c LIMIT 200')
  assert.equal(all.json.records[0].Secret_Notes__c, 'Nobody may know about the water.')
  const custom = await query(sandbox, 'SELECT Id, FIELDS(CUSTOM) FROM Project__c LIMIT 1')
  assert.deepEqual(Object.keys(custom.json.records[0]), [
    'attributes',
    'Id',
    'Contact__c',
    'Budget__c',
    'Secret_Notes__c',
  ])
  assert.match((await refusal('SELECT FIELDS(ALL) FROM Contact')).message, /LIMIT of at most 200/)
})

test('what is wrong with a query is said in the words of Salesforce, with its place', async () => {
  const object = await refusal('SELECT Name FROM Accout')
  assert.equal(object.errorCode, 'INVALID_TYPE')
  assert.match(object.message, /ERROR at Row:1:Column:18\nsObject type 'Accout' is not supported/)
  const column = await refusal('SELECT Id,\nNope FROM Contact')
  assert.equal(column.errorCode, 'INVALID_FIELD')
  assert.match(column.message, /ERROR at Row:2:Column:1\nNo such column 'Nope' on entity 'Contact'/)
  const cases: [string, string, RegExp][] = [
    ['SELECT Id FROM Contact WHERE', 'MALFORMED_QUERY', /unexpected token: '<EOF>'/],
    ['SELECT Id FROM Contact WHERE Name ~ 1', 'MALFORMED_QUERY', /unexpected token: '~'/],
    [
      "SELECT Id FROM Contact WHERE Name = 'a' AND Id = null OR Id = null",
      'MALFORMED_QUERY',
      /'OR'/,
    ],
    ['SELECT Id FROM Contact WHERE Name = 1', 'INVALID_FIELD', /must be of type string/],
    ["SELECT Id FROM Contact WHERE Score__c = '1'", 'INVALID_FIELD', /must be of type double/],
    [
      "SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01T00:00:00Z'",
      'INVALID_FIELD',
      /type dateTime/,
    ],
    [
      "SELECT Id FROM Contact WHERE Id = 'abc'",
      'INVALID_QUERY_FILTER_OPERATOR',
      /invalid ID field: abc/,
    ],
    [
      "SELECT Id FROM Project__c WHERE Secret_Notes__c = 'x'",
      'INVALID_FIELD',
      /can not be filtered/,
    ],
    [
      "SELECT Id FROM Contact WHERE Title INCLUDES ('x')",
      'INVALID_QUERY_FILTER_OPERATOR',
      /multi-select/,
    ],
    ['SELECT Id FROM Contact ORDER BY Description', 'INVALID_FIELD', /can not be sorted/],
    ['SELECT Foo.Name FROM Contact', 'INVALID_FIELD', /Didn't understand relationship 'Foo'/],
    ['SELECT Id FROM Contact LIMIT 1 OFFSET 2001', 'NUMBER_OUTSIDE_VALID_RANGE', /2000/],
  ]
  for (const [soql, code, message] of cases) {
    const { errorCode, message: said } = await refusal(soql)
    assert.equal(errorCode, code, soql)
    assert.match(said, message)
  }
})

/** Makes contacts named `Page 000`, … */
async function makePages(count: number): Promise<void> {
  for (let start = 0; start < count; start += 200) {
    const records = Array.from({ length: Math.min(200, count - start) }, (_, index) => ({
      attributes: { type: 'Contact' },
      LastName: `Page ${String(start + index).padStart(4, '0')}`,
    }))
    await api(sandbox, '/composite/sobjects', { method: 'POST', body: { records } })
  }
}

test('a long answer comes in pages, and a row written meanwhile does not disturb them', async () => {
  await makePages(450)
  const soql = "SELECT LastName FROM Contact WHERE LastName LIKE 'Page%' ORDER BY LastName"
  const headers = { 'sforce-query-options': 'batchSize=200' }
  const seen: string[] = []
  const first = await query(sandbox, soql, { headers })
  let page = first.json
  await makeContact(sandbox, { LastName: 'Page' })
  for (;;) {
    seen.push(...page.records.map(({ LastName }: { LastName: string }) => LastName))
    assert.equal(page.totalSize, 450)
    assert.equal(page.done, page.nextRecordsUrl === undefined)
    if (page.done) break
    assert.equal(page.records.length, 200)
    page = (await ask(sandbox, `/salesforce${page.nextRecordsUrl}`, { headers })).json
  }
  assert.equal(seen.length, 450)
  assert.deepEqual(seen, [...seen].sort())
})

test('a page holds 2000 rows, and no fewer than 200', async () => {
  await makePages(2000)
  const soql = 'SELECT Id FROM Contact'
  const { json } = await query(sandbox, soql)
  assert.deepEqual([json.records.length, json.done], [2000, false])
  const rest = await ask(sandbox, `/salesforce${json.nextRecordsUrl}`)
  assert.deepEqual([rest.json.records.length, rest.json.done], [20, true])
  const small = await query(sandbox, soql, { headers: { 'sforce-query-options': 'batchSize=1' } })
  assert.equal(small.json.records.length, 200)
})

test('a locator that is unknown, spent or pushed out is refused', async () => {
  await makePages(250)
  const headers = { 'sforce-query-options': 'batchSize=200' }
  const open = async () =>
    (await query(sandbox, 'SELECT Id FROM Contact', { headers })).json.nextRecordsUrl
  const first = await open()
  for (let count = 0; count < 10; count++) await open()
  for (
    const path of [first, '/services/data/v60.0/query/01gx-2000', '/services/data/v60.0/query/x']
  ) {
    const { status, json } = await ask(sandbox, `/salesforce${path}`)
    assert.deepEqual([status, json[0].errorCode], [400, 'INVALID_QUERY_LOCATOR'])
  }
})

test('queryAll shows what is in the recycle bin, query does not', async () => {
  const id = await makeContact(sandbox)
  await api(sandbox, `/sobjects/Contact/${id}`, { method: 'DELETE' })
  const soql = `SELECT IsDeleted FROM Contact WHERE Id = '${id}'`
  assert.equal((await query(sandbox, soql)).json.totalSize, 0)
  const all = await api(sandbox, `/queryAll?q=${encodeURIComponent(soql)}`)
  assert.equal(all.json.records[0].IsDeleted, true)
})

test('a reader that goes by SystemModstamp sees each change', async () => {
  nowMs = Date.UTC(2026, 1, 1, 12)
  const id = await makeContact(sandbox)
  const changed = async (since: string) =>
    (await query(
      sandbox,
      `SELECT Id FROM Contact WHERE SystemModstamp >= ${since} ORDER BY SystemModstamp, Id`,
    ))
      .json.records.map(({ Id }: { Id: string }) => Id)
  assert.deepEqual(
    await changed('2026-02-01T12:00:00.000+0000'),
    [id],
  )
  assert.deepEqual(await changed('2026-02-01T12:00:01Z'), [])
  nowMs += 1000
  await api(sandbox, `/sobjects/Contact/${id}`, { method: 'PATCH', body: { Title: 'x' } })
  assert.deepEqual(await changed('2026-02-01T12:00:01Z'), [id])
})

test('updated and deleted list ids of a span of minutes', async () => {
  nowMs = Date.UTC(2026, 1, 1, 12, 0, 30)
  const [kept, gone] = [await makeContact(sandbox), await makeContact(sandbox)]
  nowMs = Date.UTC(2026, 1, 1, 12, 5, 30)
  await api(sandbox, `/sobjects/Contact/${gone}`, { method: 'DELETE' })
  const span = 'start=2026-02-01T12:00:45%2B00:00&end=2026-02-01T12:10:00Z'
  const updated = await api(sandbox, `/sobjects/Contact/updated?${span}`)
  assert.deepEqual(updated.json, { ids: [kept], latestDateCovered: '2026-02-01T12:10:00.000+0000' })
  const deleted = await api(sandbox, `/sobjects/Contact/deleted?${span}`)
  assert.deepEqual(deleted.json, {
    deletedRecords: [{ id: gone, deletedDate: '2026-02-01T12:05:30.000+0000' }],
    earliestDateAvailable: '2026-01-17T12:05:30.000+0000',
    latestDateCovered: '2026-02-01T12:10:00.000+0000',
  })
})

test('a span that is empty or reaches too far back is refused', async () => {
  const ask = async (resource: string, span: string) =>
    (await api(sandbox, `/sobjects/Contact/${resource}?${span}`)).json[0]
  const same = await ask('updated', 'start=2026-01-31T00:00:00Z&end=2026-01-31T00:00:59Z')
  assert.equal(same.errorCode, 'INVALID_REPLICATION_DATE')
  const far = await ask('deleted', 'start=2026-01-16T00:00:00Z&end=2026-01-31T00:00:00Z')
  assert.match(far.message, /more than 15 days ago/)
  const near = await api(
    sandbox,
    '/sobjects/Contact/updated?start=2026-01-16T00:00:00Z&end=2026-01-31T00:00:00Z',
  )
  assert.equal(near.status, 200)
})
