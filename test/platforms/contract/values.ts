// Values around the circle: Postgres' text → adapter → sandbox → adapter → text. Nothing may be lost but what the
// platform documents to change.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Values } from '../../../src/mutation/mutation.ts'
import { type Column, isJsonType, type SyncedTable } from '../../../src/mutation/table.ts'
import { runsOf } from '../../help/property.ts'
import type { Stage, Written } from './stage.ts'
import type { ValueSubject } from './subject.ts'

/** Statements of each kind; each has `rows` rows. */
const runs = 20

export function circles(stage: () => Stage, subject: ValueSubject): void {
  const title = `${subject.adapter.platform} ${subject.object}`

  test(`${title}: every writable column takes part or says why not`, async () => {
    const { columns } = await stage().table(subject)
    const names = new Set(columns.map(({ name }) => name))
    for (const name of [...Object.keys(subject.columns), ...Object.keys(subject.left)]) {
      assert.ok(names.has(name), `${name} is no column`)
    }
    const writable = columns.filter(({ insertable, updatable }) => insertable || updatable)
    for (const column of writable) {
      const known = Object.hasOwn(subject.left, column.name) || column.name === 'id' ||
        arbitraryOf(column, subject) !== undefined
      assert.ok(known, `${column.name} ${column.type} has no values`)
    }
  })

  test(`${title}: values come back as they were sent, from the write and from the page`, async () => {
    const table = await stage().table(subject)
    let [n, done] = [0, 0]
    await fc.assert(
      fc.asyncProperty(
        rowsOf(table, subject, 'insert'),
        rowsOf(table, subject, 'update'),
        async (inserts, updates) => {
          // however long this goes on, what was said and what there is stay small
          if (done++ % runs === 0) await stage().reset()
          const drafts = inserts.map((values) => ({ ...values, ...subject.always(n += 1) }))
          const made = await stage().insert(subject, drafts)
          checkAll(made, drafts, { table, subject, insert: true })
          const changes = made.map(({ id, key }, i) => ({ id, key, values: updates[i] ?? {} }))
            .filter(({ values }) => Object.keys(values).length > 0)
          const outcome = await stage().write(subject, 'update', { rows: changes })
          const changed = await stage().accepted(subject, outcome)
          const sent = changes.map(({ values }) => values)
          checkAll(changed, sent, { table, subject, insert: false })
          await checkPages(stage(), subject, changed)
        },
      ),
      { ...runsOf(runs), endOnFailure: true, reporter },
    )
  })
}

/** The cause, the seed and the path; a counterexample of twenty rows tells nobody anything. */
function reporter(details: fc.RunDetails<[Values[], Values[]]>): void {
  const { failed, seed, counterexamplePath, errorInstance } = details
  if (!failed) return
  const where = `seed ${seed}, path ${counterexamplePath}`
  throw new Error(`${String(errorInstance).slice(0, 1500)} (${where})`, { cause: errorInstance })
}

/** What a page has of a row is what the write had. */
async function checkPages(stage: Stage, subject: ValueSubject, rows: readonly Written[]) {
  const listed = (await stage.pages(subject)).flatMap((page) => page.rows)
  const byId = new Map(listed.map(({ id, values }) => [id, values]))
  for (const { id, values } of rows) {
    const found = byId.get(id)
    assert.ok(found, `${id} is not in a page`)
    for (const [name, value] of Object.entries(values)) {
      assert.equal(found[name] ?? null, value, name)
    }
  }
}

interface Checking {
  readonly table: SyncedTable
  readonly subject: ValueSubject
  readonly insert: boolean
}

function checkAll(rows: readonly Written[], sent: readonly Values[], checking: Checking): void {
  assert.equal(rows.length, sent.length)
  for (const [i, values] of sent.entries()) {
    for (const [name, text] of Object.entries(values)) {
      check(name, { text, got: rows[i]?.values[name] ?? null, checking })
    }
  }
}

function check(
  name: string,
  { text, got, checking: { table, subject, insert } }: {
    text: string | null
    got: string | null
    checking: Checking
  },
): void {
  const column = table.columns.find((one) => one.name === name)
  assert.ok(column)
  const wanted = text === null || text === ''
    ? null
    : subject.kept?.(column, text) === undefined
    ? text
    : subject.kept(column, text) ?? null
  const what = `${name} ${column.type}: sent ${text}, got ${got}`
  if (wanted === null || got === null) return assert.equal(got, wanted, what)
  if (!insert && subject.merged?.includes(name) === true) {
    return assert.deepEqual({ ...JSON.parse(got), ...JSON.parse(wanted) }, JSON.parse(got), what)
  }
  assert.deepEqual(comparable(got, column, subject), comparable(wanted, column, subject), what)
}

/** A form in which equal values of the type are equal. */
function comparable(text: string, { type }: Column, { precisionMs }: ValueSubject): unknown {
  if (type.startsWith('numeric')) return decimalOf(text)
  if (type === 'timestamptz') {
    const ms = Date.parse(text.replace(/(\.\d{3})\d+/, '$1').replace(/([+-]\d\d)$/, '$1:00'))
    return Math.floor(ms / precisionMs) * precisionMs
  }
  if (type === 'time') return text.replace(/(\.\d{3})\d+$/, '$1').replace(/\.?0+$/, '')
  return isJsonType(type) ? JSON.parse(text) : text
}

/** `-01.50` → `-1.5` */
function decimalOf(text: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)0*(\d*)\.?(\d*?)0*$/.exec(text) ?? []
  const digits = `${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
  return digits === '0' ? '0' : `${sign}${digits}`
}

function rowsOf(
  table: SyncedTable,
  subject: ValueSubject,
  operation: 'insert' | 'update',
): fc.Arbitrary<Values[]> {
  const always = new Set(Object.keys(subject.always(0)))
  const model: Record<string, fc.Arbitrary<string | null>> = {}
  for (const column of table.columns) {
    const may = operation === 'insert' ? column.insertable : column.updatable
    const arbitrary = arbitraryOf(column, subject)
    if (!may || always.has(column.name) || Object.hasOwn(subject.left, column.name)) continue
    if (arbitrary === undefined) continue
    // a new row's null is its default
    const nullable = operation === 'update' && !subject.solid.includes(column.name) &&
      column.type !== 'boolean'
    model[column.name] = nullable ? fc.option(arbitrary, { freq: 5 }) : arbitrary
  }
  const row: fc.Arbitrary<Values> = fc.record(model, { requiredKeys: [] })
    .map((values) => values as Values)
  return fc.array(row, { minLength: subject.rows, maxLength: subject.rows })
}

/** Good values for the column; undefined when its type alone does not say. */
function arbitraryOf(column: Column, subject: ValueSubject): fc.Arbitrary<string> | undefined {
  const special = subject.columns[column.name]
  if (special !== undefined) return special
  const [, base = '', precision, scale = '0'] =
    /^([a-z[\]]+)(?:\((\d+),(\d+)\))?/.exec(column.type) ?? []
  switch (base) {
    case 'text':
      return texts
    case 'boolean':
      return fc.boolean().map(String)
    case 'integer':
      return fc.integer().map(String)
    case 'bigint':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
    case 'numeric':
      return precision === undefined
        ? decimals({ whole: 18, fraction: 6 })
        : decimals({ whole: Number(precision) - Number(scale), fraction: Number(scale) })
    case 'date':
      return days
    case 'timestamptz':
      return fc.tuple(days, times, fc.constantFrom('+00:00', '+02:00', '-09:30', '+05:45'))
        .map(([day, time, zone]) => `${day}T${time}${zone}`)
    case 'time':
      return times
    default:
      return undefined
  }
}

/** Of all scripts, with quotation marks, backslashes, percent signs and what begins a reference at Salesforce. */
const texts = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.constantFrom(
    'it\'s "so"',
    '\\',
    '50 %',
    'a&b=c;d',
    '@{write[0].id}',
    '<b>',
    'Größe 🎉',
    'null',
  ),
).filter((text) => text.trim() !== '' && text === text.trim() && text.length <= charactersMax)

/** No field of the sandboxes is shorter. */
const charactersMax = 20

const days = fc.date({
  min: new Date('1971-01-01T00:00:00Z'),
  max: new Date('2099-12-31T00:00:00Z'),
  noInvalidDate: true,
}).map((date) => date.toISOString().slice(0, 10))

const times = fc.tuple(fc.nat({ max: 86_399 }), fc.constantFrom('', '.5', '.123', '.123456'))
  .map(([second, fraction]) => new Date(second * 1000).toISOString().slice(11, 19) + fraction)

function decimals({ whole, fraction }: { whole: number; fraction: number }): fc.Arbitrary<string> {
  const digits = (most: number) => fc.stringMatching(new RegExp(`^[0-9]{0,${most}}$`))
  return fc.tuple(fc.boolean(), digits(whole), digits(fraction)).map(
    ([negative, before, after]) => {
      const size = `${before.replace(/^0+(?=.)/, '') || '0'}${after === '' ? '' : `.${after}`}`
      return negative && /[1-9]/.test(size) ? `-${size}` : size
    },
  )
}
