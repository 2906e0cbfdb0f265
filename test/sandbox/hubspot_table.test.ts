// Goal: the portal's orders of its records (by id, by last change, archived) are right whatever was done and taken back.
// Method: random calls, some of which fail, against a list that is sorted anew each time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { objectTypeOfTable } from '../../src/sandbox/hubspot/objects/schema.ts'
import { altered, createPortal, type Row } from '../../src/sandbox/hubspot/portal.ts'
import { isLiving } from '../../src/sandbox/hubspot/table.ts'
import { runsOf } from '../help/property.ts'

const notes = objectTypeOfTable('notes')
assert.ok(notes)
const type = notes

type Deed = 'make' | 'change' | 'archive' | 'leave'

const deed = fc.record({
  deed: fc.constantFrom<Deed>('make', 'make', 'change', 'change', 'archive', 'leave'),
  pick: fc.nat(1000),
})
const calls = fc.array(
  fc.record({
    deeds: fc.array(deed, { maxLength: 6 }),
    fails: fc.boolean(),
    waitMs: fc.integer({ min: 0, max: 3 }),
  }),
  { maxLength: 40 },
)

test('lists and searches by change are as if everything were sorted anew', () => {
  fc.assert(
    fc.property(calls, fc.nat(100), fc.nat(100), (calls, low, high) => {
      const portal = createPortal()
      let model = new Map<string, { row: Row; seq: number }>()
      let nowMs = 0
      let seq = 0
      for (const { deeds, fails, waitMs } of calls) {
        nowMs += waitMs
        const before = new Map(model)
        const mark = portal.mark()
        for (const { deed, pick } of deeds) {
          const known = [...model.values()].map(({ row }) => row)
          const old = known[pick % known.length]
          const row = changed(old, { deed, nowMs, id: portal.nextId() })
          portal.put(row)
          model.set(row.id, { row, seq: ++seq })
        }
        if (fails) {
          portal.rollback(mark)
          model = before
        }
        portal.settle()
      }
      const rows = [...model.values()].toSorted((a, b) => Number(a.row.id) - Number(b.row.id))
      const living = rows.filter(({ row }) => isLiving(row))
      const table = portal.table(type)
      const ids = (some: Iterable<Row>) => [...some].map(({ id }) => id)
      const from = BigInt(rows[low % Math.max(1, rows.length)]?.row.id ?? 0)
      for (const archived of [false, true]) {
        const wanted = rows.map(({ row }) => row).filter((row) =>
          row.left === null && (row.archivedAtMs !== null) === archived && BigInt(row.id) >= from
        )
        assert.deepEqual(ids(table.list({ from, archived, limit: 5 })), ids(wanted.slice(0, 5)))
      }
      const span = { fromMs: Math.min(low, high), untilMs: Math.max(low, high) }
      const found = living
        .filter(({ row: { updatedAtMs: at } }) => at >= span.fromMs && at <= span.untilMs)
        .toSorted((a, b) => a.seq - b.seq).map(({ row }) => row)
      assert.deepEqual(ids(table.modified.walk(span)), ids(found))
      assert.equal(table.modified.count(span), found.length)
      assert.equal(table.living, living.length)
    }),
    runsOf(),
  )
})

function changed(
  old: Row | undefined,
  { deed, nowMs, id }: { deed: Deed; nowMs: number; id: string },
): Row {
  if (old === undefined || deed === 'make') {
    return {
      id,
      type,
      values: new Map(),
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      archivedAtMs: null,
      left: null,
    }
  }
  switch (deed) {
    case 'change':
      return altered(old, { updatedAtMs: nowMs })
    case 'archive':
      return altered(old, { updatedAtMs: nowMs, archivedAtMs: old.archivedAtMs ?? nowMs })
    case 'leave':
      return altered(old, { left: { into: null } })
  }
}

test('holes are filled when they are many, and everything is found afterwards', () => {
  const portal = createPortal()
  const rows = Array.from({ length: 5_000 }, () =>
    changed(undefined, {
      deed: 'make',
      nowMs: 1,
      id: portal.nextId(),
    }))
  for (const row of rows) portal.put(row)
  for (let nowMs = 2; nowMs < 8; nowMs++) {
    for (const row of rows) portal.put(altered(row, { updatedAtMs: nowMs }))
    portal.settle()
  }
  const { modified, living } = portal.table(type)
  assert.equal(living, 5_000)
  for (const [fromMs, count] of [[1, 5_000], [7, 5_000], [8, 0]] as const) {
    const span = { fromMs, untilMs: Infinity }
    assert.equal([...modified.walk(span)].length, count)
    assert.equal(modified.count(span), count)
  }
})
