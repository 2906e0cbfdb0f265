// What every adapter does with an upsert: the records that are there change, the others are made, in one request; and the
// same again changes nothing more.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { upsertLimits } from '../../../src/mutation/limits.ts'
import type { Mutation, Values } from '../../../src/mutation/mutation.ts'
import { isOutcomeOf } from '../../../src/service/check.ts'
import { faultOf, type Row, type Stage } from './stage.ts'
import type { Subject } from './subject.ts'

export function upserts(stage: () => Stage, subject: Subject): void {
  const { adapter, upsertBy } = subject
  const rowsMax = upsertLimits[adapter.platform] ?? 0
  if (upsertBy === undefined) return

  const make = async (rows: readonly Row[]): Promise<Mutation> => {
    const insert = await stage().mutation(subject, 'insert', rows)
    return { ...insert, upsertBy }
  }
  const carry = async (rows: readonly Row[]) => {
    const mutation = await make(rows)
    const outcome = await adapter.write(
      mutation,
      await stage().table(subject),
      stage().caller(subject),
    )
    assert.ok(isOutcomeOf(mutation, outcome))
    return outcome
  }
  const accepted = async (rows: readonly Row[]) => stage().accepted(subject, await carry(rows))
  const drafts = (count: number, more: Values = {}) =>
    Array.from({ length: count }, (_, n): Row => ({ values: { ...subject.draft(n), ...more } }))
  const held = async () => await stage().held(subject, subject.records)

  test('an upsert goes by a column that the table says', async () => {
    const { columns } = await stage().table(subject)
    assert.ok(columns.find(({ name }) => name === upsertBy)?.upsert !== undefined)
    for (const { upsert, insertable, updatable } of columns) {
      assert.ok(upsert === undefined || (insertable && updatable))
    }
  })

  test('the exact limit, records that are there among them, in the one request that was told', async () => {
    const before = await held()
    const some = await accepted(drafts(Math.floor(rowsMax / 2)))
    const known = new Map(some.map(({ id, values }) => [values[upsertBy], id]))
    const rows = drafts(rowsMax, subject.change).map((row, n): Row => {
      const values = { ...row.values, [upsertBy]: subject.draft(n)[upsertBy] ?? null }
      const id = known.get(values[upsertBy])
      return id === undefined ? { values } : { values, id }
    }).toReversed()
    const caller = stage().caller(subject)
    const told = adapter.requests(await make(rows), await stage().table(subject), caller)
    await stage().quiet()
    const done = await accepted(rows)
    const sent = (await stage().writes()).map(({ method, url }) => `${method} ${url}`)
    assert.deepEqual(sent, told.map(({ method, path }) => `${method} /${adapter.platform}${path}`))
    assert.deepEqual([told.length, told[0]?.rows], [1, rowsMax])
    for (const [at, { id, values }] of done.entries()) {
      const wanted: Values = rows[at]?.values ?? {}
      if (rows[at]?.id !== undefined) assert.equal(id, rows[at]?.id)
      for (const [name, value] of Object.entries(subject.change)) {
        if (name !== upsertBy) assert.equal(values[name], value, name)
      }
      assert.equal(values[upsertBy], wanted[upsertBy])
    }
    assert.equal((await held()).length, before.length + rowsMax)
    const again = await accepted(rows)
    assert.deepEqual(again.map(({ id }) => id), done.map(({ id }) => id))
    assert.equal((await held()).length, before.length + rowsMax)
  })

  test('one row more than the limit is refused, nothing is sent', async () => {
    await stage().quiet()
    assert.equal(faultOf(await carry(drafts(rowsMax + 1))).sqlstate, '54000')
    assert.deepEqual(await stage().exchanges(), [])
  })

  test('a record that is gone is made anew, whatever id the table has', async () => {
    const [first] = await accepted(drafts(1))
    assert.ok(first)
    const gone = [{ id: first.id, key: first.key, values: {} }]
    await stage().accepted(subject, await stage().write(subject, 'delete', { rows: gone }))
    const [again] = await accepted(drafts(1).map((row) => ({ ...row, id: first.id })))
    assert.ok(again !== undefined && again.id !== first.id)
    assert.ok((await held()).includes(again.id))
  })

  test('a refused value among good ones: what is written is told row by row, and is there', async () => {
    const before = await held()
    const bad = { ...subject.draft(99), ...subject.bad.values }
    const rows = drafts(3).map((row, n) => n === 1 ? { values: bad } : row)
    const outcome = await carry(rows)
    const fresh = (await held()).filter((id) => !before.includes(id))
    if (outcome.state === 'refused') {
      assert.equal(outcome.fault.sqlstate, subject.bad.sqlstate)
      assert.deepEqual(fresh, [])
      return
    }
    assert.ok(outcome.state === 'partial', outcome.state)
    assert.deepEqual(outcome.rows.map(({ id }) => id).toSorted(), fresh.toSorted())
    const [other] = outcome.others
    assert.ok(other?.state === 'refused')
    assert.deepEqual([other.ordinal, other.fault.sqlstate], [2, subject.bad.sqlstate])
  })

  test('after a reply that is lost it is unknown, and the same again is right', async () => {
    const rows = drafts(3)
    await stage().mischief(subject, 'lost-reply')
    assert.equal((await carry(rows)).state, 'unknown')
    const now = await held()
    const done = await accepted(rows)
    assert.deepEqual((await held()).toSorted(), now.toSorted())
    assert.ok(done.every(({ id }) => now.includes(id)))
  })
}
