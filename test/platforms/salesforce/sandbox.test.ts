// Goal: the adapter and the sandbox, written apart from each other from the same documents, agree.
// Method: the whole adapter against the sandbox; what was said is read from its log of exchanges.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { Fault, fault } from '../../../src/mutation/fault.ts'
import type { Mutation, Outcome, OutcomeRow, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'

let sandbox: Sandbox
let http: Http
let contacts: SyncedTable

before(async () => {
  sandbox = await startSandbox({ port: 0 })
  http = createHttp()
  const [shape] = await salesforce.describe(['Contact'], caller())
  assert.ok(shape)
  contacts = { ...shape, syncId: 'sync_test', platform: 'salesforce', schema: 'salesforce' }
})
after(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => sandbox.reset())

function caller(more: Partial<Caller> = {}): Caller {
  return {
    baseUrl: sandbox.platformUrl('salesforce'),
    settings: {},
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: silentLog,
    token: () => Promise.resolve('sandbox'),
    ...more,
  }
}

function mutate(
  operation: Operation,
  rows: readonly { id?: string; values: Values }[],
  more: Partial<Caller> = {},
): Promise<Outcome> {
  const planned = rows.map(({ id, values }, i) => ({ ordinal: i + 1, id: id ?? null, values }))
  const mutation: Mutation = {
    id: crypto.randomUUID(),
    syncId: 'sync_test',
    schema: 'salesforce',
    table: 'contacts',
    operation,
    rows: planned,
  }
  return salesforce.write(mutation, contacts, caller(more))
}

function rowsOf(outcome: Outcome): readonly OutcomeRow[] {
  assert.ok(outcome.state === 'accepted', JSON.stringify(outcome))
  return outcome.rows
}

function faultOf(outcome: Outcome) {
  assert.ok(outcome.state !== 'accepted', JSON.stringify(outcome))
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
    return `${method} ${url.replace(/\?.*/, '').replace(/^.*\/services/, '/services')}`
  })
}

const mischief = (kind: string, times = 1) =>
  control('POST', '/_mischief', { platform: 'salesforce', kind, times })

async function contactCount(): Promise<number> {
  return (await salesforce.page(contacts, null, caller())).rows.length
}

const compositeOnce = ['POST /services/data/v62.0/composite']

describe('salesforce and its sandbox', () => {
  test('describes contacts as the brief of the project has them', () => {
    const names = contacts.columns.map(({ name }) => name)
    assert.equal(contacts.name, 'contacts')
    assert.equal(names[0], 'id')
    for (const name of ['first_name', 'last_name', 'email', 'account_id', 'system_modstamp']) {
      assert.ok(names.includes(name), name)
    }
    const required = contacts.columns.filter((column) => column.required).map(({ name }) => name)
    assert.deepEqual(required, ['last_name'])
  })

  for (const count of [1, 200]) {
    test(`inserts, updates and deletes ${count} rows with one request each`, async () => {
      const drafts = Array.from({ length: count }, (_, i) => ({
        values: { last_name: `Atreides ${i}`, email: `a${i}@example.com`, first_name: null },
      }))
      const inserted = rowsOf(await mutate('insert', drafts))
      assert.deepEqual(await heard(), compositeOnce)
      assert.equal(inserted.length, count)
      for (const [i, row] of inserted.entries()) {
        assert.equal(row.ordinal, i + 1)
        assert.equal(row.values?.['id'], row.id)
        assert.equal(row.values?.['last_name'], `Atreides ${i}`)
        assert.equal(row.values?.['name'], `Atreides ${i}`, 'computed by the platform')
        // what a new row does not say is null
        assert.ok(Object.values(row.values ?? {}).every((value) => value !== null))
        assert.equal(row.values?.['is_deleted'], 'false')
      }

      await control('DELETE', '/_exchanges')
      const changes = inserted.map(({ id }) => ({
        id,
        values: { first_name: 'Leto', email: null },
      }))
      const updated = rowsOf(await mutate('update', changes))
      assert.deepEqual(await heard(), compositeOnce)
      assert.deepEqual(updated.map(({ id }) => id), inserted.map(({ id }) => id))
      assert.ok(updated.every(({ values }) => values?.['email'] === null))
      assert.ok(updated.every(({ values }) => values?.['first_name'] === 'Leto'))

      await control('DELETE', '/_exchanges')
      const gone = rowsOf(await mutate('delete', inserted.map(({ id }) => ({ id, values: {} }))))
      assert.deepEqual(await heard(), ['DELETE /services/data/v62.0/composite/sobjects'])
      assert.ok(gone.every(({ values }) => values === null))
    })
  }

  test('an invalid e-mail address among good rows writes none and has the promised text', async () => {
    const count = await contactCount()
    sandbox.reset()
    const outcome = await mutate('insert', [
      { values: { last_name: 'A' } },
      { values: { last_name: 'B', email: 'pauldune.co' } },
      { values: { last_name: 'C' } },
    ])
    assert.equal(outcome.state, 'refused')
    const fault = faultOf(outcome)
    assert.equal(fault.code, 'validation_error')
    assert.equal(fault.message, 'salesforce validation error')
    assert.equal(fault.detail, 'Key (email)=(pauldune.co) is not a valid email address.')
    assert.equal(fault.column, 'email')
    assert.equal(fault.row, 2)
    assert.deepEqual(await heard(), compositeOnce)
    assert.equal(await contactCount(), count)
  })

  test('refuses what the platform refuses, each with its own code', async () => {
    const [row] = rowsOf(await mutate('insert', [{ values: { last_name: 'X' } }]))
    assert.ok(row)
    const { id } = row
    const missing = faultOf(await mutate('insert', [{ values: { first_name: 'no last name' } }]))
    assert.deepEqual([missing.code, missing.column], ['required_value_missing', 'last_name'])
    const long = faultOf(await mutate('update', [{ id, values: { last_name: 'x'.repeat(81) } }]))
    assert.deepEqual([long.code, long.column], ['value_too_long', 'last_name'])
    assert.match(long.detail ?? '', /is longer than 80 characters\.$/)
    const reference = faultOf(
      await mutate('update', [{ id, values: { account_id: '001000000000000AAA' } }]),
    )
    assert.equal(reference.code, 'reference_missing')
    rowsOf(await mutate('delete', [{ id, values: {} }]))
    assert.equal(faultOf(await mutate('delete', [{ id, values: {} }])).code, 'record_gone')
    assert.equal(
      faultOf(await mutate('update', [{ id, values: { email: null } }])).code,
      'record_gone',
    )
  })

  test('a lost reply is unknown and is not sent again', async () => {
    const count = await contactCount()
    sandbox.reset()
    await mischief('lost-reply')
    const outcome = await mutate('insert', [{ values: { last_name: 'Lost' } }])
    assert.equal(outcome.state, 'unknown')
    assert.equal(faultOf(outcome).code, 'outcome_unknown')
    assert.deepEqual(await heard(), compositeOnce)
    assert.equal(await contactCount(), count + 1, 'it was carried out, once')
  })

  test('a dropped request is unknown: nobody can tell that it was not heard', async () => {
    await contactCount() // so that the connection is a used one
    await control('DELETE', '/_exchanges')
    await mischief('drop')
    const outcome = await mutate('insert', [{ values: { last_name: 'Dropped' } }])
    assert.equal(outcome.state, 'unknown')
    assert.equal((await heard()).length, 1)
  })

  test('429 is refused as a rate limit, 500 is unknown', async () => {
    await mischief('429')
    const limited = await mutate('insert', [{ values: { last_name: 'X' } }])
    assert.equal(limited.state, 'refused')
    assert.equal(faultOf(limited).code, 'rate_limited')
    await mischief('500')
    assert.equal((await mutate('insert', [{ values: { last_name: 'X' } }])).state, 'unknown')
    assert.equal((await heard()).length, 2)
  })

  test('an expired token is replaced through the refresh grant, and the write is then done once', async () => {
    const grant = {
      http,
      deadline: deadlineIn(60_000),
      tokenUrl: `${sandbox.platformUrl('salesforce')}/services/oauth2/token`,
      refreshToken: 'sandbox',
      clientId: 'sandbox',
    }
    const refused: (string | undefined)[] = []
    const outcome = await mutate('insert', [{ values: { last_name: 'Fresh' } }], {
      token: async (token) => {
        refused.push(token)
        return token === undefined ? 'expired' : (await salesforce.refresh(grant)).accessToken
      },
    })
    assert.equal(rowsOf(outcome)[0]?.values?.['last_name'], 'Fresh')
    assert.deepEqual(refused, [undefined, 'expired'])
    assert.deepEqual(await heard(), [
      ...compositeOnce,
      'POST /services/oauth2/token',
      ...compositeOnce,
    ])
  })

  test('a refresh token that is not known is a credential that is refused', async () => {
    const grant = {
      http,
      deadline: deadlineIn(60_000),
      tokenUrl: `${sandbox.platformUrl('salesforce')}/services/oauth2/token`,
      refreshToken: 'revoked',
      clientId: 'sandbox',
    }
    await assert.rejects(
      salesforce.refresh(grant),
      (error) => error instanceof Fault && error.code === 'credential_refused',
    )
    const outcome = await mutate('insert', [{ values: { last_name: 'X' } }], {
      token: () => Promise.reject(fault('credential_refused', { platform: 'salesforce' })),
    })
    assert.equal(faultOf(outcome).code, 'credential_refused')
  })

  test('a text with a reference in it is stored as it is', async () => {
    const text = 'see @{write[0].id} and @{nothing}'
    const [row] = rowsOf(await mutate('insert', [{ values: { last_name: 'Ref', title: text } }]))
    assert.equal(row?.values?.['title'], text)
  })

  test('numbers of 18 digits survive both ways', async () => {
    const [shape] = await salesforce.describe(['Account'], caller())
    assert.ok(shape)
    const accounts: SyncedTable = {
      ...shape,
      syncId: 'sync_test',
      platform: 'salesforce',
      schema: 'salesforce',
    }
    const values = { name: 'Big', annual_revenue: '123456789012345678' }
    const mutation: Mutation = {
      id: crypto.randomUUID(),
      syncId: 'sync_test',
      schema: 'salesforce',
      table: 'accounts',
      operation: 'insert',
      rows: [{ ordinal: 1, id: null, values }],
    }
    const [row] = rowsOf(await salesforce.write(mutation, accounts, caller()))
    assert.match(row?.values?.['annual_revenue'] ?? '', /^123456789012345678(\.0+)?$/)
  })

  test('pages through every record once', async () => {
    for (let i = 0; i < 11; i++) {
      const drafts = Array.from(
        { length: 200 },
        (_, n) => ({ values: { last_name: `P${i}-${n}` } }),
      )
      rowsOf(await mutate('insert', drafts))
    }
    const ids: string[] = []
    let cursor: string | null = null
    let pages = 0
    do {
      const page: Awaited<ReturnType<typeof salesforce.page>> = await salesforce.page(
        contacts,
        cursor,
        caller(),
      )
      ids.push(...page.rows.map(({ id }) => id))
      cursor = page.next
      pages += 1
    } while (cursor !== null)
    assert.ok(pages >= 2, `${pages} pages`)
    assert.ok(ids.length >= 2200)
    assert.equal(new Set(ids).size, ids.length)
  })
})
