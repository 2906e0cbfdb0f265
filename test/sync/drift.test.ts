// Goal: tables follow what their platform describes, lose nothing and keep nobody waiting. Method: a platform that the
// test plays, a real store, a real customer's database; sequences at random for the promise itself.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type { Column } from '../../src/mutation/table.ts'
import { applyRows } from '../../src/database/index.ts'
import { deleteSync, readSetup } from '../../src/store/admin-syncs.ts'
import { readSync, setSyncState } from '../../src/store/syncs.ts'
import { listTableStates } from '../../src/store/tables.ts'
import { holds } from '../../src/sync/drift-types.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { runsOf } from '../help/property.ts'
import { column, type DriftStage, driftStage, shape, syncId } from './drift-help.ts'

let cluster: TestCluster
let stage: DriftStage

before(async () => {
  cluster = await testCluster()
})
after(() => cluster.stop())
beforeEach(async () => {
  stage = await driftStage(cluster)
})
afterEach(() => stage.close())

/** Writes a row as the sync process does, with the columns that the store knows. */
async function write(id: string, values: Record<string, string>): Promise<void> {
  const { tables: [table] } = await readSync(stage.store, syncId)
  assert.ok(table)
  const rows = [{ id, values: { id, ...values } }]
  await applyRows(stage.sql, {
    table,
    operation: 'upsert',
    rows,
    ticketKey: await stage.ticketKey(),
  })
}

async function known(): Promise<readonly Column[]> {
  const { tables: [table] } = await readSync(stage.store, syncId)
  return table?.columns ?? []
}

test('a new field becomes a column, and the table asks to be filled again', async () => {
  stage.shapes = [shape([column('email')])]
  await stage.setUp()
  assert.deepEqual(await stage.reconcile(), {
    changed: false,
    later: [],
    notes: [],
    added: {},
    refill: {},
  })
  const { version } = await readSync(stage.store, syncId)
  stage.shapes = [shape([column('email'), column('age', 'integer', { updatable: false })])]
  const { changed, added } = await stage.reconcile()
  assert.deepEqual([changed, added], [true, { things: ['age'] }])
  assert.deepEqual((await stage.columns()).get('age'), {
    type: 'integer',
    comment: 'age (insert only)',
  })
  assert.ok(BigInt((await readSync(stage.store, syncId)).version) > BigInt(version))
  const [wanted] = await stage.store.sql`select wanted from sluice_store.table_states`
  assert.equal(wanted?.['wanted'], 'new columns: age')
  assert.equal((await listTableStates(stage.store, { syncId })).length, 1)
  assert.equal((await stage.reconcile()).changed, false)
})

test('a field that is gone keeps its column and values, marked; when it comes back, so does the column', async () => {
  stage.shapes = [shape([column('email'), column('fax')])]
  await stage.setUp()
  await write('1', { email: 'a@b.c', fax: '123' })
  stage.shapes = [shape([column('email')])]
  await stage.reconcile()
  assert.deepEqual((await known()).map(({ name }) => name), ['id', 'email'])
  assert.equal(
    (await stage.columns()).get('fax')?.comment,
    'fax (removed at salesforce on 2026-11-26)',
  )
  await write('1', { email: 'x@y.z' })
  assert.deepEqual({ ...(await stage.sql`select * from salesforce.things`)[0] }, {
    id: '1',
    email: 'x@y.z',
    fax: '123',
  })
  stage.shapes = [shape([column('email'), column('fax')])]
  assert.deepEqual((await stage.reconcile()).added, { things: ['fax'] })
  assert.equal((await stage.columns()).get('fax')?.comment, 'fax')
  assert.deepEqual((await readSetup(stage.store, syncId)).retired, { things: [] })
})

test('a type that holds more takes the place of the old one, with all values', async () => {
  stage.shapes = [
    shape([
      column('code', 'varchar(5)'),
      column('sum', 'numeric(6,2)'),
      column('count', 'integer'),
    ]),
  ]
  await stage.setUp()
  await stage.sql`create index on salesforce.things (code)`
  await write('1', { code: 'abcde', sum: '1234.56', count: '7' })
  stage.shapes = [
    shape([column('code', 'varchar(9)'), column('sum', 'text'), column('count', 'bigint')]),
  ]
  const { added, notes } = await stage.reconcile()
  assert.deepEqual([added, notes], [{ things: ['sum'] }, []])
  const types = [...(await stage.columns()).values()].map(({ type }) => type)
  assert.deepEqual(types, ['text', 'character varying(9)', 'text', 'bigint'])
  const [row] = await stage.sql`select code, sum, count::text from salesforce.things`
  assert.deepEqual({ ...row }, { code: 'abcde', sum: '1234.56', count: '7' })
})

test('a type against which a view stands comes beside the old column, which is said', async () => {
  stage.shapes = [shape([column('code', 'varchar(5)')])]
  await stage.setUp()
  await write('1', { code: 'abcde' })
  await stage.sql`create view public.codes as select code from salesforce.things`
  stage.shapes = [shape([column('code', 'varchar(9)')])]
  const { notes } = await stage.reconcile()
  assert.match(
    notes[0]?.note ?? '',
    /"code" is varchar\(9\) now; what it was stays in column "code_was_character"/,
  )
  assert.equal((await stage.columns()).get('code_was_character')?.type, 'character varying(5)')
  assert.deepEqual((await stage.sql`select code from public.codes`).map(({ code }) => code), [
    'abcde',
  ])
  await write('1', { code: 'longer..9' })
  const [kept] = (await readSetup(stage.store, syncId)).retired['things'] ?? []
  assert.deepEqual([kept?.name, kept?.why], ['code_was_character', 'retyped'])
  assert.equal((await stage.reconcile()).changed, false)
})

test('a type that cannot hold the values comes beside them', async () => {
  stage.shapes = [shape([column('mark', 'text')])]
  await stage.setUp()
  await write('1', { mark: 'A+' })
  stage.shapes = [shape([column('mark', 'integer')])]
  await stage.reconcile()
  await write('1', { mark: '12' })
  const [row] = await stage.sql`select * from salesforce.things`
  assert.deepEqual({ ...row }, { id: '1', mark_was_text: 'A+', mark: 12 })
})

test('a field that the platform has narrowed keeps its wide column', async () => {
  stage.shapes = [shape([column('code', 'varchar(9)')])]
  await stage.setUp()
  stage.shapes = [shape([column('code', 'varchar(5)')])]
  assert.equal((await stage.reconcile()).changed, false)
  assert.equal((await stage.columns()).get('code')?.type, 'character varying(9)')
})

test('fields and tables that are renamed are followed by their ids, under the names that they have', async () => {
  const before = [
    column('name', 'text', { field: 'fld1' }),
    column('mail', 'text', { field: 'fld2' }),
  ]
  stage.shapes = [shape(before, { object: 'tbl1', name: 'people', keyColumns: ['mail'] })]
  await stage.setUp()
  await write('1', { name: 'Paul', mail: 'p@d.c' })
  const after = [
    column('full_name', 'text', { field: 'fld1' }),
    column('name', 'text', { field: 'fld2' }),
  ]
  stage.shapes = [shape(after, { object: 'tbl1', name: 'persons', keyColumns: ['name'] })]
  assert.deepEqual((await stage.reconcile()).added, {})
  const { tables } = await readSync(stage.store, syncId)
  assert.deepEqual(tables.map(({ name, label, keyColumns }) => ({ name, label, keyColumns })), [
    { name: 'people', label: 'persons', keyColumns: ['mail'] },
  ])
  const comments = [...await stage.columns('people')].map(([name, { comment }]) => [name, comment])
  assert.deepEqual(comments, [['id', 'id (read-only)'], ['name', 'fld1, now full_name'], [
    'mail',
    'fld2, now name',
  ]])
  const [about] = await stage.sql`select obj_description('salesforce.people'::regclass) as about`
  assert.match(String(about?.['about']), /object tbl1, now persons, sync/)
  assert.deepEqual({ ...(await stage.sql`select * from salesforce.people`)[0] }, {
    id: '1',
    name: 'Paul',
    mail: 'p@d.c',
  })
})

test("a person's column is not taken for a field of the same name", async () => {
  stage.shapes = [shape([column('email')])]
  await stage.setUp()
  await stage.sql`alter table salesforce.things add column score text`
  await write('1', { email: 'a' })
  await stage.sql.unsafe('alter table salesforce.things disable trigger all')
  await stage.sql`update salesforce.things set score = 'mine'`
  await stage.sql.unsafe('alter table salesforce.things enable trigger all')
  stage.shapes = [shape([column('email'), column('score')])]
  assert.deepEqual((await stage.reconcile()).added, { things: ['score_2'] })
  assert.equal((await stage.columns()).get('score_2')?.comment, 'score, now score')
  await write('1', { score_2: 'theirs' })
  const [row] = await stage.sql`select score, score_2 from salesforce.things`
  assert.deepEqual({ ...row }, { score: 'mine', score_2: 'theirs' })
})

test('a table that a mutation holds is left for later, within two seconds, and then changed', async () => {
  stage.shapes = [shape([column('email')])]
  await stage.setUp()
  await write('1', { email: 'a' })
  stage.shapes = [shape([column('email'), column('age', 'integer')])]
  const session = await stage.sql.reserve()
  await session`begin`
  await session`select from salesforce.things for update`
  const begun = performance.now()
  const { changed, later } = await stage.reconcile()
  assert.deepEqual([changed, later], [false, ['things']])
  assert.ok(performance.now() - begun < 60_000)
  await session`rollback`
  session.release()
  assert.equal((await stage.reconcile()).changed, true)
})

test('a sync that is dropped while its platform is described gets no table or column any more', async () => {
  stage.shapes = [shape([column('email')])]
  await stage.setUp()
  stage.shapes = [shape([column('email'), column('age', 'integer')])]
  const before = stage.described
  // as dropSync does: paused first, then its tables are let go, in the end it is gone
  stage.described = async () => {
    await setSyncState(stage.store, { id: syncId, state: 'disabled' })
    await stage.sql`drop table salesforce.things`
  }
  assert.deepEqual(await stage.reconcile(), {
    changed: false,
    later: ['things'],
    notes: [],
    added: {},
    refill: {},
  })
  assert.equal(await stage.relation('things'), null)
  stage.described = before
  assert.deepEqual((await stage.reconcile()).later, [], 'it is paused')
  await deleteSync(stage.store, syncId)
  await assert.rejects(stage.reconcile(), /not found/)
  assert.equal(await stage.relation('things'), null)
})

test('what a process did before it died is found, and no second column is made', async () => {
  stage.shapes = [shape([column('email'), column('mark', 'text')])]
  await stage.setUp()
  const before = await readSync(stage.store, syncId)
  stage.shapes = [shape([column('email'), column('mark', 'integer'), column('age', 'integer')])]
  await stage.reconcile()
  // as if nothing had been saved
  const { saveTables } = await import('../../src/store/syncs.ts')
  const { version } = await readSync(stage.store, syncId)
  await saveTables(stage.store, {
    id: syncId,
    version,
    tables: before.tables,
    retired: { things: [] },
  })
  const names = [...(await stage.columns()).keys()]
  assert.deepEqual((await stage.reconcile()).added, { things: ['mark', 'age'] })
  assert.deepEqual([...(await stage.columns()).keys()], names)
})

test('an object that is gone is said, and the others are followed', async () => {
  const other = shape([column('name')], { object: 'Other', name: 'others' })
  stage.shapes = [shape([column('email')]), other]
  await stage.setUp()
  stage.shapes = [shape([column('email'), column('age', 'integer')])]
  const { notes, added } = await stage.reconcile()
  assert.match(notes[0]?.note ?? '', /object Other is gone/)
  assert.deepEqual(added, { things: ['age'] })
  assert.equal((await readSync(stage.store, syncId)).tables.length, 2)
})

test('where all objects are chosen, a new one becomes a table under a name that is free', async () => {
  stage.shapes = [shape([column('email')])]
  await stage.setUp({ objects: 'all' })
  await stage.sql`create table salesforce.others (mine int)`
  stage.shapes = [...stage.shapes, shape([column('name')], { object: 'Other', name: 'others' })]
  assert.equal((await stage.reconcile()).changed, true)
  const { tables } = await readSync(stage.store, syncId)
  assert.deepEqual(tables.map(({ name }) => name).sort(), ['others_2', 'things'])
  const [triggers] = await stage.sql`
    select count(*)::int from pg_trigger where tgrelid = 'salesforce.others_2'::regclass`
  assert.equal(triggers?.['count'], 5)
})

test('beyond what a table of Postgres holds a field is said to have no column', async () => {
  const many = Array.from({ length: 1_598 }, (_, index) => column(`f${index}`))
  stage.shapes = [shape(many)]
  await stage.setUp()
  stage.shapes = [shape([...many, column('one_more'), column('too_many')])]
  const { added, notes } = await stage.reconcile()
  assert.deepEqual(added, { things: ['one_more'] })
  assert.match(notes[0]?.note ?? '', /field too_many has no column: a table of Postgres holds 1600/)
})

const types = [
  'text',
  'varchar(20)',
  'varchar(40)',
  'integer',
  'bigint',
  'numeric',
  'numeric(18,2)',
  'jsonb',
  'text[]',
  'date',
]

/** A value that is like no other, as text, and what is looked for to find it again. */
function valueOf(type: string, count: number): { text: string; mark: string } {
  const number = 1_000_000 + count
  if (type === 'jsonb') return { text: `{"n":${number}}`, mark: String(number) }
  if (type === 'text[]') return { text: `["n${number}"]`, mark: `n${number}` }
  if (type === 'date') {
    const day = new Date(Date.UTC(2000, 0, 1 + count)).toISOString().slice(0, 10)
    return { text: day, mark: day }
  }
  return { text: String(number), mark: String(number) }
}

/** What the platform has next: for each of its fields a type and a name, or nothing. */
const describing = fc.array(
  fc.record({
    field: fc.integer({ min: 0, max: 5 }),
    type: fc.constantFrom(...types),
    name: fc.integer({ min: 0, max: 7 }),
    updatable: fc.boolean(),
  }),
  { maxLength: 6 },
)

test('whatever is described, every field has a column, no value is lost, and what a person made is there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(describing, { minLength: 1, maxLength: 5 }), async (sequence) => {
      await stage.close()
      stage = await driftStage(cluster)
      stage.shapes = [shape([column('first', 'text', { field: 'first' })])]
      await stage.setUp()
      await stage.sql`alter table salesforce.things add column n3 text default 'a person'`
      await write('row', { first: '999999' })
      await stage.sql`create view public.seen as select id, first, n3 from salesforce.things`
      await stage.sql`create index mine on salesforce.things (first, n3)`
      const marks = new Set(['999999'])
      let count = 0
      for (const fields of sequence) {
        const one = [...new Map(fields.map((each) => [each.field, each])).values()]
        const named = [...new Map(one.map((each) => [each.name, each])).values()]
        const columns = named.map(({ field, type, name, updatable }) =>
          column(`n${name}`, type, { field: `fld${field}`, updatable })
        )
        stage.shapes = [shape(columns)]
        await stage.reconcile()
        assert.equal((await stage.reconcile()).changed, false)
        const have = await known()
        const there = await stage.columns()
        for (const wanted of columns) {
          const found = have.find(({ field }) => field === wanted.field)
          assert.ok(found, `no column for ${wanted.field}`)
          assert.equal(found.updatable, wanted.updatable)
          const { type } = there.get(found.name) ?? assert.fail(`${found.name} is not in the table`)
          assert.ok(holds(type, wanted.type), `${type} for ${wanted.type}`)
        }
        assert.equal(have.length, columns.length + 1)
        const row = have.filter(({ name }) => name !== 'id').map((each) => {
          const { text, mark } = valueOf(each.type, ++count)
          return { name: each.name, text, mark }
        })
        // a value is written once only, so that those that were before are looked for where they were left
        const before = await whole()
        for (const mark of marks) assert.ok(before.includes(mark), `${mark} is lost`)
        await write(`row${count}`, Object.fromEntries(row.map(({ name, text }) => [name, text])))
        for (const { mark } of row) marks.add(mark)
      }
      const text = await whole()
      for (const mark of marks) assert.ok(text.includes(mark), `${mark} is lost`)
      const [seen] = await stage.sql`select first, n3 from public.seen where id = 'row'`
      assert.deepEqual({ ...seen }, { first: '999999', n3: 'a person' })
      const [index] = await stage.sql`select to_regclass('salesforce.mine')::text as name`
      assert.equal(index?.['name'], 'salesforce.mine')
    }),
    runsOf(12),
  )
})

async function whole(): Promise<string> {
  const [row] = await stage
    .sql`select coalesce(jsonb_agg(t), '[]')::text as text from salesforce.things t`
  return String(row?.['text'])
}
