// Goal: the recogniser agrees with a real server. Method: every statement of the corpus is run; its command tag is
// compared with the kind recognised, and the statement triggers that fired (on no row, too) with the targets.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { recognise, type Statement, type StatementKind } from '../../src/sql/index.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { corpus, corpus18, corpusSchema, corpusServerOnly } from './corpus.ts'

let cluster: TestCluster
let client: pg.Client
let database: string
const fired = new Set<string>()

before(async () => {
  cluster = await testCluster()
  const url = await cluster.createDatabase()
  database = new URL(url).pathname.slice(1)
  client = new pg.Client(url)
  await client.connect()
  await client.query(corpusSchema)
  await client.query(`
    create function tell() returns trigger language plpgsql as
      $$ begin raise notice 'fired % %', lower(tg_op), tg_table_name; return null; end $$`)
  for (const table of ['t', 's.u', '"we""ird"', 'delete', `big_${'x'.repeat(59)}`]) {
    await client.query(
      `create trigger tell after insert or update or delete or truncate on ${table} execute function tell()`,
    )
  }
  client.on('notice', ({ message }) => {
    if (message?.startsWith('fired ')) fired.add(message.slice('fired '.length))
  })
})

after(async () => {
  await client.end()
  await cluster.stop()
})

/** The first word of the command tag by kind; other statements have tags of their own. */
const tags: Partial<Record<StatementKind, string>> = {
  insert: 'INSERT',
  update: 'UPDATE',
  delete: 'DELETE',
  merge: 'MERGE',
  truncate: 'TRUNCATE',
  select: 'SELECT',
  prepare: 'PREPARE',
  deallocate: 'DEALLOCATE',
  explain: 'EXPLAIN',
  savepoint: 'SAVEPOINT',
  release: 'RELEASE',
  rollback_to: 'ROLLBACK',
}

const mutating = ['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'TRUNCATE']

/** Runs the statement in a transaction that is rolled back: its tag and the triggers that it fired. */
async function run(text: string, prelude?: string): Promise<{ tag: string; fired: string[] }> {
  await client.query('begin')
  try {
    if (prelude !== undefined) await client.query(prelude)
    fired.clear()
    const { command } = await client.query({ text, rowMode: 'array' })
    return { tag: command, fired: [...fired] }
  } finally {
    await client.query('rollback')
    await client.query('deallocate all')
  }
}

/** `operation table` of the triggers that must fire, and those that may as well. */
function expectedFires({ kind, targets, analyze }: Statement): { must: string[]; may: string[] } {
  if (kind === 'prepare' || (kind === 'explain' && !analyze)) return { must: [], may: [] }
  const must = targets
    .filter(({ operation }) => operation !== 'merge')
    .map(({ operation, name }) => `${operation} ${name === 'v' ? 't' : name}`)
  const may = targets.flatMap(({ operation, name, onConflict }) => {
    if (operation === 'merge') {
      return ['insert', 'update', 'delete'].map((each) => `${each} ${name}`)
    }
    return onConflict === 'update' ? [`update ${name}`] : []
  })
  return { must, may: [...must, ...may] }
}

/** COPY … TO STDOUT and CHECKPOINT need no look at their tags; pg does not take part in COPY. */
const runnable = (text: string): boolean => !/^(?:copy|checkpoint)/i.test(text)

const cases = [
  ...corpus.map((text) => ({ text, before: undefined })),
  ...corpusServerOnly.map((text) => ({ text, before: undefined })),
  ...corpus18,
].filter(({ text }) => runnable(text))

test('there are at least 150 statements', () => {
  assert.ok(cases.length >= 150, `${cases.length}`)
})

test('the command tag of every statement is that of the kind recognised', async () => {
  let mutations = 0
  for (const { text, before: prelude } of cases) {
    const mine = text.replaceAll('test_database', database)
    const recognition = recognise(mine, { standardConformingStrings: true })
    assert.ok(recognition.certain, mine)
    const [statement] = recognition.statements
    assert.ok(statement !== undefined && recognition.statements.length === 1, mine)
    const { tag, fired } = await run(mine, prelude).catch((cause: unknown) => {
      throw new Error(`the server refuses ${mine}`, { cause })
    })
    if (statement.kind === 'execute') continue
    const expected = tags[statement.kind]
    if (expected === undefined) assert.ok(!mutating.includes(tag), `${tag}: ${mine}`)
    else assert.equal(tag, expected, mine)
    if (/^do |execute q/.test(mine)) continue
    const { must, may } = expectedFires(statement)
    mutations += must.length
    assert.deepEqual(must.filter((each) => !fired.includes(each)), [], `not fired: ${mine}`)
    assert.deepEqual(fired.filter((each) => !may.includes(each)), [], `fired: ${mine}`)
  }
  assert.ok(mutations > 80, `only ${mutations} mutations`)
})
