// Goal: whatever moment a platform answers, Postgres reads it as that moment, or it is null and the log says so.
// Method: texts as the APIs write them, each given to a real Postgres; and every moment that a Date can hold, at random.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import postgres from 'postgres'
import { createLog } from '../../src/lib/log.ts'
import { postgresDate, postgresInstant, readMoment } from '../../src/platforms/instants.ts'
import { testCluster } from '../help/cluster.ts'
import { runsOf } from '../help/property.ts'

const cluster = await testCluster()
let sql: postgres.Sql

before(async () => {
  sql = postgres(await cluster.createDatabase(), {
    max: 1,
    onnotice: () => {},
    connection: { TimeZone: 'Asia/Kolkata' },
  })
})
after(async () => {
  await sql?.end()
  await cluster.stop()
})

/** Seconds since 1970, in UTC, as Postgres reads the text. */
async function epochOf(text: string): Promise<number> {
  const [row] = await sql`select extract(epoch from ${text}::text::timestamptz)::text as at`
  return Number(row?.['at'])
}

describe('points in time', () => {
  const cases: [string, string | null][] = [
    ['2026-11-22T10:20:30.120Z', '2026-11-22T10:20:30.12+00:00'],
    ['2026-11-22T10:20:30.000+0000', '2026-11-22T10:20:30+00:00'],
    ['2026-11-22T10:20:30-0330', '2026-11-22T10:20:30-03:30'],
    ['2026-11-22 10:20:30+05', '2026-11-22T10:20:30+05:00'],
    ['2026-11-22T10:20Z', '2026-11-22T10:20:00+00:00'],
    ['2026-11-22', '2026-11-22T00:00:00+00:00'],
    ['2026-11-22T10:20:30', '2026-11-22T10:20:30+00:00'],
    ['+020265-01-01T00:00:00.000Z', '20265-01-01T00:00:00+00:00'],
    ['0000-12-31T00:00:00.000Z', '0001-12-31T00:00:00+00:00 BC'],
    ['-000043-03-15T12:00:00Z', '0044-03-15T12:00:00+00:00 BC'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00+00:00'],
    ['1900-02-29T00:00:00Z', null],
    ['2026-02-30T00:00:00Z', null],
    ['2026-13-01T00:00:00Z', null],
    ['2026-00-01T00:00:00Z', null],
    ['2026-01-00T00:00:00Z', null],
    ['2026-01-01T25:00:00Z', null],
    ['2026-01-01T00:00:00+16:00', null],
    ['-271821-04-20T00:00:00.000Z', null],
    ['9999999-01-01T00:00:00Z', null],
    ['577348128000000', null],
    ['infinity', null],
    ['', null],
    ['x', null],
  ]
  for (const [text, wanted] of cases) {
    test(`"${text}" is ${wanted ?? 'none'}`, async () => {
      assert.equal(postgresInstant(text), wanted)
      if (wanted !== null) assert.ok(Number.isFinite(await epochOf(wanted)))
    })
  }

  test('every one that a Date can hold after 4712 BC is the same one to Postgres', async () => {
    const dates = fc.date({ min: new Date(Date.UTC(-4711, 0, 1)), noInvalidDate: true })
    await fc.assert(
      fc.asyncProperty(dates, async (date) => {
        const text = postgresInstant(date.toISOString())
        assert.equal(await epochOf(text ?? ''), date.getTime() / 1000)
      }),
      runsOf(200),
    )
  })
})

describe('dates', () => {
  const cases: [string, string | null][] = [
    ['2026-11-22', '2026-11-22'],
    ['2026-11-22T00:00:00.000Z', '2026-11-22'],
    ['+020265-11-22T00:00:00.000Z', '20265-11-22'],
    ['0000-01-01', '0001-01-01 BC'],
    ['5874896-12-31', '5874896-12-31'],
    ['2026-02-30', null],
    ['6000000-01-01', null],
    ['22.11.2026', null],
  ]
  for (const [text, wanted] of cases) {
    test(`"${text}" is ${wanted ?? 'none'}`, async () => {
      assert.equal(postgresDate(text), wanted)
      if (wanted === null) return
      const [row] = await sql`select ${wanted}::text::date::text as at`
      assert.equal(row?.['at'], wanted)
    })
  }
})

test('what Postgres cannot hold is told to the log, by column and without the value', () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', write: (line) => lines.push(line) })
  const column = { name: 'seen', field: 'Seen__c', type: 'timestamptz' }
  assert.equal(readMoment('2026-11-22T10:20:30Z', column, log), '2026-11-22T10:20:30+00:00')
  assert.equal(lines.length, 0)
  assert.equal(readMoment('-271821-04-20T00:00:00.000Z', column, log), null)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /"column":"seen","field":"Seen__c"/)
  assert.doesNotMatch(lines[0] ?? '', /271821/)
})
