// Goal: the adapter and the sandbox, written apart from each other from the same documents, agree.
// Method: the whole adapter against the sandbox; what was said is read from its log of exchanges.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Mutation, Outcome, OutcomeRow, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import { standardObjects } from '../../../src/platforms/hubspot/objects.ts'
import type { Caller, Page } from '../../../src/platforms/platform.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'

let sandbox: Sandbox
let http: Http
let contacts: SyncedTable

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
  contacts = await tableOf('contacts')
})
after(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => sandbox.reset())

async function tableOf(object: string): Promise<SyncedTable> {
  const [shape] = await hubspot.describe([object], caller())
  assert.ok(shape)
  return { ...shape, syncId: 'sync_test', platform: 'hubspot', schema: 'hubspot' }
}

function caller(more: Partial<Caller> = {}): Caller {
  return {
    baseUrl: sandbox.platformUrl('hubspot'),
    settings: {},
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
    ...more,
  }
}

const batchInsert = { settings: { batchInsert: true } }

interface More extends Partial<Caller> {
  readonly table?: SyncedTable
}

function mutate(
  operation: Operation,
  rows: readonly { id?: string; values: Values }[],
  { table = contacts, ...more }: More = {},
): Promise<Outcome> {
  const planned = rows.map(({ id, values }, i) => ({ ordinal: i + 1, id: id ?? null, values }))
  const mutation: Mutation = {
    id: crypto.randomUUID(),
    syncId: 'sync_test',
    schema: 'hubspot',
    table: table.name,
    operation,
    rows: planned,
  }
  return hubspot.write(mutation, table, caller(more))
}

function rowsOf(outcome: Outcome): readonly OutcomeRow[] {
  assert.ok(outcome.state === 'accepted', JSON.stringify(outcome))
  return outcome.rows
}

function faultOf(outcome: Outcome, state: 'refused' | 'unknown' | 'partial' = 'refused') {
  assert.ok(outcome.state === state, JSON.stringify(outcome))
  return outcome.fault
}

async function control(method: string, path: string, body?: unknown): Promise<string> {
  const response = await fetch(`${sandbox.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  assert.ok(response.ok, text)
  return text
}

/** Requests that the platform has heard since the last reset: method and path. */
async function heard(): Promise<string[]> {
  const lines = (await control('GET', '/_exchanges')).split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    const { method, url } = JSON.parse(line) as { method: string; url: string }
    return `${method} ${url.replace(/\?.*/, '').replace(/^\/hubspot/, '')}`
  })
}

const mischief = (kind: string, times = 1) =>
  control('POST', '/_mischief', { platform: 'hubspot', kind, times })

async function all(table: SyncedTable): Promise<Page['rows']> {
  const rows: Page['rows'][number][] = []
  let cursor: string | null = null
  do {
    const page: Page = await hubspot.page(table, cursor, caller())
    rows.push(...page.rows)
    cursor = page.next
  } while (cursor !== null)
  return rows
}

/** The custom object `cars`. */
const customId = '2-123456'

const objects = '/crm/v3/objects/contacts'
const person = (n: number): Values => ({ email: `leto${n}@example.com`, firstname: `Leto ${n}` })

describe('hubspot and its sandbox', () => {
  test('describes contacts as the brief of the project has them', () => {
    const names = contacts.columns.map(({ name }) => name)
    assert.equal(contacts.name, 'contacts')
    assert.equal(names[0], 'id')
    for (const name of ['email', 'firstname', 'lastname', 'phone', 'created_at', 'updated_at']) {
      assert.ok(names.includes(name), name)
    }
    assert.deepEqual(names.slice(-2), ['created_at', 'updated_at'])
  })

  test('describes and reads every standard object and a custom one', async () => {
    const shapes = await hubspot.describe([...standardObjects, customId], caller())
    assert.deepEqual(shapes.map(({ name }) => name), [...standardObjects, 'cars'])
    for (const shape of shapes) {
      const table = { ...shape, syncId: 's', platform: 'hubspot', schema: 'hubspot' } as const
      await all(table)
    }
  })

  test('custom objects are listed by the names that describe takes', async () => {
    const names = await hubspot.custom?.(caller()) ?? []
    assert.deepEqual(names, ['cars'])
    const [shape] = await hubspot.describe(names, caller())
    assert.equal(shape?.name, 'cars')
  })

  test('an insert of one row comes back whole, with what HubSpot computed', async () => {
    const [row] = rowsOf(await mutate('insert', [{ values: person(1) }]))
    assert.deepEqual(await heard(), [`POST ${objects}`, `POST ${objects}/batch/read`])
    assert.equal(row?.values?.['id'], row?.id)
    assert.equal(row?.values?.['email'], 'leto1@example.com')
    assert.equal(row?.values?.['hs_object_id'], row?.id)
    assert.match(row?.values?.['created_at'] ?? '', /^\d{4}-.*\+00:00$/)
    const kept = (await all(contacts)).find(({ id }) => id === row?.id)
    assert.deepEqual(kept?.values, row?.values)
  })

  test('inserts, updates and deletes 100 rows with one write each; the table agrees', async () => {
    const drafts = Array.from({ length: 100 }, (_, i) => ({ values: person(i) }))
    const inserted = rowsOf(await mutate('insert', drafts, batchInsert))
    assert.deepEqual(await heard(), [`POST ${objects}/batch/create`, `POST ${objects}/batch/read`])
    for (const [i, row] of inserted.entries()) {
      assert.equal(row.values?.['email'], `leto${i}@example.com`)
    }
    await control('DELETE', '/_exchanges')
    const changes = inserted.map(({ id }, i) => ({
      id,
      values: { firstname: null, lastname: `L${i}` },
    }))
    const updated = rowsOf(await mutate('update', changes))
    assert.deepEqual(await heard(), [`POST ${objects}/batch/update`, `POST ${objects}/batch/read`])
    const kept = new Map((await all(contacts)).map(({ id, values }) => [id, values]))
    for (const [i, { id, values }] of updated.entries()) {
      assert.equal(id, inserted[i]?.id)
      assert.equal(values?.['firstname'], null)
      assert.equal(values?.['lastname'], `L${i}`)
      assert.deepEqual(kept.get(id), values)
    }
    await control('DELETE', '/_exchanges')
    const gone = rowsOf(await mutate('delete', inserted.map(({ id }) => ({ id, values: {} }))))
    assert.deepEqual(await heard(), [`POST ${objects}/batch/archive`])
    assert.ok(gone.every(({ values }) => values === null))
    const left = new Set((await all(contacts)).map(({ id }) => id))
    assert.ok(inserted.every(({ id }) => !left.has(id)))
  })

  test('an invalid e-mail address writes nothing and has the promised text', async () => {
    const before = await all(contacts)
    const fault = faultOf(await mutate('insert', [{ values: { email: 'pauldune.co' } }]))
    assert.equal(fault.sqlstate, '23514')
    assert.equal(fault.message, 'hubspot validation error')
    assert.equal(fault.detail, 'Key (email)=(pauldune.co) is not a valid email address.')
    assert.equal(fault.column, 'email')
    assert.equal(fault.row, 1)
    assert.deepEqual(await all(contacts), before)
  })

  test('an e-mail address that is taken is a duplicate, with the id of the other', async () => {
    const [first] = rowsOf(await mutate('insert', [{ values: person(1) }]))
    const fault = faultOf(await mutate('insert', [{ values: person(1) }]))
    assert.equal(fault.sqlstate, '23505')
    assert.equal(
      fault.detail,
      `Key (email)=(leto1@example.com) already exists (id ${first?.id}).`,
    )
  })

  test('a batch insert with refused rows writes the others and says which', async () => {
    const bad = [person(1), { email: 'nope' }, person(3), person(1)]
    const outcome = await mutate('insert', bad.map((values) => ({ values })), batchInsert)
    const fault = faultOf(outcome, 'partial')
    assert.equal(fault.sqlstate, 'SL003')
    assert.ok(outcome.state === 'partial')
    const kept = new Map((await all(contacts)).map(({ id, values }) => [id, values]))
    for (const { id, values } of outcome.rows) assert.deepEqual(kept.get(id), values)
    const report = JSON.parse(fault.detail ?? '') as { row: number; state: string }[]
    assert.equal(report[1]?.state, 'refused')
    assert.equal(report[2]?.state, 'written')
    assert.equal(report.filter(({ state }) => state === 'written').length, outcome.rows.length)
  })

  test('an update of records that are gone writes the others', async () => {
    const inserted = rowsOf(
      await mutate('insert', [1, 2].map((n) => ({ values: person(n) })), batchInsert),
    )
    const rows = [inserted[0]?.id ?? '', '99999999999', inserted[1]?.id ?? '']
    const values = { lastname: 'Atreides' }
    const outcome = await mutate('update', rows.map((id) => ({ id, values })))
    faultOf(outcome, 'partial')
    assert.ok(outcome.state === 'partial')
    assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [1, 3])
    const [other] = outcome.others
    assert.ok(other?.state === 'refused')
    assert.equal(other.fault.sqlstate, 'P0002')
  })

  test('values of every type go to the sandbox and come back the same', async () => {
    const seen = new Set<string>()
    for (const object of [...standardObjects, customId]) {
      const table = await tableOf(object)
      const [first] = await all(table)
      if (first === undefined) continue
      for (const column of table.columns.filter(({ updatable }) => updatable)) {
        const value = sampleOf(column.type)
        if (value === undefined) continue
        const outcome = await mutate(
          'update',
          [{ id: first.id, values: { [column.name]: value } }],
          {
            table,
          },
        )
        const [row] = rowsOf(outcome)
        assert.equal(row?.values?.[column.name], value, `${object}.${column.name} ${column.type}`)
        seen.add(column.type)
      }
    }
    for (const type of ['numeric', 'date', 'timestamptz', 'boolean']) {
      assert.ok(seen.has(type), type)
    }
  })

  test('a token that expires in the middle is replaced, nothing is lost or doubled', async () => {
    const tokens: (string | undefined)[] = []
    const token = (refused?: string) => {
      tokens.push(refused)
      return Promise.resolve(refused === undefined ? 'expired' : 'sandbox')
    }
    const before = await all(contacts)
    await control('DELETE', '/_exchanges')
    const [row] = rowsOf(await mutate('insert', [{ values: person(1) }], { token }))
    const writes = (await heard()).filter((request) => request === `POST ${objects}`)
    assert.equal(writes.length, 2, 'refused once, carried out once')
    assert.equal(tokens[1], 'expired')
    assert.equal((await all(contacts)).length, before.length + 1)
    assert.equal(row?.values?.['email'], 'leto1@example.com')
  })

  test('a lost reply is unknown although the row is written; it is sent once', async () => {
    const before = await all(contacts)
    await control('DELETE', '/_exchanges')
    await mischief('lost-reply')
    const fault = faultOf(await mutate('insert', [{ values: person(1) }]), 'unknown')
    assert.equal(fault.sqlstate, '40003')
    assert.deepEqual(await heard(), [`POST ${objects}`])
    assert.equal((await all(contacts)).length, before.length + 1)
  })

  test('a dropped request is unknown, and nothing is written', async () => {
    const before = await all(contacts)
    await mischief('drop')
    faultOf(await mutate('insert', [{ values: person(1) }]), 'unknown')
    assert.equal((await all(contacts)).length, before.length)
  })

  test('when only the read back fails the row is as it was sent', async () => {
    let requests = 0
    const failing: Http = {
      ...http,
      send: async (request) => {
        requests += 1
        if (requests === 2) await mischief('500')
        return await http.send(request)
      },
    }
    const [row] = rowsOf(await mutate('insert', [{ values: person(1) }], { http: failing }))
    assert.equal(row?.values?.['email'], 'leto1@example.com')
    assert.equal(row?.values?.['firstname'], 'Leto 1')
  })

  test('429 is a refusal, and 500 is unknown', async () => {
    await mischief('429')
    const limited = faultOf(await mutate('insert', [{ values: person(1) }]))
    assert.equal(limited.sqlstate, '53400')
    assert.match(limited.hint ?? '', /^Try again in \d+ s\.$/)
    await mischief('500')
    faultOf(await mutate('insert', [{ values: person(1) }]), 'unknown')
  })

  test('a custom object is written by its object type id', async () => {
    const cars = await tableOf(customId)
    const [first] = await all(cars)
    assert.ok(first)
    const rows = rowsOf(await mutate('delete', [{ id: first.id, values: {} }], { table: cars }))
    assert.equal(rows.length, 1)
    assert.ok(!(await all(cars)).some(({ id }) => id === first.id))
  })

  test('an object that is not there is not found', async () => {
    await assert.rejects(
      hubspot.describe(['boats'], caller()),
      (error) => error instanceof Fault && error.code === 'not_found',
    )
  })

  test('tokens are refreshed, and a wrong refresh token is a refused credential', async () => {
    const grant = {
      http,
      deadline: deadlineIn(60_000),
      tokenUrl: `${sandbox.platformUrl('hubspot')}/oauth/v3/token`,
      refreshToken: 'sandbox',
      clientId: 'sandbox',
      clientSecret: 'sandbox',
    }
    const tokens = await hubspot.refresh(grant)
    const token = () => Promise.resolve(tokens.accessToken)
    rowsOf(await mutate('insert', [{ values: person(1) }], { token }))
    await assert.rejects(
      hubspot.refresh({ ...grant, refreshToken: 'revoked' }),
      (error) => error instanceof Fault && error.code === 'credential_refused',
    )
  })
})

function sampleOf(type: string): string | undefined {
  switch (type) {
    case 'numeric':
      return '1234567.25'
    case 'date':
      return '2026-02-28'
    case 'timestamptz':
      return '2026-11-22T10:20:30.12+00:00'
    case 'boolean':
      return 'true'
    default:
      return undefined
  }
}

test('requests against real limits are told by the headers', async () => {
  // a clock that stands still: the ten seconds do not pass while a busy machine sends
  const now = Date.now()
  const limited = await startSandbox({ port: 0, limits: true, now: () => now })
  try {
    const baseUrl = limited.platformUrl('hubspot')
    const request = { method: 'GET', url: `${baseUrl}${objects}` } as const
    const at = { baseUrl, settings: {} }
    const refusals: number[] = []
    for (let i = 0; i < 101; i++) {
      const headers = { authorization: 'Bearer sandbox' }
      const response = await http.send({ ...request, headers, waitMs: 60_000 })
      const { refused, news } = hubspot.rates.learn(request, response, at)
      if (refused) refusals.push(i)
      if (i === 0) {
        assert.ok(
          news.some((one) =>
            one.kind === 'remaining' && one.rule === 'ten_seconds' && one.remaining === 99
          ),
          JSON.stringify(news),
        )
      }
      if (refused) {
        const [blocked] = news
        assert.ok(blocked?.kind === 'blocked' && blocked.rule === 'ten_seconds')
        assert.ok(blocked.waitMs > 0 && blocked.waitMs <= 10_000)
      }
    }
    assert.deepEqual(refusals, [100])
  } finally {
    await limited.close()
  }
})
