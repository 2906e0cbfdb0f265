// Goal: every mutation of the corpus is planned as Postgres would have carried it out, or refused with the right fault, and
// none reaches the database alone. Method: each statement is carried out by Postgres alone on a shadow of the tables, whose
// triggers tell what it changes, and then through a real listener; what was sent, what came back and what the tables hold
// afterwards must agree. Only the platform is played.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import type { Mutation } from '../../src/mutation/mutation.ts'
import { createStage, type Stage } from '../help/stage.ts'
import { loadOracle, oracle } from '../sql/oracle.ts'
import { corpus, type CorpusCase, refusals } from './corpus/corpus.ts'
import {
  type Alone,
  type Answer,
  ask,
  constraintSql,
  createShadow,
  maskIds,
  readContacts,
  readNotes,
  type Row,
  seeds,
  seedSql,
  type Shadow,
} from './corpus/shadow.ts'

type Planned = Extract<Alone, { error: null }>

describe('the corpus of mutations', () => {
  let stage: Stage
  let shadow: Shadow
  let client: pg.Client
  /** What the platform holds. */
  let records = new Map<string, Row>()

  before(async () => {
    await loadOracle()
    stage = await createStage()
    await stage.sql.unsafe(constraintSql)
    shadow = await createShadow(stage)
    client = new pg.Client({ ...stage.through(), options: '-c search_path=salesforce,public' })
    await client.connect()
    stage.carry = (mutation) => Promise.resolve(carryOut(mutation))
  })
  after(async () => {
    await client.end()
    await shadow.close()
    await stage.close()
  })

  const reset = async (): Promise<void> => {
    await stage.sql.unsafe(fillSql)
    stage.sent.length = 0
    records = new Map(seeds.map((row) => [row['id'] ?? '', row]))
  }

  let count = 0
  const carryOut = (mutation: Mutation) => {
    const { upsertBy } = mutation
    const rows = mutation.rows.map((row) => {
      const met = upsertBy === undefined ? undefined : [...records.values()]
        .find((record) => record[upsertBy] === row.values[upsertBy])?.['id']
      const id = row.id ?? met ?? `003${String(1_000 + ++count).padStart(15, '0')}`
      if (mutation.operation === 'delete') {
        records.delete(id)
        return { ordinal: row.ordinal, id, values: null }
      }
      const known = records.get(id) ?? emptyRow
      const written: Row = { ...known, ...row.values, id }
      const name = [written['first_name'], written['last_name']].filter(Boolean).join(' ')
      const values = { ...written, name }
      records.set(id, values)
      return { ordinal: row.ordinal, id, values }
    })
    return { state: 'accepted' as const, rows }
  }

  /** The table and the platform hold the same: nothing reached the database alone, nothing was lost. */
  const agree = async (text: string): Promise<void> => {
    const held = await readContacts(client)
    const expected = [...records.values()].map(comparable)
      .toSorted((one, other) => String(one['id']) < String(other['id']) ? -1 : 1)
    assert.deepEqual(held.map(comparable), expected, `the table and the platform differ: ${text}`)
  }

  const check = async (
    statement: CorpusCase,
    protocol?: 'extended',
  ): Promise<keyof typeof seen> => {
    const [text, values, refusal] = statement
    await reset()
    const alone = refusal === undefined ? await shadow.run({ text, values, protocol }) : null
    const got = await ask(client, { text, values, protocol }).catch((error: unknown) => {
      if (error instanceof pg.DatabaseError) return error
      throw error
    })
    const refused = alone === null || alone.error !== null
    if (got instanceof pg.DatabaseError) {
      assert.ok(refused, `${got.code} ${got.message} ${got.detail ?? ''}: ${text}`)
      assert.deepEqual(stage.sent, [], `sent and refused: ${text}`)
      const told = `${got.code} ${got.message}: ${text}`
      if (refusal !== undefined) {
        assert.equal(got.code, refusals[refusal][0], told)
        assert.match(got.message, refusals[refusal][1], told)
      } else if (alone !== null && alone.error !== null) {
        assert.deepEqual([got.code, got.message], [alone.error.sqlstate, alone.error.message], text)
      }
    } else {
      assert.ok(
        alone !== null && alone.error === null,
        `it was not refused (${refusal ?? alone?.error?.message}): ${text}`,
      )
      compare(statement, alone, got)
      assert.deepEqual(await readNotes(client), alone.notes, `other tables: ${text}`)
    }
    await agree(text)
    if (refused) return 'refused'
    return stage.sent.length > 0 ? 'planned' : 'nothing'
  }

  const compare = ([text]: CorpusCase, alone: Planned, got: Answer): void => {
    if (got.command === 'EXPLAIN') {
      // Postgres's plan, and then what the platform would be asked
      assert.deepEqual(got.rows.slice(0, alone.answer.rows.length), alone.answer.rows, text)
      return assert.deepEqual(stage.sent, [], text)
    }
    assert.deepEqual(
      [got.command, got.rowCount],
      [alone.answer.command, alone.answer.rowCount],
      text,
    )
    assert.equal(got.rows.length, alone.answer.rows.length, text)
    const [mutation, another] = stage.sent
    assert.equal(another, undefined, `sent twice: ${text}`)
    if (alone.changes.length === 0) {
      return assert.equal(mutation, undefined, `sent for nothing: ${text}`)
    }
    assert.ok(mutation !== undefined, `not sent: ${text}`)
    assert.deepEqual([mutation.schema, mutation.table], ['salesforce', 'contacts'], text)
    const { operation, upsertBy } = mutation
    const upsert = upsertBy !== undefined
    const changes = operation === 'insert' ? alone.changes : byId(alone.changes)
    const rows = operation === 'insert' ? mutation.rows : byId(mutation.rows)
    assert.deepEqual(
      rows.map(({ id }) => [upsert && id !== null ? 'update' : operation, id]),
      changes.map((change) => [
        change.operation,
        change.operation === 'insert' ? null : change.id,
      ]),
      `other rows: ${text}`,
    )
    const target = (oracle(text) ?? []).flatMap(({ targets }) => targets)
      .find(({ name }) => name === 'contacts')
    for (const [index, { values }] of rows.entries()) {
      const changed = comparable(changes[index]?.values ?? {})
      const given = comparable(values)
      for (const [column, value] of Object.entries(given)) {
        assert.equal(value, changed[column], `${column} of row ${index + 1}: ${text}`)
      }
      const columns = Object.keys(given).toSorted()
      if (operation === 'delete') assert.deepEqual(columns, [], text)
      if (operation === 'update') {
        assert.deepEqual(columns, [...new Set(target?.setColumns)].toSorted(), text)
      }
      if (upsert) {
        const named = [upsertBy, ...target?.upsert?.plain ? target.upsert.setColumns : []]
        assert.deepEqual(columns, [...new Set(named)].toSorted(), text)
      } else if (operation === 'insert') {
        const filled = writable.filter((column) => (changed[column] ?? null) !== null)
        assert.deepEqual(filled.filter((column) => !columns.includes(column)), [], text)
        const written = target?.insertColumns ?? writable
        assert.deepEqual(columns.filter((column) => !written.includes(column)), [], text)
      }
    }
    assert.deepEqual(returned(got), returned(alone.answer), `RETURNING: ${text}`)
  }

  const seen = { planned: 0, refused: 0, nothing: 0 }

  for (const [origin, statements] of Object.entries(corpus)) {
    test(`${origin}: each is planned right or refused rightly`, async () => {
      const wrong: string[] = []
      for (const statement of statements) {
        try {
          seen[await check(statement)] += 1
          if (bySimple(statement)) await check(statement, 'extended')
        } catch (error) {
          wrong.push(String(error))
        }
      }
      assert.deepEqual(wrong, [])
    })
  }

  test('there are at least 500 of them, and most are planned', () => {
    const total = seen.planned + seen.refused + seen.nothing
    assert.ok(total >= 500, `only ${total}`)
    assert.ok(seen.planned >= 400, JSON.stringify(seen))
  })
})

/** Without parameters it goes by the simple protocol; Postgres takes only one statement by the other one. */
const bySimple = ([text, values]: CorpusCase): boolean =>
  (values === undefined || values.length === 0) && (oracle(text)?.length ?? 1) === 1

const writable = ['first_name', 'last_name', 'email', 'score', 'tags', 'seen']
const emptyRow: Row = Object.fromEntries([...writable, 'name'].map((column) => [column, null]))

/** Arrays and instants are written in more than one way. */
function comparable(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      if (value === null) return [column, null]
      if (column === 'tags') return [column, JSON.stringify(JSON.parse(value))]
      return [column, value]
    }),
  )
}

const byId = <T extends { readonly id: string | null }>(rows: readonly T[]): T[] =>
  rows.toSorted((one, other) => String(one.id) < String(other.id) ? -1 : 1)

/** Rows returned, without what only the platform knows: ids and names. */
const returned = ({ rows }: Answer): string[] =>
  rows.map((row) => maskIds(JSON.stringify(row))).toSorted()

const triggers = ['before', 'after_insert', 'after_update', 'after_delete', 'truncate']
const fillSql = `do $$ begin
  alter table salesforce.contacts disable trigger all;
  truncate salesforce.contacts, public.local_notes, public.plain;
  ${seedSql}
  ${
  triggers.map((name) => `alter table salesforce.contacts enable always trigger "~sluice_${name}";`)
    .join(' ')
}
end $$`
