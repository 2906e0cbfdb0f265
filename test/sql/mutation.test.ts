// Goal: the second opinion stops what is read in two ways, never hangs, and the memory is bounded. Method: statements on
// which pgsql-ast-parser is known to fail, and statements altered so that the readings must differ.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createRecogniser,
  describeMutation,
  recognise,
  type Statement,
} from '../../src/sql/index.ts'

const on = { standardConformingStrings: true }

function only(text: string): Statement {
  const recognition = recognise(text, on)
  assert.ok(recognition.certain, text)
  const [statement] = recognition.statements
  assert.ok(statement, text)
  return statement
}

const agreement = (text: string) => describeMutation(text, only(text))

test('two readings of a plain mutation agree', () => {
  const texts = [
    `insert into a.t (b, "C") values ($1, 'x') on conflict (b) do update set "C" = 'y' returning *`,
    'insert into t values (1) on conflict do nothing',
    'update a.t x set b = 1, "C" = default where x.id in (1, 2) returning id',
    'delete from "T" where id = $1 -- a comment',
    '/* insert into u */ delete   from t',
  ]
  for (const text of texts) assert.deepEqual(agreement(text), { agrees: true }, text)
})

test('a reading that differs in anything is told', () => {
  const text = 'insert into a.t (b) values (1) on conflict (b) do nothing returning b'
  const statement = only(text)
  const [target] = statement.targets
  assert.ok(target)
  const changes: [Partial<typeof target>, RegExp][] = [
    [{ name: 'u' }, /the table$/],
    [{ schema: null }, /the table$/],
    [{ insertColumns: ['b', 'c'] }, /the columns inserted$/],
    [{ insertColumns: null }, /the columns inserted$/],
    [{ onConflict: 'update' }, /ON CONFLICT$/],
    [{ returning: false }, /RETURNING$/],
  ]
  for (const [change, expected] of changes) {
    const changed = { ...statement, targets: [{ ...target, ...change }] }
    const answer = describeMutation(text, changed)
    assert.equal(answer.agrees, false)
    assert.match(answer.reason, expected)
  }
  const upserting =
    'insert into t (a, b) values (1, 2) on conflict (a) do update set b = excluded.b'
  const [upsert] = only(upserting).targets
  assert.ok(upsert)
  const changedSet = {
    ...upsert,
    upsert: { plain: true, by: 'a', setColumns: ['c'], blank: [] } as const,
  }
  const conflict = describeMutation(upserting, { ...only(upserting), targets: [changedSet] })
  assert.deepEqual(conflict, {
    agrees: false,
    reason: 'two readings of the statement differ in the columns that ON CONFLICT sets',
  })
  assert.deepEqual(agreement(upserting), { agrees: true })
  const asUpdate = { ...target, operation: 'update' as const }
  const kind = describeMutation(text, { ...statement, kind: 'update', targets: [asUpdate] })
  assert.deepEqual(kind, {
    agrees: false,
    reason: 'two readings of the statement differ in its kind',
  })
  const update = only('update t set a = 1')
  const other = describeMutation('update t set b = 1', update)
  assert.deepEqual(other, {
    agrees: false,
    reason: 'two readings of the statement differ in the columns set',
  })
})

test('the gate is closed to what that parser misreads or takes long over', () => {
  const literals = (count: number) => `insert into t values (${Array(count).fill('1').join(', ')})`
  const cases: [string, RegExp][] = [
    ['select 1', /not a single mutation/],
    ['truncate t', /not an INSERT/],
    ['explain delete from t', /not an INSERT/],
    ['with x as (delete from u) delete from t', /not a single mutation/],
    ['with x as (select 1) delete from t', /a WITH clause/],
    ['insert into t values ($$x$$)', /a constant in a form of its own/],
    [`insert into t values (E'\\'')`, /a constant in a form of its own/],
    [`insert into t values ('\\')`, /a backslash/],
    ['delete from "a""b"', /a name with escapes/],
    ['delete from U&"a"', /a name with escapes/],
    ['delete from größe', /a name not in ASCII/],
    [`delete from ${'x'.repeat(64)}`, /a long name/],
    [literals(200), /too many tokens/],
    [`delete from t where ${'('.repeat(13)}a${')'.repeat(13)}`, /too deep parentheses/],
    [`insert into t values ('${'x'.repeat(4096)}')`, /too long a text/],
    ['insert into t default values', /does not know the form/],
  ]
  for (const [text, expected] of cases) {
    const answer = agreement(text)
    assert.equal(answer.agrees, 'not asked', text)
    assert.match(answer.agrees === 'not asked' ? answer.reason : '', expected, text)
  }
})

test('spaces and comments that make that parser hang or lose statements do not reach it', () => {
  const texts = [
    `delete from t ${' '.repeat(3000)} where a = 1`,
    `/* don't */ delete from t /* can't */ where a = 1`,
    `delete from t -- it's\u2028\n where a = 1`,
  ]
  for (const text of texts) assert.deepEqual(agreement(text), { agrees: true }, text)
})

test('a text is answered from memory, and anew under another setting', () => {
  const recogniser = createRecogniser({ entriesMax: 10, charactersMax: 10_000 })
  const text = `insert into t values ('\\')`
  const first = recogniser(text, on)
  assert.equal(recogniser(text, on), first)
  assert.equal(recogniser(text, { standardConformingStrings: false }).certain, false)
  assert.equal(recogniser(text, { standardConformingStrings: undefined }).certain, false)
  assert.deepEqual(recogniser(text, on), first)
})

test('the memory forgets the text that was not used for longest', () => {
  const recogniser = createRecogniser({ entriesMax: 2, charactersMax: 10_000 })
  const a = recogniser('delete from a', on)
  const b = recogniser('delete from b', on)
  assert.equal(recogniser('delete from a', on), a)
  recogniser('delete from c', on)
  assert.equal(recogniser('delete from a', on), a)
  assert.notEqual(recogniser('delete from b', on), b)
})

test('the memory holds no more characters than it may', () => {
  const recogniser = createRecogniser({ entriesMax: 100, charactersMax: 160 })
  const text = (name: string) => `delete from ${name}`.padEnd(20, ' ')
  const first = recogniser(text('a'), on)
  for (const name of ['b', 'c', 'd', 'e', 'f', 'g', 'h']) recogniser(text(name), on)
  assert.equal(recogniser(text('a'), on), first)
  const second = recogniser(text('b'), on)
  recogniser(text('i'), on)
  recogniser(text('j'), on)
  assert.equal(recogniser(text('b'), on), second)
  assert.notEqual(recogniser(text('c'), on), recogniser(text('c') + ' ', on))
  const long = `${text('x')} `
  assert.notEqual(recogniser(long, on), recogniser(long, on))
})
