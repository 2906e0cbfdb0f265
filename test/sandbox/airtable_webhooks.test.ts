// Goal: webhooks behave as at Airtable: who is told of what, how it is signed, how long it lives; and formulas find what was
// touched. Method: the web API over real sockets, a clock of our own, a server that is pinged.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { ask } from './client.ts'

let nowMs = 0
const sandbox = await startSandbox({ port: 0, now: () => nowMs })
const start = Date.UTC(2026, 10, 20, 12)
const dayMs = 24 * 60 * 60 * 1000

interface Ping {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let heard: ((ping: Ping) => void)[] = []
const pings: Ping[] = []
const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => body += chunk)
  request.on('end', () => {
    response.writeHead(204).end()
    if (request.url !== new URL(receiver).pathname) return // of a test before
    const waiting = heard.shift()
    if (waiting === undefined) pings.push({ headers: request.headers, body })
    else waiting({ headers: request.headers, body })
  })
})
let origin = ''
/** Of each test another. */
let receiver = ''
let tests = 0
const nextPing = (): Promise<Ping> => {
  const ping = pings.shift()
  return ping === undefined ? new Promise((wait) => heard.push(wait)) : Promise.resolve(ping)
}

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  origin = `http://127.0.0.1:${address.port}`
})
beforeEach(() => {
  nowMs = start
  receiver = `${origin}/hook/${++tests}`
  sandbox.reset()
  pings.length = 0
  heard = []
})
after(async () => {
  await sandbox.close()
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
})

const at = '/airtable/v0/bases/appSandbox0000001/webhooks'
const records = '/airtable/v0/appSandbox0000001'

const tables = async (): Promise<
  Record<string, { id: string; fields: Record<string, string> }>
> => {
  const { json } = await ask(sandbox, '/airtable/v0/meta/bases/appSandbox0000001/tables')
  return Object.fromEntries(
    json.tables.map((
      { id, name, fields }: { id: string; name: string; fields: { id: string; name: string }[] },
    ) => [
      name,
      { id, fields: Object.fromEntries(fields.map((field) => [field.name, field.id])) },
    ]),
  )
}

const make = (filters: object = {}, url: string | null = receiver) =>
  ask(sandbox, at, {
    method: 'POST',
    body: {
      ...(url === null ? {} : { notificationUrl: url }),
      specification: { options: { filters: { dataTypes: ['tableData'], ...filters } } },
    },
  })

const payloads = async (id: string, query = '') =>
  (await ask(sandbox, `${at}/${id}/payloads${query}`)).json

const create = async (table: string, fields: object): Promise<string> => {
  const { json, text } = await ask(sandbox, `${records}/${table}`, {
    method: 'POST',
    body: { fields },
  })
  assert.ok(json.id, text)
  return json.id
}

const change = (table: string, id: string, fields: object) =>
  ask(sandbox, `${records}/${table}/${id}`, { method: 'PATCH', body: { fields } })

const where = async (formula: string, table = 'Contacts'): Promise<string[]> => {
  const query = new URLSearchParams({ filterByFormula: formula })
  const { json, text } = await ask(sandbox, `${records}/${table}?${query}`)
  assert.ok(json.records, text)
  return json.records.map(({ id }: { id: string }) => id)
}

test('a change pings, signed with the secret that was told, and a payload says what changed', async () => {
  const { Contacts } = await tables()
  assert.ok(Contacts)
  const made = await make()
  assert.equal(made.status, 200)
  assert.match(made.json.id, /^ach[A-Za-z0-9]{14}$/)
  assert.equal(made.json.expirationTime, new Date(start + 7 * dayMs).toISOString())
  const id = await create('Contacts', { Name: 'Duncan', Status: 'Lead', Tags: ['vip'] })
  const { headers, body } = await nextPing()
  const key = Buffer.from(made.json.macSecretBase64, 'base64')
  const mac = createHmac('sha256', key).update(body).digest('hex')
  assert.equal(headers['x-airtable-content-mac'], `hmac-sha256=${mac}`)
  assert.deepEqual(JSON.parse(body), {
    base: { id: 'appSandbox0000001' },
    webhook: { id: made.json.id },
    timestamp: new Date(start).toISOString(),
  })
  const listed = await payloads(made.json.id)
  assert.deepEqual([listed.cursor, listed.mightHaveMore], [2, false])
  const [{ changedTablesById, actionMetadata, timestamp, baseTransactionNumber }] = listed.payloads
  assert.deepEqual([actionMetadata.source, timestamp, baseTransactionNumber], [
    'publicApi',
    new Date(start).toISOString(),
    1,
  ])
  const { createdTime, cellValuesByFieldId } = changedTablesById[Contacts.id].createdRecordsById[id]
  assert.equal(createdTime, new Date(start).toISOString())
  assert.equal(cellValuesByFieldId[Contacts.fields['Name'] ?? ''], 'Duncan')
  assert.equal(cellValuesByFieldId[Contacts.fields['Status'] ?? ''].name, 'Lead')
  assert.match(cellValuesByFieldId[Contacts.fields['Tags'] ?? ''][0].id, /^sel/)
})

test('what is changed, emptied, linked, computed and deleted is told by fields and records', async () => {
  const { Contacts, Companies } = await tables()
  assert.ok(Contacts && Companies)
  const company = await create('Companies', { Name: 'Ix', Domain: 'https://old.example' })
  const contact = await create('Contacts', { Name: 'Bronso', Notes: 'x' })
  const { json: { id } } = await make({}, null)
  nowMs += 1000
  await change('Contacts', contact, { Notes: null, Company: [company] })
  await change('Companies', company, { Domain: 'https://new.example' })
  await ask(sandbox, `${records}/Contacts/${contact}`, { method: 'DELETE' })
  await ask(sandbox, `${records}/Contacts/${contact}`) // reading is no change
  await ask(sandbox, `${records}/Contacts/${contact}`, { method: 'DELETE' }) // nor is what fails
  const listed = await payloads(id)
  const [linked, moved, deleted] = listed.payloads.map((
    { changedTablesById }: { changedTablesById: object },
  ) => changedTablesById)
  assert.equal(listed.payloads.length, 3)
  const cells = linked[Contacts.id].changedRecordsById[contact].current.cellValuesByFieldId
  assert.equal(cells[Contacts.fields['Notes'] ?? ''], null)
  assert.deepEqual(cells[Contacts.fields['Company'] ?? ''], [{ id: company, name: 'Ix' }])
  assert.ok(linked[Companies.id].changedRecordsById[company])
  const lookup = moved[Contacts.id].changedRecordsById[contact].current.cellValuesByFieldId
  assert.deepEqual(lookup, {
    [Contacts.fields['Company Domains'] ?? '']: ['https://new.example'],
  })
  assert.deepEqual(deleted[Contacts.id], { destroyedRecordIds: [contact] })
  assert.ok(deleted[Companies.id].changedRecordsById[company])
})

test('filters keep out other tables, fields, kinds of change and sources', async () => {
  const { Contacts, Companies } = await tables()
  assert.ok(Contacts && Companies)
  const filters = {
    companies: { recordChangeScope: Companies.id },
    names: { watchDataInFieldIds: [Contacts.fields['Name']], changeTypes: ['update'] },
    added: { changeTypes: ['add'] },
    people: { fromSources: ['client'] },
    schema: { dataTypes: ['tableFields'] },
  }
  const ids: Record<string, string> = {}
  for (const [name, filter] of Object.entries(filters)) {
    ids[name] = (await make(filter, null)).json.id
  }
  const contact = await create('Contacts', { Name: 'Duncan' })
  await change('Contacts', contact, { Notes: 'x' })
  await change('Contacts', contact, { Name: 'Hayt' })
  await create('Companies', { Name: 'Ix' })
  const counts: Record<string, number> = {}
  for (const name of Object.keys(filters)) {
    counts[name] = (await payloads(ids[name] ?? '')).payloads.length
  }
  assert.deepEqual(counts, { companies: 1, names: 1, added: 2, people: 0, schema: 0 })
})

test('payloads are listed by their numbers, at most fifty at a time', async () => {
  const { json: { id } } = await make({}, null)
  for (let n = 0; n < 55; n++) await create('Companies', { Name: `${n}` })
  const first = await payloads(id)
  assert.deepEqual([first.payloads.length, first.cursor, first.mightHaveMore], [50, 51, true])
  const second = await payloads(id, '?cursor=51')
  assert.deepEqual([second.payloads.length, second.cursor, second.mightHaveMore], [5, 56, false])
  const third = await payloads(id, '?cursor=56')
  assert.deepEqual([third.payloads, third.cursor], [[], 56])
  assert.equal((await payloads(id, '?cursor=3&limit=2')).cursor, 5)
  assert.equal((await ask(sandbox, `${at}/${id}/payloads?cursor=x`)).status, 422)
  const { json } = await ask(sandbox, at)
  assert.equal(json.webhooks[0].cursorForNextPayload, 56)
})

test('a webhook lives a week from when it was last asked, and is known for another', async () => {
  const [listed, refreshed, left] = [await make(), await make(), await make()]
  nowMs += 6 * dayMs
  await payloads(listed.json.id)
  const { json } = await ask(sandbox, `${at}/${refreshed.json.id}/refresh`, { method: 'POST' })
  assert.equal(json.expirationTime, new Date(nowMs + 7 * dayMs).toISOString())
  nowMs += 2 * dayMs
  const alive = async () =>
    (await ask(sandbox, at)).json.webhooks.map((hook: { isHookEnabled: boolean }) =>
      hook.isHookEnabled
    )
  assert.deepEqual(await alive(), [true, true, false])
  const late = await ask(sandbox, `${at}/${left.json.id}/refresh`, { method: 'POST' })
  assert.equal(late.status, 422)
  await create('Contacts', { Name: 'Duncan' })
  assert.equal((await payloads(left.json.id)).payloads.length, 0)
  nowMs += 6 * dayMs
  assert.equal((await alive()).length, 2)
  assert.equal((await ask(sandbox, `${at}/${left.json.id}/payloads`)).status, 404)
})

test('a base has ten webhooks at most; one that is silenced keeps its payloads; one can be taken away', async () => {
  const ids: string[] = []
  for (let n = 0; n < 10; n++) ids.push((await make({}, null)).json.id)
  const more = await make({}, null)
  assert.equal(more.json.error.type, 'TOO_MANY_WEBHOOKS_IN_BASE')
  for (const id of ids) {
    assert.equal((await ask(sandbox, `${at}/${id}`, { method: 'DELETE' })).status, 204)
  }
  assert.equal((await ask(sandbox, `${at}/${ids[0]}`, { method: 'DELETE' })).status, 404)
  const { json: { id } } = await make()
  const silence = { method: 'POST', body: { enable: false } }
  assert.equal((await ask(sandbox, `${at}/${id}/enableNotifications`, silence)).status, 200)
  await create('Contacts', { Name: 'unheard' })
  const speak = { method: 'POST', body: { enable: true } }
  await ask(sandbox, `${at}/${id}/enableNotifications`, speak)
  nowMs += 1
  await create('Contacts', { Name: 'heard' })
  assert.equal(JSON.parse((await nextPing()).body).timestamp, new Date(nowMs).toISOString())
  assert.equal((await payloads(id)).payloads.length, 2)
})

test('what is no specification of a webhook is refused', async () => {
  const bad = [
    { dataTypes: [] },
    { dataTypes: ['rows'] },
    { changeTypes: ['edit'] },
    { recordChangeScope: 'tblNobody' },
  ]
  for (const filters of bad) {
    assert.equal((await make(filters)).status, 422, JSON.stringify(filters))
  }
  const none = await ask(sandbox, at, { method: 'POST', body: { notificationUrl: receiver } })
  assert.equal(none.status, 422)
  const other = await ask(sandbox, at.replace('0001', '0002'))
  assert.equal(other.status, 403)
  assert.equal((await ask(sandbox, at, { token: null })).status, 401)
})

test('formulas find records by their ids and times; comparing nothing is an error that leaves a record out', async () => {
  nowMs += dayMs
  const bare = await create('Contacts', {})
  const full = await create('Contacts', { Name: 'Duncan' })
  const since = `DATETIME_PARSE("${new Date(nowMs - 1).toISOString()}")`
  assert.deepEqual(await where(`IS_AFTER(CREATED_TIME(), ${since})`), [bare, full])
  assert.deepEqual(await where(`IS_AFTER(LAST_MODIFIED_TIME(), ${since})`), [full])
  const both = `OR(IS_AFTER(CREATED_TIME(), ${since}), IS_AFTER(LAST_MODIFIED_TIME(), ${since}))`
  assert.deepEqual(await where(both), [full])
  assert.deepEqual(await where('NOT(LAST_MODIFIED_TIME())'), [bare])
  assert.deepEqual(await where(`IF(LAST_MODIFIED_TIME(), FALSE(), TRUE())`), [bare])
  await change('Contacts', bare, { Name: 'now' })
  assert.deepEqual(await where('NOT(LAST_MODIFIED_TIME())'), [])
  const ids = `OR(RECORD_ID()="${full}", RECORD_ID()='${bare}', RECORD_ID()="recNobody")`
  assert.deepEqual(await where(ids), [bare, full])
  assert.deepEqual(await where(`AND(${ids}, {Name}="now")`), [bare])
  assert.deepEqual(await where(`OR(${ids}, {Name}="Paul Atreides")`).then((all) => all.length), 3)
  assert.deepEqual(await where('RECORD_ID()!="x"').then((all) => all.length), 6)
})

test('an answer is dated by the clock of the sandbox', async () => {
  const { headers } = await ask(sandbox, at)
  assert.equal(headers['date'], new Date(start).toUTCString())
})

test('a seed of a hundred thousand is quick, and listed page by page', async () => {
  const begun = performance.now()
  const body = { count: 100_000 }
  assert.equal(
    (await ask(sandbox, '/_seed/airtable/contacts', { method: 'POST', body })).status,
    201,
  )
  assert.equal((await ask(sandbox, '/_seed/airtable/nobody', { method: 'POST', body })).status, 404)
  const { json } = await ask(sandbox, '/_records/airtable/contacts')
  assert.equal(json.length, 100_004)
  assert.equal(
    new Set(json.map(({ fields }: { fields: { Email: string } }) => fields.Email)).size,
    100_004,
  )
  let [offset, listed] = ['', 0]
  for (let page = 0; page < 50; page++) {
    const query = new URLSearchParams(offset === '' ? {} : { offset })
    const { json: answer } = await ask(sandbox, `${records}/Contacts?${query}`)
    listed += answer.records.length
    offset = answer.offset
  }
  assert.equal(listed, 5_000)
  assert.ok(performance.now() - begun < 180_000) // it takes two seconds; this machine may be very busy
})
