// Goal: what the recogniser is certain of is what Postgres's grammar says. Method: tables of statements, each compared
// with libpg-query, and expectations written out for the forms that sessions rely on.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { recognise, type RecogniseOptions, type Statement } from '../../src/sql/index.ts'
import { compare } from './compare.ts'
import { corpus, corpus18, corpusParseOnly, corpusServerOnly } from './corpus.ts'
import { loadOracle } from './oracle.ts'

before(loadOracle)

const on = { standardConformingStrings: true }

function only(text: string): Statement {
  const recognition = recognise(text, on)
  assert.ok(recognition.certain, `${text}: ${JSON.stringify(recognition)}`)
  const [statement, another] = recognition.statements
  assert.ok(statement !== undefined && another === undefined, text)
  return statement
}

function reason(text: string, options: RecogniseOptions = on): string {
  const recognition = recognise(text, options)
  assert.ok(!recognition.certain, text)
  return recognition.reason
}

test('every statement of the corpus is read as the grammar reads it, and with certainty', () => {
  const texts = [...corpus, ...corpus18.map(({ text }) => text)]
  assert.ok(texts.length >= 150, `${texts.length} statements`)
  for (const text of texts) assert.equal(compare(text), 'equal', text)
})

test('statements that are not run alone are read as the grammar reads them', () => {
  for (const text of corpusParseOnly) assert.equal(compare(text), 'equal', text)
})

test('an INSERT has its target, columns, conflict and RETURNING', () => {
  const text = `insert into "Sales".contacts (email, "Name") values ($1, 'x') ` +
    'on conflict (email) do update set "Name" = excluded."Name" returning id'
  assert.deepEqual(only(` ${text} ; `), {
    start: 1,
    end: text.length + 1,
    kind: 'insert',
    targets: [{
      operation: 'insert',
      schema: 'Sales',
      name: 'contacts',
      place: 'top',
      setColumns: null,
      insertColumns: ['email', 'Name'],
      onConflict: 'update',
      upsert: { plain: true, by: 'email', setColumns: ['Name'], blank: [] },
      returning: true,
    }],
    prepared: null,
    analyze: false,
  })
})

test('an upsert is plain where it sets what was to be inserted, by one column, and nothing else', () => {
  const clause = (text: string) => {
    const head = 'insert into t (a, b, c) values (1, 2, 3) on conflict'
    return only(`${head} ${text}`).targets[0]?.upsert
  }
  const plain = (setColumns: string[], by = 'a') => ({ plain: true, by, setColumns, blank: [] })
  const odd = (differs: string) => ({ plain: false, differs })
  const cases: [string, object | null][] = [
    ['do nothing', null],
    ['(a) do nothing', null],
    ['(a) do update set b = excluded.b', plain(['b'])],
    ['("A b") do update set b = EXCLUDED.b, c=excluded."c" returning *', plain(['b', 'c'], 'A b')],
    ['(a) do update set (b, c) = (excluded.b, "excluded".c)', plain(['b', 'c'])],
    ['(a) do update set (b) = row(excluded.b), c = excluded.c', plain(['b', 'c'])],
    ['(a) do update set b = excluded.c', odd('value')],
    ['(a) do update set b = "EXCLUDED".b', odd('value')],
    ['(a) do update set b = $1', odd('value')],
    ['(a) do update set b = excluded.b, c = excluded.c || t.c', odd('value')],
    ['(a) do update set (b, c) = (excluded.c, excluded.b)', odd('value')],
    ['(a) do update set (b, c) = (select 1, 2)', odd('value')],
    ['(a) do update set b[1] = excluded.b', odd('value')],
    ['(a) do update set b = excluded.b where t.c > 1 returning a', odd('where')],
    ['(a) do update set b = 1 where true', odd('where')],
    ['(a, b) do update set c = excluded.c', odd('target')],
    ['(lower(a)) do update set c = excluded.c', odd('target')],
    ['(a) where b > 1 do update set c = excluded.c', odd('target')],
    ['(a collate "C") do update set c = excluded.c', odd('target')],
    ['on constraint x do update set c = excluded.c', odd('target')],
  ]
  for (const [text, expected] of cases) assert.deepEqual(clause(text), expected, text)
})

test('an UPDATE has the columns that it sets', () => {
  const [target] =
    only('update t set (a, "B") = (1, 2), c[1] = 3, d.e = 4 from u where a = 1').targets
  assert.deepEqual(target?.setColumns, ['a', 'B', 'c', 'd'])
  assert.equal(target?.returning, false)
})

test('mutations in a WITH clause and after it have their places', () => {
  const { kind, targets } = only(
    'with x as (insert into a values (1) returning 1), y as (delete from b) update c set d = 1',
  )
  assert.equal(kind, 'update')
  assert.deepEqual(targets.map(({ operation, name, place }) => [operation, name, place]), [
    ['insert', 'a', 'cte'],
    ['delete', 'b', 'cte'],
    ['update', 'c', 'top'],
  ])
  const select = only('with x as (insert into a values (1) returning 1) select * from x')
  assert.equal(select.kind, 'select')
  assert.equal(select.targets[0]?.place, 'cte')
})

test('PREPARE, EXECUTE, DEALLOCATE and what executes have the name', () => {
  const names: [string, string, string | null][] = [
    ['prepare X (int) as insert into t values ($1)', 'prepare', 'x'],
    ['execute "X" (1)', 'execute', 'X'],
    ['deallocate prepare x', 'deallocate', 'x'],
    ['deallocate all', 'deallocate', null],
    ['create temp table t as execute x (1)', 'other', 'x'],
    ['explain (analyze) execute x', 'explain', 'x'],
    ['explain create table t as execute x', 'explain', 'x'],
  ]
  for (const [text, kind, prepared] of names) {
    const statement = only(text)
    assert.deepEqual([statement.kind, statement.prepared], [kind, prepared], text)
  }
})

test('EXPLAIN says whether it runs the statement', () => {
  const cases: [string, boolean][] = [
    ['explain delete from t', false],
    ['explain analyze delete from t', true],
    ['explain (verbose, analyze) delete from t', true],
    ['explain (analyze, analyze off) delete from t', false],
    ['explain (analyze OFF, analyze) delete from t', true],
    [`explain (analyze 'FALSE') delete from t`, false],
  ]
  for (const [text, analyze] of cases) {
    const statement = only(text)
    assert.deepEqual([statement.analyze, statement.targets.length], [analyze, 1], text)
  }
})

test('a text is split at its semicolons and nowhere else', () => {
  const text = `select ';'; insert into t values ($$;$$) ; /* ; */ ;; delete from "a;b" -- ;`
  const recognition = recognise(text, on)
  assert.ok(recognition.certain)
  assert.deepEqual(recognition.statements.map(({ start, end }) => text.slice(start, end)), [
    `select ';'`,
    'insert into t values ($$;$$)',
    'delete from "a;b"',
  ])
})

test('a text without a statement has none', () => {
  for (const text of ['', ' \n', ';', ' ; ;; ', '-- x', '/* insert into t */ ; -- y\n;']) {
    assert.deepEqual(recognise(text, on), { certain: true, statements: [] }, JSON.stringify(text))
  }
})

test('names are folded, unquoted, unescaped and cut at 63 bytes', () => {
  const long = 'a'.repeat(62)
  const cases: [string, string][] = [
    ['CamelCase', 'camelcase'],
    ['"CamelCase"', 'CamelCase'],
    ['ÄÖ_x', 'ÄÖ_x'],
    ['\u212Aelvin', '\u212Aelvin'],
    ['"a""b"', 'a"b'],
    ['U&"\\0061\\+000062\\\\""c"', 'ab\\"c'],
    ['u&"\\D83D\\DE00"', '😀'],
    [`${long}bc`, `${long}b`],
    [`${long}é`, long],
    [`"${'é'.repeat(40)}"`, 'é'.repeat(31)],
    [`"${'😀'.repeat(20)}"`, '😀'.repeat(15)],
    ['a$b1', 'a$b1'],
  ]
  for (const [written, name] of cases) {
    assert.equal(only(`delete from ${written}`).targets[0]?.name, name, written)
    const qualified = only(`delete from db . ${written} . ${written}`).targets[0]
    assert.deepEqual([qualified?.schema, qualified?.name], [name, name], written)
  }
})

test('what is certain on a server and refused by the oracle alone is an INSERT', () => {
  for (const text of corpusServerOnly) {
    assert.deepEqual(only(text).targets.map(({ name }) => name), ['t'], text)
  }
})

test('a backslash in a plain constant needs standard_conforming_strings', () => {
  const texts = [`insert into t values ('\\'); delete from t; --')`, `select n'\\', b'\\'`]
  for (const text of texts) {
    assert.match(
      reason(text, { standardConformingStrings: false }),
      /^a backslash stands in a plain string constant/,
    )
    assert.match(
      reason(text, { standardConformingStrings: undefined }),
      /standard_conforming_strings is not on$/,
    )
  }
  assert.ok(recognise(`insert into t values ('\\')`, on).certain)
  const escaped = `insert into t values (E'\\'', $$\\$$) /* \\ */ returning "\\"`
  for (const setting of [true, false, undefined]) {
    assert.ok(recognise(escaped, { standardConformingStrings: setting }).certain)
  }
})

test('what is not certain says why', () => {
  const cases: [string, RegExp][] = [
    [`insert into t values ('x`, /string constant is not closed/],
    [`select E'\\'`, /string constant is not closed/],
    ['delete from "t', /quoted name is not closed/],
    ['delete from ""', /a name is empty/],
    ['delete from "\ufffd"', /could not be decoded/],
    ['select $a$ delete from t $b$', /dollar-quoted constant is not closed/],
    [`select $$ ${' '.repeat(200)}`, /dollar-quoted constant is not closed/],
    ['select $x', /dollar sign/],
    ['/* /* */ delete from t', /comment is not closed/],
    ['select (1]', /parentheses are not balanced/],
    ['delete from t where (a', /parentheses are not balanced/],
    ['delete from t)', /parentheses are not balanced/],
    ['\\d t', /cannot stand outside of quotes/],
    ['delete from t \0', /NUL/],
    ['select 1insert', /letters stand right after a number/],
    ['select $1insert', /letters stand right after a parameter/],
    [`(with u&"!0061" uescape '!' as (delete from t) select 1)`, /UESCAPE is not read/],
    [`delete from u&"!0061" uescape '!'`, /DELETE is not written as expected/],
    ['delete from U&"\\00"', /Unicode escape is not valid/],
    ['select (1; delete from t)', /a semicolon stands in parentheses/],
    ['insert t values (1)', /INTO was expected/],
    ['update t for portion of p from 1 to 2 set a = 1', /SET was expected/],
    ['update t set a = 1, returning a', /SET list is not written as expected/],
    ['delete from a.b.c.d', /too many parts/],
    ['delete from t limit 1 offset 2', /DELETE is not written as expected/],
    ['insert into t set a = 1', /INSERT is not written as expected/],
    ['insert into t values (1) on conflict do select', /ON CONFLICT clause is not written/],
    ['insert into t select 1 from a join b on conflict', /ON CONFLICT clause is not written/],
    ['with x as (select 1) cycle n set o using p delete from t', /SEARCH and CYCLE are not read/],
    ['with x as (truncate t) select 1', /a statement of an unknown kind/],
    ['with x as (delete from t) with y as (select 1) select 1', /WITH follows WITH/],
    ['select (with x as (select 1) delete from t)', /WITH clause in an unexpected place/],
    ['select count(*) insert into x from t', /insert stands in an unexpected place/],
    ['select * from f() as (update int)', /update stands in an unexpected place/],
    ['insert into t select 1 as as returning true', /AS as a label is not read/],
    ['explain (analyze maybe) delete from t', /a value that is not read/],
    ['truncate t, u drop', /TRUNCATE is not written as expected/],
    ['upsert into t values (1)', /a statement of an unknown kind/],
    [
      'create function f() returns int begin atomic select case when true then 1 end; end; delete from t',
      /BEGIN ATOMIC body is not read/,
    ],
  ]
  for (const [text, expected] of cases) assert.match(reason(text), expected, text)
})

test('a text longer than 512 Ki characters is refused, one as long is read', () => {
  const head = `insert into t values ('`
  const longest = `${head}${'x'.repeat(512 * 1024 - head.length - 2)}')`
  assert.equal(only(longest).targets.length, 1)
  assert.match(reason(`${longest} `), /the text is longer than 524288 characters/)
})

test('a text of more than 50,000 tokens and comments is refused, one of as many is read', () => {
  const text = `select ${'1,'.repeat(24_999)}1`
  assert.equal(only(text).kind, 'select')
  assert.match(reason(`${text}--`), /more than 50000 tokens and comments/)
  assert.match(reason(`${text},1`), /the text has more than 50000 tokens and comments/)
})

test('a text of more than 1,000 statements is refused, one of as many is read', () => {
  const text = 'delete from t;'.repeat(1_000)
  const recognition = recognise(text, on)
  assert.equal(recognition.certain && recognition.statements.length, 1_000)
  assert.match(reason(`${text}select 1`), /the text has more than 1000 statements/)
})
