// Goal: what another client does at the org, directly and over HTTP, is told of every object of the adapter as its pace
// promises. Method: the sandbox under a clock of the test's; random changes, random polls, random sizes of pages.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Values } from '../../../src/mutation/mutation.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller, Changes } from '../../../src/platforms/platform.ts'
import { createFollower } from '../../../src/platforms/salesforce/follow.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { runsOf } from '../../help/property.ts'
import { api, exchanges } from '../../sandbox/client.ts'
import { Description, type OpenApi, type Spoken } from '../contract/openapi.ts'
import { noSpecs, readSpec } from '../contract/specs.ts'

const minuteMs = 60_000
const noon = Date.UTC(2026, 10, 26, 12)

let sandbox: Sandbox
let http: Http
let nowMs = noon
const tables = new Map<string, SyncedTable>()

const objects = ['Account', 'Contact', 'Lead', 'Opportunity', 'User', 'Project__c']

before(async () => {
  sandbox = await startSandbox({ port: 0, now: () => nowMs })
  http = createHttp()
  for (const shape of await salesforce.describe(objects, caller())) {
    const place = { syncId: 'sync_test', platform: 'salesforce', schema: 'salesforce' } as const
    tables.set(shape.object, { ...shape, ...place })
  }
})
after(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => {
  nowMs = noon
  sandbox.reset()
})

function caller(): Caller {
  return {
    baseUrl: sandbox.platformUrl('salesforce'),
    settings: {},
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
  }
}

function tableOf(object: string): SyncedTable {
  const table = tables.get(object)
  assert.ok(table)
  return table
}

const followerOf = (rowsMax?: number) =>
  createFollower({ now: () => nowMs, ...(rowsMax === undefined ? {} : { rowsMax }) })

/** Another client's write; gives the id. */
async function save(object: string, fields: object, id?: string): Promise<string> {
  const path = `/sobjects/${object}${id === undefined ? '' : `/${id}`}`
  const method = id === undefined ? 'POST' : 'PATCH'
  const answer = await api(sandbox, path, { method, body: fields })
  assert.ok(answer.status === 201 || answer.status === 204, answer.text)
  return id ?? String(answer.json.id)
}

async function remove(object: string, id: string): Promise<void> {
  const { status, text } = await api(sandbox, `/sobjects/${object}/${id}`, { method: 'DELETE' })
  assert.equal(status, 204, text)
}

/** All the changes from a cursor on. */
async function allChanges(table: SyncedTable, cursor: string, rowsMax?: number): Promise<Changes> {
  const follower = followerOf(rowsMax)
  const all: Changes[] = []
  let next = cursor
  for (let more = true; more;) {
    const changes = await follower.changes(table, next, caller())
    all.push(changes)
    ;({ next, more } = changes)
    assert.ok(all.length < 500, 'it ends')
  }
  return {
    rows: all.flatMap(({ rows }) => rows),
    gone: all.flatMap(({ gone }) => gone),
    touched: all.flatMap(({ touched }) => touched),
    next,
    more: false,
    until: all.at(-1)?.until ?? 0,
  }
}

/** All records as `page` lists them. */
async function listed(table: SyncedTable): Promise<Map<string, Values>> {
  const found = new Map<string, Values>()
  for (let cursor: string | null = null;;) {
    const { rows, next } = await salesforce.page(table, cursor, caller())
    for (const { id, values } of rows) found.set(id, values)
    if (next === null) return found
    cursor = next
  }
}

async function allIds(table: SyncedTable): Promise<string[]> {
  const list = await followerOf().ids?.(table, null, caller())
  assert.equal(list?.next, null)
  return [...list?.ids ?? []]
}

/** How records of an object are made, and what is changed in them. */
const drafts: Readonly<Record<string, { make: object; change: object; column: string }>> = {
  Account: { make: { Name: 'CHOAM' }, change: { Name: 'CHOAM 2' }, column: 'name' },
  Contact: { make: { LastName: 'Fenring' }, change: { LastName: 'F' }, column: 'last_name' },
  Lead: {
    make: { LastName: 'Fenring', Company: 'x' },
    change: { LastName: 'F' },
    column: 'last_name',
  },
  Opportunity: {
    make: { Name: 'Spice', StageName: 'Prospecting', CloseDate: '2027-01-01' },
    change: { Name: 'Melange' },
    column: 'name',
  },
  Project__c: { make: { Name: 'Ecology' }, change: { Name: 'Green' }, column: 'name' },
}

describe('each object', () => {
  for (const [object, { make, change, column }] of Object.entries(drafts)) {
    test(`${object}: a record made, changed and deleted by another client is told`, async () => {
      const table = tableOf(object)
      const follower = followerOf()
      assert.deepEqual(follower.pace(table), {
        changes: true,
        deletions: true,
        everyMs: 60_000,
        scanEveryMs: 86_400_000,
      })
      nowMs += 20 * minuteMs
      const cursor = await follower.start(table, caller())
      const id = await save(object, make)
      nowMs += minuteMs
      const made = await allChanges(table, cursor)
      const rows = await listed(table)
      assert.deepEqual(made.rows, [{ id, values: rows.get(id) }])
      assert.deepEqual([made.gone, made.touched, made.until], [[], [], nowMs])
      assert.ok((await allIds(table)).includes(id))

      await save(object, change, id)
      nowMs += minuteMs
      const changed = await allChanges(table, made.next)
      assert.equal(changed.rows[0]?.values[column], Object.values(change)[0])

      await remove(object, id)
      nowMs += minuteMs
      const removed = await allChanges(table, changed.next)
      assert.deepEqual([removed.rows, removed.gone], [[], [id]])
      const read = await follower.read(table, [{ id, keys: {} }], caller())
      assert.deepEqual(read, [{ id, values: null }])
      assert.ok(!(await allIds(table)).includes(id))
    })
  }

  test('User: nobody can delete one, and the ids are compared now and then', () => {
    const { changes, deletions, scanEveryMs } = followerOf().pace(tableOf('User'))
    assert.deepEqual([changes, deletions, scanEveryMs], [true, false, 6 * 60 * minuteMs])
  })

  test('of which Salesforce keeps no stamp: listed again, nothing asked', async () => {
    const { columns, ...rest } = tableOf('Contact')
    const stamps = ['SystemModstamp', 'LastModifiedDate', 'CreatedDate']
    const table = { ...rest, columns: columns.filter(({ field }) => !stamps.includes(field)) }
    const follower = followerOf()
    const { changes, deletions } = follower.pace(table)
    assert.deepEqual([changes, deletions], [false, false])
    const cursor = await follower.start(table, caller())
    assert.deepEqual(await follower.changes(table, cursor, caller()), {
      rows: [],
      gone: [],
      touched: [],
      next: cursor,
      more: false,
      until: nowMs,
    })
  })

  test('that only has a date of creation is followed if nothing of it can be changed', () => {
    const { columns, ...rest } = tableOf('Contact')
    const dates = ['SystemModstamp', 'LastModifiedDate']
    const kept = columns.filter(({ field }) => !dates.includes(field))
    const follower = followerOf()
    assert.equal(follower.pace({ ...rest, columns: kept }).changes, false)
    const fixed = kept.map((column) => ({ ...column, updatable: false }))
    const { changes, deletions } = follower.pace({ ...rest, columns: fixed })
    assert.deepEqual([changes, deletions], [true, false])
  })
})

describe('together', () => {
  test('a deletion that takes others along is told of all of them, and of what lost its reference', async () => {
    const account = await save('Account', { Name: 'CHOAM' })
    const contact = await save('Contact', { LastName: 'Fenring', AccountId: account })
    const project = await save('Project__c', { Name: 'Ecology', Contact__c: contact })
    nowMs += 20 * minuteMs
    const cursors = new Map<string, string>()
    for (const object of objects) {
      cursors.set(object, await followerOf().start(tableOf(object), caller()))
    }
    await remove('Account', account)
    nowMs += minuteMs
    const told = async (object: string) =>
      await allChanges(tableOf(object), cursors.get(object) ?? '')
    assert.deepEqual((await told('Account')).gone, [account])
    assert.deepEqual((await told('Contact')).gone, [contact])
    const { rows } = await told('Project__c')
    assert.deepEqual(rows.map(({ id, values }) => [id, values['contact__c']]), [[project, null]])
  })

  test('read tells of records by id, in the bin or not, and of what is no id', async () => {
    const kept = await save('Contact', { LastName: 'Fenring' })
    const gone = await save('Contact', { LastName: 'Gone' })
    await remove('Contact', gone)
    const never = `${kept.slice(0, 12)}zzz`
    const refs = [gone, kept, 'nonsense', '', never, kept].map((id) => ({ id, keys: {} }))
    const read = await followerOf().read(tableOf('Contact'), refs, caller())
    assert.deepEqual(
      read.map(({ id, values }) => [id, values?.['last_name'] ?? null]),
      [[gone, null], [kept, 'Fenring'], ['nonsense', null], ['', null], [never, null]],
    )
    assert.deepEqual(await followerOf().read(tableOf('Contact'), [], caller()), [])
  })

  test('count is that of the records outside the bin; null for what the org does not count', async () => {
    const table = tableOf('Contact')
    const count = await followerOf().count?.(table, caller())
    assert.equal(count, (await allIds(table)).length)
    assert.equal(await followerOf().count?.({ ...table, object: 'Nothing__c' }, caller()), null)
  })

  test('a cursor of two weeks ago means: fill the table anew; of one week, nothing is missed', async () => {
    const table = tableOf('Contact')
    const cursor = await followerOf().start(table, caller())
    const id = await save('Contact', { LastName: 'Fenring' })
    nowMs += minuteMs
    await remove('Contact', id)
    nowMs += 7 * 24 * 60 * minuteMs
    assert.deepEqual((await allChanges(table, cursor)).gone, [id])
    nowMs += 7 * 24 * 60 * minuteMs
    await assert.rejects(allChanges(table, cursor), { code: 'bad_request' })
  })
})

test('what is asked and answered fits the official description', async (context) => {
  const spec = readSpec<OpenApi>('salesforce/rest.derived.openapi.json')
  if (spec === null) return context.skip(noSpecs)
  const table = tableOf('Contact')
  const cursor = await followerOf().start(table, caller())
  const id = await save('Contact', { LastName: 'Fenring' })
  nowMs += 3 * 60 * minuteMs
  await allChanges(table, cursor, 1)
  await followerOf().read(table, [{ id, keys: {} }], caller())
  await salesforce.page(table, id, caller())
  await allIds(table)
  const description = new Description(spec)
  const said = (await exchanges(sandbox)) as (Spoken & { url: string })[]
  const wrong = said.map((one) => ({ ...one, path: one.url.slice('/salesforce'.length) }))
    .flatMap((one) => [...description.request(one), ...description.response(one)])
  assert.ok(said.length > 6)
  assert.deepEqual(wrong, [])
})

/** What another client does next, so much later. */
const step = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 0, max: 2 * minuteMs })),
  kind: fc.constantFrom('make', 'change', 'change', 'remove', 'poll', 'poll'),
  which: fc.nat(),
})

test('random changes against random polls: the set told is what changed, the states are the org’s', async () => {
  const table = tableOf('Contact')
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 1, max: 7 }),
      async (steps, rowsMax) => {
        sandbox.reset()
        nowMs = noon
        const copy = await listed(table)
        const before = new Map(copy)
        let cursor = await followerOf(rowsMax).start(table, caller())
        const told = new Set<string>()
        const changed = new Set<string>()
        const poll = async () => {
          const changes = await allChanges(table, cursor, rowsMax)
          for (const { id, values } of changes.rows) copy.set(id, values)
          for (const id of changes.gone) copy.delete(id)
          assert.deepEqual(changes.touched, [])
          for (const { id } of changes.rows) told.add(id)
          for (const id of changes.gone) told.add(id)
          cursor = changes.next
        }
        const living = [...before.keys()]
        for (const { afterMs, kind, which } of steps) {
          nowMs += afterMs
          if (kind === 'poll') await poll()
          if (kind === 'make') {
            const id = await save('Contact', { LastName: `Made ${which}` })
            changed.add(id)
            living.push(id)
          }
          const [id] = living.splice(which % living.length, kind === 'remove' ? 1 : 0)
          if (id !== undefined) {
            await remove('Contact', id)
            changed.add(id)
          }
          const other = living[which % living.length] ?? ''
          if (kind === 'change') {
            await save('Contact', { Title: `${which}` }, other)
            changed.add(other)
          }
        }
        for (let minute = 0; minute < 13; minute += 1) {
          nowMs += minuteMs
          await poll()
        }
        assert.deepEqual([...told].sort(), [...changed].sort())
        assert.deepEqual(copy, await listed(table))
        assert.deepEqual([...copy.keys()].sort(), (await allIds(table)).sort())
      },
    ),
    runsOf(25),
  )
})
