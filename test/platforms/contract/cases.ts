// What every adapter does with rows: the shape of its tables, whole statements, refusals and limits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { fault } from '../../../src/mutation/fault.ts'
import type { Operation } from '../../../src/mutation/table.ts'
import { operations } from '../../../src/mutation/table.ts'
import { rowLimitOf } from '../../../src/mutation/limits.ts'
import { faultOf, type Row, type Stage, type Written } from './stage.ts'
import type { Subject } from './subject.ts'

const types =
  /^(text|varchar\(18\)|boolean|integer|bigint|numeric(\(\d+,\d+\))?|date|time|timestamptz|jsonb|text\[\])$/

export function describes(stage: () => Stage, subject: Subject): void {
  test('its table begins with id, has distinct columns of known types and needs what can be given', async () => {
    const { columns } = await stage().table(subject)
    assert.equal(columns[0]?.name, 'id')
    assert.equal(new Set(columns.map(({ name }) => name)).size, columns.length)
    for (const { name, type, required, insertable } of columns) {
      assert.match(type, types, name)
      assert.ok(!required || insertable, name)
    }
  })

  test('its pages hold every record once, until the end', async () => {
    const drafts = Array.from({ length: subject.rowsForTwoPages }, (_, n) => subject.draft(n))
    const inserted = await insertAll(stage(), subject, drafts)
    const pages = await stage().pages(subject)
    const listed = pages.flatMap(({ rows }) => rows)
    const ids = new Set(listed.map(({ id }) => id))
    assert.equal(ids.size, listed.length, 'each once')
    assert.ok(inserted.every(({ id }) => ids.has(id)))
    const held = new Set(await stage().held(subject, subject.records))
    assert.ok([...ids].every((id) => held.has(id)))
    if (subject.rowsForTwoPages > 1) assert.ok(pages.length > 1)
    for (const { id, values } of listed) assert.equal(values['id'], id)
  })
}

async function insertAll(
  stage: Stage,
  subject: Subject,
  drafts: readonly Row['values'][],
): Promise<Written[]> {
  const max = rowLimitOf(await stage.table(subject), 'insert')
  const rows: Written[] = []
  for (let at = 0; at < drafts.length; at += max) {
    rows.push(...await stage.insert(subject, drafts.slice(at, at + max).map((one) => one ?? {})))
  }
  return rows
}

const targets = (rows: readonly Written[], values = {}) =>
  rows.map(({ id, key }) => ({ id, key, values }))

export function writes(stage: () => Stage, subject: Subject): void {
  for (const count of ['one row', 'the exact limit'] as const) {
    test(`${count} inserted, updated and deleted, with the requests that were told`, async () => {
      const table = await stage().table(subject)
      const most = (operation: Operation) => count === 'one row' ? 1 : rowLimitOf(table, operation)
      const before = (await stage().held(subject, subject.records)).length
      const rows = most('insert')
      const drafts = Array.from({ length: rows }, (_, n) => subject.draft(n))
      const made = await written(stage(), subject, 'insert', drafts.map((values) => ({ values })))
      assert.equal((await stage().held(subject, subject.records)).length, before + rows)
      // where an insert takes fewer rows than an update, the others are made before
      const missing = most('update') - made.length
      const more = Array.from({ length: missing }, (_, n) => subject.draft(rows + n))
      const all = [...made, ...await insertAll(stage(), subject, more)]
      const changed = await written(stage(), subject, 'update', targets(all, subject.change))
      for (const [i, row] of changed.entries()) {
        assert.equal(row.id, all[i]?.id)
        for (const [name, value] of Object.entries(subject.change)) {
          assert.equal(row.values[name], value, name)
        }
      }
      const listed = (await stage().pages(subject)).flatMap((page) => page.rows)
      for (const { id, values } of changed) {
        const found = listed.find((row) => row.id === id)?.values
        for (const [name, value] of Object.entries(values)) assert.equal(found?.[name], value, name)
      }
      const gone = await written(stage(), subject, 'delete', targets(changed))
      assert.equal(gone.length, all.length)
      assert.equal((await stage().held(subject, subject.records)).length, before)
    })
  }

  for (const operation of operations) {
    test(`one row more than the limit of an ${operation} is refused, nothing is sent`, async () => {
      const rows = rowLimitOf(await stage().table(subject), operation) + 1
      const some = Array.from({ length: rows }, (_, n): Row => ({
        values: operation === 'insert' ? subject.draft(n) : subject.change,
        ...(operation === 'insert' ? {} : { id: String(1_000_000_000_000_000 + n) }),
      }))
      await stage().quiet()
      const outcome = await stage().write(subject, operation, { rows: some })
      assert.equal(outcome.state, 'refused')
      assert.equal(faultOf(outcome).sqlstate, '54000')
      assert.deepEqual(await stage().exchanges(), [])
    })
  }

  test('no rows are accepted without a request', async () => {
    await stage().quiet()
    for (const operation of operations) {
      const outcome = await stage().write(subject, operation, { rows: [] })
      assert.deepEqual(outcome, { state: 'accepted', rows: [] })
    }
    assert.deepEqual(await stage().exchanges(), [])
  })
}

/** Writes the rows, all of which must be accepted, with the very requests that `requests` tells. */
async function written(
  stage: Stage,
  subject: Subject,
  operation: Operation,
  rows: readonly Row[],
): Promise<Written[]> {
  const mutation = await stage.mutation(subject, operation, rows)
  const table = await stage.table(subject)
  const caller = stage.caller(subject)
  const told = subject.adapter.requests(mutation, table, caller)
  await stage.quiet()
  const outcome = await subject.adapter.write(mutation, table, caller)
  const done = await stage.accepted(subject, outcome)
  assert.equal(done.length, rows.length)
  assert.deepEqual(done.map(({ ordinal }) => ordinal), rows.map((_, i) => i + 1))
  const sent = (await stage.writes()).map(({ method, url }) => `${method} ${pathOf(url)}`)
  const said = told.map(({ method, path }) =>
    `${method} /${subject.adapter.platform}${pathOf(path)}`
  )
  assert.deepEqual(sent.toSorted(), said.toSorted())
  assert.equal(sent.length, subject.requests(operation, rows.length))
  assert.equal(told.reduce((sum, { rows }) => sum + rows, 0), rows.length)
  return done
}

const pathOf = (url: string) => url.replace(/\?.*/, '')

export function refusals(stage: () => Stage, subject: Subject): void {
  const { bad } = subject
  test('a value that the platform refuses names the column and the row, and writes nothing', async () => {
    const before = await stage().held(subject, subject.records)
    const outcome = await stage().write(subject, 'insert', { rows: [{ values: bad.values }] })
    assert.equal(outcome.state, 'refused', JSON.stringify(outcome))
    const { sqlstate, column, row, table, platform } = faultOf(outcome)
    assert.equal(sqlstate, bad.sqlstate, JSON.stringify(outcome))
    assert.equal(column, bad.column ?? column)
    assert.equal(row, 1)
    assert.equal(table, (await stage().table(subject)).name)
    assert.equal(platform, subject.adapter.platform)
    assert.deepEqual(await stage().held(subject, subject.records), before)
  })

  test('a refused value among good ones: what is written is told row by row, and is there', async () => {
    if (rowLimitOf(await stage().table(subject), 'insert') < 4) return
    const before = await stage().held(subject, subject.records)
    const rows = [0, 1, 2, 3].map((n) => ({ values: n === 2 ? bad.values : subject.draft(n) }))
    const outcome = await stage().write(subject, 'insert', { rows })
    const now = await stage().held(subject, subject.records)
    const fresh = now.filter((id) => !before.includes(id))
    if (!subject.partial) {
      assert.equal(outcome.state, 'refused')
      assert.equal(faultOf(outcome).row, 3)
      assert.equal(faultOf(outcome).sqlstate, bad.sqlstate)
      assert.deepEqual(fresh, [])
      return
    }
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome))
    assert.deepEqual(outcome.rows.map(({ id }) => id).toSorted(), fresh.toSorted())
    assert.equal(outcome.fault.sqlstate, 'SL003')
    const refused = outcome.others.find(({ state }) => state === 'refused')
    assert.ok(refused?.state === 'refused')
    assert.equal(refused.ordinal, 3)
    assert.equal(refused.fault.sqlstate, bad.sqlstate)
    assert.equal(refused.fault.column, bad.column ?? refused.fault.column)
    const report = JSON.parse(outcome.fault.detail ?? '') as { row: number; state: string }[]
    assert.deepEqual(report.map(({ row }) => row), [1, 2, 3, 4])
    assert.equal(report[2]?.state, 'refused')
    assert.equal(report.filter(({ state }) => state === 'written').length, fresh.length)
  })

  test('a column that is not the platform’s is refused, never left out', async () => {
    await stage().quiet()
    const values = { ...subject.draft(1), no_such_column: 'x' }
    const outcome = await stage().write(subject, 'insert', { rows: [{ values }] })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).sqlstate, '42703')
    assert.equal(faultOf(outcome).column, 'no_such_column')
    assert.deepEqual(await stage().writes(), [])
  })

  test('a read-only column is refused before anything is sent', async () => {
    const { columns } = await stage().table(subject)
    const name = columns.find((column) => !column.insertable && column.name !== 'id')?.name ?? ''
    await stage().quiet()
    const values = { ...subject.draft(1), [name]: '1' }
    const outcome = await stage().write(subject, 'insert', { rows: [{ values }] })
    assert.equal(faultOf(outcome).sqlstate, '428C9')
    assert.equal(faultOf(outcome).column, name)
    assert.equal(faultOf(outcome).row, 1)
    assert.deepEqual(await stage().writes(), [])
  })

  test('a duplicate is refused as one', async () => {
    const { duplicates } = subject
    if (duplicates === undefined) return
    await stage().insert(subject, [duplicates[0]])
    const before = await stage().held(subject, subject.records)
    const rows = [{ values: duplicates[1] }]
    const outcome = await stage().write(subject, 'insert', { rows })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).sqlstate, '23505', JSON.stringify(outcome))
    assert.deepEqual(await stage().held(subject, subject.records), before)
  })

  for (const operation of ['update', 'delete'] as const) {
    test(`an ${operation} of a record that is gone`, async () => {
      const made = await stage().insert(subject, [subject.draft(1)])
      const rows = targets(made, operation === 'update' ? subject.change : {})
      await stage().accepted(subject, await stage().write(subject, 'delete', { rows }))
      const outcome = await stage().write(subject, operation, { rows })
      const sqlstate = subject.gone[operation]
      if (sqlstate === null) return assert.equal(outcome.state, 'accepted')
      assert.equal(outcome.state, 'refused', JSON.stringify(outcome))
      assert.equal(faultOf(outcome).sqlstate, sqlstate, JSON.stringify(outcome))
      assert.equal(faultOf(outcome).row, 1)
    })
  }
}

export function unsent(stage: () => Stage, subject: Subject): void {
  const rows = () => [{ values: subject.draft(1) }]

  test('cancelled before it was sent: nothing is', async () => {
    await stage().quiet()
    const stop = new AbortController()
    stop.abort()
    const outcome = await stage().write(subject, 'insert', { rows: rows(), signal: stop.signal })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).code, 'statement_cancelled')
    assert.deepEqual(await stage().exchanges(), [])
  })

  test('out of time before it was sent: nothing is', async () => {
    await stage().quiet()
    const outcome = await stage().write(subject, 'insert', {
      rows: rows(),
      deadline: deadlineIn(0),
    })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).code, 'statement_timed_out')
    assert.deepEqual(await stage().exchanges(), [])
  })

  test('its turn would come too late: nothing is sent and the bucket’s fault is told', async () => {
    await stage().quiet()
    const http = {
      send: () => Promise.reject(fault('rate_limited', { hint: 'Try again in 7 s.' })),
      close: () => Promise.resolve(),
    }
    const outcome = await stage().write(subject, 'insert', { rows: rows(), http })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).sqlstate, '53400')
    assert.equal(faultOf(outcome).hint, 'Try again in 7 s.')
    assert.deepEqual(await stage().exchanges(), [])
  })

  test('a platform that cannot be reached: nothing was sent', async () => {
    const baseUrl = 'http://127.0.0.1:1'
    const outcome = await stage().write(subject, 'insert', { rows: rows(), baseUrl })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).sqlstate, '58030')
  })
}

/** How many write requests a change of 100 rows takes: whole statements of the platform's limit. */
export async function requestsPer100Rows(
  stage: Stage,
  subject: Subject,
  operation: Operation,
): Promise<number> {
  const table = await stage.table(subject)
  const max = rowLimitOf(table, operation)
  const rows = Array.from({ length: Math.min(max, 100) }, (_, n): Row => ({
    values: operation === 'insert' ? subject.draft(n) : {},
    ...(operation === 'insert' ? {} : { id: idLike(subject, n), key: keyLike(n) }),
  }))
  const mutation = await stage.mutation(subject, operation, rows)
  const each = subject.adapter.requests(mutation, table, stage.caller(subject)).length
  return each * Math.ceil(100 / Math.min(max, 100))
}

function idLike({ adapter }: Subject, n: number): string {
  return adapter.platform === 'salesforce' ? `003${String(n).padStart(12, '0')}` : String(n + 1)
}

const keyLike = (n: number) => ({
  repository: 'octo/hello',
  number: String(n + 1),
  node_id: `I_${n}`,
})
