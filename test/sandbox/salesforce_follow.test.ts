// Goal: readers that go through a large object by its ids or by its stamps find every record once and in order; records
// can be made by the hundred thousand. Method: the sandbox under a clock of the test's.

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

const seed = async (table: string, count: number) =>
  await ask(sandbox, `/_seed/salesforce/${table}`, { method: 'POST', body: { count } })

const queryAll = async (soql: string) =>
  (await api(sandbox, `/queryAll?q=${encodeURIComponent(soql)}`)).json

const idsOf = (json: { records: { Id: string }[] }) => json.records.map(({ Id }) => Id)

/** All ids, page by page, each page after the last id of the one before. */
async function walkIds(limit: number, object = 'Contact'): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const after = found.length === 0 ? '' : `WHERE Id > '${found.at(-1) ?? ''}' `
    const { json } = await query(
      sandbox,
      `SELECT Id FROM ${object} ${after}ORDER BY Id LIMIT ${limit}`,
    )
    const ids = idsOf(json)
    found.push(...ids)
    if (ids.length < limit) return found
  }
}

/** The same by stamp and id. */
async function walkStamps(since: string, limit: number): Promise<string[]> {
  const found: string[] = []
  let where = `SystemModstamp >= ${since}`
  for (;;) {
    const soql = `SELECT Id, SystemModstamp FROM Contact WHERE ${where} ` +
      `ORDER BY SystemModstamp, Id LIMIT ${limit}`
    const json = await queryAll(soql)
    found.push(...idsOf(json))
    const last = json.records.at(-1)
    if (json.records.length < limit) return found
    const stamp = last.SystemModstamp.replace('.000+0000', 'Z')
    where = `SystemModstamp >= ${stamp} AND (SystemModstamp > ${stamp} OR Id > '${last.Id}')`
  }
}

test('ids are in one order, in which upper and lower case differ', async () => {
  await seed('contacts', 200)
  const ids = await walkIds(7)
  assert.equal(ids.length, 220)
  assert.deepEqual(ids, [...ids].sort(), 'the order of ASCII')
  assert.equal(new Set(ids).size, 220)
  assert.ok(ids.some((id) => /[a-z].{3}$/.test(id)) && ids.some((id) => /[A-Z].{3}$/.test(id)))
})

test('by stamp and id every record is found once, however many have the same stamp', async () => {
  await seed('contacts', 150)
  const since = '2026-02-01T00:00:00Z'
  const ids = await walkStamps(since, 7)
  assert.equal(ids.length, 150)
  assert.equal(new Set(ids).size, 150)
})

test('a change moves a record to the end of the order of stamps; an older stamp finds its place', async () => {
  const [first, second] = [await makeContact(sandbox), await makeContact(sandbox)]
  nowMs += 5000
  await api(sandbox, `/sobjects/Contact/${first}`, { method: 'PATCH', body: { Title: 'x' } })
  nowMs -= 2000
  const third = await makeContact(sandbox)
  assert.deepEqual(await walkStamps('2026-02-01T00:00:00Z', 2), [second, third, first])
  const newest = await query(
    sandbox,
    'SELECT Id FROM Contact ORDER BY SystemModstamp DESC LIMIT 1',
  )
  assert.deepEqual(idsOf(newest.json), [first])
})

test('what was taken back is in neither order', async () => {
  const kept = await makeContact(sandbox)
  nowMs += 1000
  const records = [
    { attributes: { type: 'Contact' }, id: kept, Title: 'x' },
    { attributes: { type: 'Contact' }, id: kept, LastName: null },
  ]
  const body = { allOrNone: true, records }
  await api(sandbox, '/composite/sobjects', { method: 'PATCH', body })
  const made = [{ LastName: 'A' }, {}].map((one) => ({ attributes: { type: 'Contact' }, ...one }))
  await api(sandbox, '/composite/sobjects', {
    method: 'POST',
    body: { allOrNone: true, records: made },
  })
  assert.deepEqual(await walkStamps('2026-02-01T00:00:01Z', 5), [])
  assert.deepEqual(await walkStamps('2026-02-01T00:00:00Z', 5), [kept])
  assert.equal((await walkIds(5)).length, 21)
  const after = await makeContact(sandbox)
  assert.equal((await walkIds(5)).at(-1), after)
})

test('a query by ids looks at these, in any order and number', async () => {
  const ids = await walkIds(2000)
  const some = [ids[4], ids[1], ids[1], '003000000000000AAA'].map((id) => `'${id ?? ''}'`)
  const found = await query(sandbox, `SELECT Id FROM Contact WHERE Id IN (${some.join(',')})`)
  assert.deepEqual(idsOf(found.json), [ids[1], ids[4]])
  const one = await query(
    sandbox,
    `SELECT Id FROM Contact WHERE Id = '${ids[3] ?? ''}' AND LastName != null`,
  )
  assert.deepEqual(idsOf(one.json), [ids[3]])
})

test('the recycle bin keeps a record for 15 days', async () => {
  const id = await makeContact(sandbox)
  await api(sandbox, `/sobjects/Contact/${id}`, { method: 'DELETE' })
  const soql = `SELECT Id FROM Contact WHERE Id = '${id}'`
  nowMs += 15 * 24 * 60 * 60 * 1000
  assert.equal((await queryAll(soql)).totalSize, 1)
  nowMs += 1000
  assert.equal((await queryAll(soql)).totalSize, 0)
})

test('answers say what time it is at the org', async () => {
  const { headers } = await api(sandbox, '/limits')
  assert.equal(headers['date'], 'Sun, 01 Feb 2026 00:00:00 GMT')
})

test('recordCount counts what is not in the bin, of the objects that there are', async () => {
  const id = await makeContact(sandbox)
  const counts = async (list: string) =>
    (await api(sandbox, `/limits/recordCount${list}`)).json.sObjects
  assert.deepEqual(await counts('?sObjects=Contact,Nothing__c,Project__c'), [
    { count: 21, name: 'Contact' },
    { count: 2, name: 'Project__c' },
  ])
  await api(sandbox, `/sobjects/Contact/${id}`, { method: 'DELETE' })
  assert.deepEqual(await counts('?sObjects=contact'), [{ count: 20, name: 'Contact' }])
  assert.equal((await counts('')).length, 6)
  assert.equal((await api(sandbox, '/limits/nothing')).status, 404)
})

test('records made at once are unlike one another, and can be changed and deleted as others', async () => {
  const counts: [string, number, number][] = [
    ['contacts', 20, 300],
    ['Account', 5, 30],
    ['leads', 3, 30],
    ['opportunities', 3, 30],
    ['Project__c', 2, 30],
  ]
  for (const [table, before, count] of counts) {
    assert.equal((await seed(table, count)).status, 201)
    const { json } = await ask(sandbox, `/_records/salesforce/${table}`)
    assert.equal(json.length, before + count, table)
    const names = json.slice(before).map(({ Name }: { Name: string }) => Name)
    assert.equal(new Set(names).size, count, table)
    const [record] = json.slice(-1)
    const { attributes, Id } = record
    assert.ok(attributes.url.endsWith(`/${Id}`))
    const shown = (await ask(sandbox, `/salesforce${attributes.url}`)).json
    assert.deepEqual(shown, record)
    const changed = await ask(sandbox, `/salesforce${attributes.url}`, {
      method: 'PATCH',
      body: table === 'Account' || table === 'Project__c' ? { Name: 'x' } : { Description: 'x' },
    })
    assert.equal(changed.status, 204, changed.text)
    const removed = await ask(sandbox, `/salesforce${attributes.url}`, { method: 'DELETE' })
    assert.equal(removed.status, 204, removed.text)
  }
  assert.equal((await seed('users', 1)).status, 404)
  assert.equal((await seed('nothing', 1)).status, 404)
})

test('a second seeding goes on where the first ended; a reset takes both away', async () => {
  await seed('contacts', 3)
  await seed('contacts', 3)
  const { json } = await query(
    sandbox,
    "SELECT LastName FROM Contact WHERE LastName LIKE 'Fremen%' ORDER BY Id",
  )
  const names = json.records.map(({ LastName }: { LastName: string }) => LastName)
  assert.deepEqual(names, [1, 2, 3, 4, 5, 6].map((n) => `Fremen ${n}`))
  sandbox.reset()
  assert.equal((await walkIds(2000)).length, 20)
})

test('100,000 records are there at once, and the last page of them as soon as the first', async () => {
  assert.equal((await seed('Project__c', 100_000)).status, 201)
  const ids = await walkIds(2000, 'Project__c')
  assert.equal(ids.length, 100_002)
  assert.equal(new Set(ids).size, 100_002)
  const { json } = await ask(sandbox, '/_records/salesforce/Project__c')
  assert.deepEqual(json.map(({ Id }: { Id: string }) => Id), ids)
})
