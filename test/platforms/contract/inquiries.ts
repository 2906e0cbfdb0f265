// What every adapter finds out of a mutation whose reply was lost: what became of it when that can be told, else nothing.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { Fault, type FaultCode } from '../../../src/mutation/fault.ts'
import type { Outcome } from '../../../src/mutation/mutation.ts'
import { type Operation, operations } from '../../../src/mutation/table.ts'
import { rowLimitOf } from '../../../src/mutation/limits.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { inquireAfter, laterMs, longAgoMs, rowsOf, soonMs, writeInDoubt } from './doubts.ts'
import { faultOf, type Row, type Stage } from './stage.ts'
import type { Subject } from './subject.ts'

const spec = readFileSync(new URL('../../../src/mutation/SPEC.md', import.meta.url), 'utf8')

/** After how long a request is surely over, in milliseconds, as src/mutation/SPEC.md says. */
function promisedOverMs(platform: string): number {
  const [, seconds] = new RegExp(`^\\| ${platform} .*\\| (\\d+) s +\\|$`, 'im').exec(spec) ?? []
  return Number(seconds) * 1000
}

/** The rows of such a statement, on records that were made long ago. */
async function rowsFor(
  stage: Stage,
  subject: Subject,
  { operation, count }: { operation: Operation; count: number },
): Promise<Row[]> {
  const table = await stage.table(subject)
  const rows = Math.min(count, rowLimitOf(table, operation))
  const drafts = Array.from({ length: rows }, (_, n) => subject.draft(n))
  if (operation === 'insert') return drafts.map((values) => ({ values }))
  const made = []
  const max = rowLimitOf(table, 'insert')
  for (let at = 0; at < rows; at += max) {
    made.push(...await stage.insert(subject, drafts.slice(at, at + max)))
  }
  stage.clock.aheadMs += longAgoMs
  return made.map(({ id, key }) => ({
    id,
    key,
    values: operation === 'update' ? subject.change : {},
  }))
}

export function inquiries(stage: () => Stage, subject: Subject): void {
  for (const operation of operations) {
    for (const count of [1, 12]) {
      const some = count === 1 ? 'one row' : 'several rows'
      test(`a lost reply is found out: ${operation} of ${some}`, async () => {
        const rows = await rowsFor(stage(), subject, { operation, count })
        const before = await stage().held(subject, subject.records)
        const doubted = await writeInDoubt(stage(), subject, {
          operation,
          rows,
          mishap: 'lost-reply',
        })
        await stage().quiet()
        const inquiry = await inquireAfter(stage(), subject, { ...doubted, afterMs: soonMs })
        assert.deepEqual(await stage().writes(), [], 'it only reads')
        await isTrue(stage(), subject, { operation, before, outcome: inquiry.outcome })
        const shown = new Map(inquiry.seen.map(({ id, values }) => [id, values]))
        for (const { id, values } of rowsOf(inquiry.outcome)) {
          assert.deepEqual(shown.get(id), values, 'what was found is shown')
        }
      })

      test(`a request that never arrived is known when it is over: ${operation} of ${some}`, async () => {
        const rows = await rowsFor(stage(), subject, { operation, count })
        const before = await stage().held(subject, subject.records)
        const doubted = await writeInDoubt(stage(), subject, { operation, rows, mishap: 'drop' })
        const soon = await inquireAfter(stage(), subject, { ...doubted, afterMs: soonMs })
        assert.equal(soon.outcome.state, 'unknown', JSON.stringify(soon))
        assert.equal(faultOf(soon.outcome).sqlstate, '40003')
        const afterMs = promisedOverMs(subject.adapter.platform)
        assert.equal(soon.overAt, doubted.sentAt + afterMs)
        const later = await inquireAfter(stage(), subject, { ...doubted, afterMs })
        assert.equal(soon.forGood, false)
        assert.equal(later.forGood, later.outcome.state === 'unknown')
        if (subject.undated && operation === 'update') {
          assert.equal(later.outcome.state, 'unknown', JSON.stringify(later))
        } else {
          assert.equal(later.outcome.state, 'refused', JSON.stringify(later))
          assert.equal(faultOf(later.outcome).sqlstate, '58000')
        }
        assert.deepEqual(await stage().held(subject, subject.records), before)
      })
    }
  }

  for (const operation of operations) {
    test(`a platform whose clock is another: what it does not have proves nothing: ${operation}`, async () => {
      const rows = await rowsFor(stage(), subject, { operation, count: 1 })
      const doubted = await writeInDoubt(stage(), subject, { operation, rows, mishap: 'drop' })
      for (const aheadMs of [-61_000, 61_000]) {
        const asked = { ...doubted, afterMs: laterMs, aheadMs }
        const { outcome } = await inquireAfter(stage(), subject, asked)
        assert.equal(outcome.state, 'unknown', JSON.stringify(outcome))
      }
    })
  }

  test('a platform that cannot be read now is a fault, and nothing is told', async () => {
    for (const operation of operations) {
      await stage().reset()
      const rows = await rowsFor(stage(), subject, { operation, count: 1 })
      const doubted = await writeInDoubt(stage(), subject, { operation, rows, mishap: 'drop' })
      const ask = (more: Partial<Caller> = {}) =>
        inquireAfter(stage(), subject, { ...doubted, afterMs: laterMs }, more)
      const code = (one: FaultCode) => (error: unknown) =>
        error instanceof Fault && error.code === one && error.data.platform !== undefined
      await stage().mischief(subject, '500')
      await assert.rejects(ask(), code('platform_failed'))
      await stage().mischief(subject, 'lost-reply')
      await assert.rejects(ask(), code('platform_failed'))
      await stage().mischief(subject, '429')
      await assert.rejects(ask(), code('rate_limited'))
      await stage().quiet()
      await assert.rejects(ask({ deadline: deadlineIn(0) }), code('statement_timed_out'))
      await assert.rejects(ask({ signal: AbortSignal.abort() }), code('statement_cancelled'))
      assert.deepEqual(await stage().exchanges(), [])
      await assert.rejects(ask({ token: () => Promise.resolve('bad') }), code('credential_refused'))
    }
  })

  if (subject.duplicates !== undefined) return

  test('an equal record that somebody made before is not taken for the row', async () => {
    const values = subject.draft(1)
    const [other] = await stage().insert(subject, [values])
    stage().clock.aheadMs += longAgoMs
    const rows = [{ values }]
    const doubted = await writeInDoubt(stage(), subject, {
      operation: 'insert',
      rows,
      mishap: 'drop',
    })
    const later = await inquireAfter(stage(), subject, { ...doubted, afterMs: laterMs })
    assert.equal(later.outcome.state, 'refused', JSON.stringify(later))
    assert.ok(later.seen.every(({ id }) => id !== other?.id))
  })

  test('of two equal records made at that time none is taken, until the other is known', async () => {
    const values = subject.draft(1)
    const doubted = await writeInDoubt(stage(), subject, {
      operation: 'insert',
      rows: [{ values }],
      mishap: 'lost-reply',
    })
    const [other] = await stage().insert(subject, [values])
    const torn = await inquireAfter(stage(), subject, { ...doubted, afterMs: laterMs })
    assert.equal(torn.outcome.state, 'unknown', JSON.stringify(torn))
    assert.equal(torn.seen.length, 2, 'both are shown')
    const others = new Set([other?.id ?? ''])
    const told = await inquireAfter(stage(), subject, { ...doubted, afterMs: soonMs, others })
    assert.equal(told.outcome.state, 'accepted', JSON.stringify(told))
    assert.ok(rowsOf(told.outcome).every(({ id }) => id !== other?.id))
  })

  test('as many equal records as equal rows are those of the rows; one too few proves nothing', async () => {
    const max = rowLimitOf(await stage().table(subject), 'insert')
    if (max < 2) return
    const values = subject.draft(1)
    const doubted = await writeInDoubt(stage(), subject, {
      operation: 'insert',
      rows: [{ values }, { values }],
      mishap: 'lost-reply',
    })
    const found = await inquireAfter(stage(), subject, { ...doubted, afterMs: soonMs })
    const rows = rowsOf(found.outcome)
    assert.equal(new Set(rows.map(({ id }) => id)).size, subject.alone ? 1 : 2)
    if (subject.alone) return
    const others = new Set([rows[0]?.id ?? ''])
    const torn = await inquireAfter(stage(), subject, { ...doubted, afterMs: laterMs, others })
    assert.equal(torn.outcome.state, 'unknown', JSON.stringify(torn))
  })
}

/** An outcome that is not in doubt any more, and says what the platform holds. */
async function isTrue(
  stage: Stage,
  subject: Subject,
  { operation, before, outcome }: {
    operation: Operation
    before: readonly string[]
    outcome: Outcome
  },
): Promise<void> {
  const words = JSON.stringify(outcome).slice(0, 2000)
  assert.ok(outcome.state === 'accepted' || outcome.state === 'partial', words)
  if (outcome.state === 'partial') {
    assert.ok(outcome.others.every(({ state }) => state === 'unsent'), words)
  }
  const now = await stage.held(subject, subject.records)
  const ids = outcome.rows.map(({ id }) => id)
  if (operation === 'insert') {
    assert.deepEqual(ids.toSorted(), now.filter((id) => !before.includes(id)).toSorted())
  }
  if (operation === 'delete') {
    assert.deepEqual(ids.toSorted(), before.filter((id) => !now.includes(id)).toSorted())
    return assert.ok(outcome.rows.every(({ values }) => values === null))
  }
  const pages = await stage.pages(subject)
  const held = new Map(pages.flatMap(({ rows }) => rows).map(({ id, values }) => [id, values]))
  for (const { id, values, ordinal } of outcome.rows) {
    assert.ok(values !== null)
    for (const [name, value] of Object.entries(values)) {
      assert.equal(held.get(id)?.[name], value, `${name} of row ${ordinal}`)
    }
    const sent = operation === 'insert' ? subject.draft(ordinal - 1) : subject.change
    for (const name of Object.keys(sent)) assert.ok(name in values, `${name} is told`)
  }
}
