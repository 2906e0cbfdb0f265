// Goal: no change at Airtable is missed, none is told for ever, and nothing that is there is taken for gone. Method: the
// follower against the sandbox, whose records another client changes, on clocks that the tests move.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Http } from '../../../src/lib/http.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { changes } from '../../../src/platforms/airtable/changes.ts'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { Description, type OpenApi } from '../contract/openapi.ts'
import { noSpecs, readSpec } from '../contract/specs.ts'
import { listAll, lookAll, type Rig, startRig } from './rig.ts'

let rig: Rig
let contacts: SyncedTable
let companies: SyncedTable
before(async () => rig = await startRig())
after(async () => await rig.close())
beforeEach(async () => {
  rig.reset()
  contacts = await rig.table('Contacts')
  companies = await rig.table('Companies')
})

/** Long enough that what was before is not told of any more. */
const longMs = 10 * 60_000

/** Records made before this are of the past. */
const start = async (table: SyncedTable): Promise<string> => {
  rig.pass(longMs)
  const cursor = await rig.follower.start(table, rig.caller())
  rig.sent.length = 0
  return cursor
}

const refs = (...ids: string[]) => ids.map((id) => ({ id, keys: {} }))

const withHttp = (send: Http['send']): Caller => {
  const caller = rig.caller()
  return { ...caller, http: { close: () => Promise.resolve(), send } }
}

/** Without the answers' `date`. */
const undated = (): Caller => {
  const { http } = rig.caller()
  return withHttp(async (request) => {
    const response = await http.send(request)
    const { date: _date, ...headers } = response.headers
    return { ...response, headers }
  })
}

const isFault = (code: string) => (error: unknown) => error instanceof Fault && error.code === code

test('the adapter follows, and its pace is that of a base with five requests a second', () => {
  assert.ok(airtable.follow)
  for (const table of [contacts, companies]) {
    const pace = airtable.follow.pace(table)
    assert.deepEqual([pace.changes, pace.deletions], [true, false])
    assert.deepEqual([pace.everyMs, pace.scanEveryMs], [30_000, 1_800_000])
  }
  assert.ok(!('ids' in airtable.follow))
})

describe('every table', () => {
  const cases = [
    { object: 'Contacts', made: { Name: 'Duncan', Active: true }, changed: { Name: 'Hayt' } },
    { object: 'Companies', made: { Name: 'Ix' }, changed: { Name: 'Tleilax', Size: 'Large' } },
  ]
  for (const { object, made, changed } of cases) {
    test(`${object}: what is created and updated is told as the platform has it`, async () => {
      const table = await rig.table(object)
      const cursor = await start(table)
      const [id = ''] = await rig.create(object, made)
      const first = await lookAll(rig, table, cursor)
      assert.deepEqual(first.rows, new Map([[id, (await listAll(rig, table)).get(id)]]))
      rig.pass(longMs)
      assert.equal((await lookAll(rig, table, first.next)).rows.size, 1) // as long as it may be late
      const quiet = await lookAll(rig, table, (await lookAll(rig, table, first.next)).next)
      assert.equal(quiet.rows.size, 0)
      await rig.update(object, id, changed)
      const second = await lookAll(rig, table, quiet.next)
      assert.deepEqual(second.rows, new Map([[id, (await listAll(rig, table)).get(id)]]))
      assert.equal(second.rows.get(id)?.['name'], changed.Name)
    })

    test(`${object}: what is deleted is not in the list, and read as none`, async () => {
      const table = await rig.table(object)
      const ids = await rig.create(object, { Name: 'A' }, { Name: 'B' })
      const [kept = '', gone = ''] = ids
      const cursor = await start(table)
      await rig.remove(object, gone)
      assert.equal((await lookAll(rig, table, cursor)).rows.size, 0)
      const all = await listAll(rig, table)
      assert.deepEqual([all.has(kept), all.has(gone)], [true, false])
      const read = await rig.follower.read(table, refs(gone, kept), rig.caller())
      assert.deepEqual(read, [{ id: gone, values: null }, { id: kept, values: all.get(kept) }])
    })
  }
})

describe('changes', () => {
  test('a quiet table costs one request and brings nothing', async () => {
    let cursor = await start(contacts)
    for (let look = 1; look <= 5; look++) {
      rig.pass(30_000)
      const { rows, more, until, next } = await rig.follower.changes(contacts, cursor, rig.caller())
      assert.deepEqual([rows, more, rig.sent.length], [[], false, look])
      assert.equal(until, rig.clock.ours)
      cursor = next
    }
  })

  test('a change is told of again for a minute, and not afterwards', async () => {
    let cursor = await start(contacts)
    await rig.create('Contacts', { Name: 'Once' })
    const told: number[] = []
    for (let look = 0; look < 6; look++) {
      const { rows, next } = await lookAll(rig, contacts, cursor)
      told.push(rows.size)
      cursor = next
      rig.pass(30_000)
    }
    assert.deepEqual(told, [1, 1, 1, 1, 0, 0])
  })

  test('a record that was made without a value, and so has no time of a modification, is told', async () => {
    const cursor = await start(contacts)
    const [id = ''] = await rig.create('Contacts', {})
    const { rows } = await lookAll(rig, contacts, cursor)
    assert.deepEqual([...rows.keys()], [id])
    assert.equal(rows.get(id)?.['modified'], null)
  })

  test('a record that is linked to is told with the one that links', async () => {
    const [company = ''] = await rig.create('Companies', { Name: 'Ix' })
    const cursor = await start(companies)
    const [contact = ''] = await rig.create('Contacts', { Name: 'Bronso', Company: [company] })
    const { rows } = await lookAll(rig, companies, cursor)
    assert.deepEqual(rows.get(company)?.['contacts'], JSON.stringify([contact]))
  })

  test('a lookup that changes with another record is told by nothing but the list', async () => {
    const [company = ''] = await rig.create('Companies', {
      Name: 'Ix',
      Domain: 'https://old.example',
    })
    const [contact = ''] = await rig.create('Contacts', { Name: 'Bronso', Company: [company] })
    const cursor = await start(contacts)
    await rig.update('Companies', company, { Domain: 'https://new.example' })
    assert.equal((await lookAll(rig, contacts, cursor)).rows.size, 0)
    const domains = (await listAll(rig, contacts)).get(contact)?.['company_domains']
    assert.equal(domains, '["https://new.example"]')
  })

  test('many changes come in pages, and what changes meanwhile comes too', async () => {
    const cursor = await start(contacts)
    const until = rig.clock.ours
    const made: string[] = []
    for (let n = 0; n < 25; n++) {
      const names = Array.from({ length: 10 }, (_, i) => ({ Name: `${n * 10 + i}` }))
      made.push(...await rig.create('Contacts', ...names))
    }
    rig.pass(30_000)
    const first = await rig.follower.changes(contacts, cursor, rig.caller())
    assert.deepEqual([first.rows.length, first.more, first.until], [100, true, until])
    const walked = rig.clock.ours
    rig.pass(1_000)
    await rig.update('Contacts', first.rows[0]?.id ?? '', { Name: 'later' })
    const rest = await lookAll(rig, contacts, first.next)
    assert.deepEqual([rest.rows.size, rest.looks, rest.until], [150, 2, walked])
    const told = new Set([...first.rows.map(({ id }) => id), ...rest.rows.keys()])
    assert.deepEqual(told, new Set(made))
    rig.pass(longMs)
    const next = await lookAll(rig, contacts, rest.next)
    assert.equal(next.rows.get(first.rows[0]?.id ?? '')?.['name'], 'later')
  })

  test('a look whose iterator is forgotten begins again, and leaves nothing out', async () => {
    const cursor = await start(contacts)
    const made: string[] = []
    for (let n = 0; n < 12; n++) {
      const names = Array.from({ length: 10 }, (_, i) => ({ Name: `${n * 10 + i}` }))
      made.push(...await rig.create('Contacts', ...names))
    }
    const first = await rig.follower.changes(contacts, cursor, rig.caller())
    assert.ok(first.more)
    rig.pass(longMs) // the sandbox keeps an iterator for five minutes
    rig.sent.length = 0
    const again = await rig.follower.changes(contacts, first.next, rig.caller())
    assert.deepEqual([again.rows.length, again.more, rig.sent.length], [100, true, 2])
    const rest = await lookAll(rig, contacts, again.next)
    const told = new Set([...again.rows.map(({ id }) => id), ...rest.rows.keys()])
    assert.deepEqual(told, new Set(made))
    assert.equal(rest.until, rig.clock.ours)
  })

  for (const aheadMs of [-longMs, longMs]) {
    test(`a clock of Airtable's that is ${aheadMs} ms ahead makes no difference`, async () => {
      rig.clock.theirs += aheadMs
      const cursor = await start(contacts)
      const [id = ''] = await rig.create('Contacts', { Name: 'Here' })
      rig.pass(30_000)
      const { rows, next } = await lookAll(rig, contacts, cursor)
      assert.deepEqual([...rows.keys()], [id])
      rig.pass(longMs)
      const late = await lookAll(rig, contacts, next)
      assert.equal((await lookAll(rig, contacts, late.next)).rows.size, 0)
      await rig.update('Contacts', id, { Name: 'There' })
      assert.deepEqual([...(await lookAll(rig, contacts, late.next)).rows.keys()], [id])
    })
  }

  test('what happens while Airtable works on the request for a minute is told by the next one', async () => {
    const cursor = await start(contacts)
    const { http } = rig.caller()
    let time = 0
    const slow = { now: () => rig.clock.ours, monotonic: () => time }
    let late = ''
    const caller = withHttp(async (request) => {
      const response = await http.send(request)
      // seen by nobody: it is made after the list was, and long before the answer is given
      late = (await rig.create('Contacts', { Name: 'Late' }))[0] ?? ''
      rig.clock.theirs += 90_000
      time += 90_000
      const date = new Date(rig.clock.theirs).toUTCString()
      return { ...response, headers: { ...response.headers, date } }
    })
    const first = await changes(contacts, cursor, { caller, clocks: slow })
    assert.deepEqual(first.rows, [])
    assert.deepEqual([...(await lookAll(rig, contacts, first.next)).rows.keys()], [late])
  })

  test('an answer without a date moves nothing on, and a start without one fails', async () => {
    const cursor = await start(contacts)
    const [id = ''] = await rig.create('Contacts', { Name: 'Here' })
    const first = await rig.follower.changes(contacts, cursor, undated())
    rig.pass(longMs)
    const second = await rig.follower.changes(contacts, first.next, undated())
    assert.deepEqual(second.rows.map((row) => row.id), [id])
    assert.equal(second.until, rig.clock.ours)
    await assert.rejects(rig.follower.start(contacts, undated()), isFault('platform_failed'))
  })

  test('a cursor that is none says that the table must be filled anew', async () => {
    const good = JSON.parse(await start(contacts))
    const bad = [
      '',
      'null',
      '[]',
      '{}',
      '{"since":1}',
      JSON.stringify({ ...good, since: '1' }),
      JSON.stringify({ ...good, since: 1e300 }),
      JSON.stringify({ ...good, since: 9e15 }),
      JSON.stringify({ ...good, walk: {} }),
      JSON.stringify({ ...good, walk: { since: 1, until: 1 } }),
      JSON.stringify({ ...good, walk: 'itr/rec' }),
    ]
    for (const cursor of bad) {
      const asked = rig.follower.changes(contacts, cursor, rig.caller())
      await assert.rejects(asked, isFault('bad_request'), cursor)
    }
    assert.equal(rig.sent.length, 0)
  })
})

describe('read', () => {
  test('a hundred records are one request, whose address is one that Airtable takes', async () => {
    const ids: string[] = []
    for (let n = 0; n < 10; n++) {
      ids.push(
        ...await rig.create('Contacts', ...Array.from({ length: 10 }, () => ({ Name: 'x' }))),
      )
    }
    const read = await rig.follower.read(contacts, refs(...ids), rig.caller())
    assert.deepEqual(read.map(({ id }) => id), ids)
    assert.ok(read.every(({ values }) => values?.['name'] === 'x'))
    assert.equal(rig.sent.length, 1)
    assert.ok((rig.sent[0]?.url.length ?? 0) < 16_000)
    assert.equal(rig.follower.readMax, ids.length)
  })

  test('what is no id of a record is none, and is not asked for', async () => {
    const odd = ['', 'rec', 'tblContacts000001', 'rec") , TRUE(), ("', 'rec..', 'cus_1']
    const read = await rig.follower.read(contacts, refs(...odd), rig.caller())
    assert.deepEqual(read, odd.map((id) => ({ id, values: null })))
    assert.equal(rig.sent.length, 0)
  })

  test('a record of another table is none of this one', async () => {
    const [company = ''] = await rig.create('Companies', { Name: 'Ix' })
    const read = await rig.follower.read(contacts, refs(company, company), rig.caller())
    assert.deepEqual(read, [{ id: company, values: null }])
    assert.equal(rig.sent.length, 2)
  })
})

test('every request and every answer fits the official description', async (context) => {
  const spec = readSpec<OpenApi>('airtable/webapi.derived.openapi.json')
  if (spec === null) return context.skip(noSpecs)
  const cursor = await start(contacts)
  const [id = ''] = await rig.create('Contacts', { Name: 'Here' })
  await lookAll(rig, contacts, cursor)
  await rig.follower.read(contacts, refs(id, 'recSbx0000nobody0'), rig.caller())
  const description = new Description(spec)
  assert.ok(rig.spoken.length > 50, `${rig.spoken.length} exchanges`)
  for (const one of rig.spoken) {
    assert.deepEqual([...description.request(one), ...description.response(one)], [], one.path)
  }
})
