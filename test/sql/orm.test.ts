// Goal: what applications really send is recognised. Method: statements in the shape of ten mappers and of drivers, read
// by the recogniser, by the wrapper with its second opinion, and by Postgres's grammar.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { describeMutation, recogniseMutation } from '../../src/sql/index.ts'
import { compare } from './compare.ts'
import { loadOracle } from './oracle.ts'
import { orm } from './orm.ts'

before(loadOracle)

const on = { standardConformingStrings: true }

test('there are at least sixty of them', () => {
  assert.ok(Object.values(orm).flat().length >= 60)
})

for (const [mapper, cases] of Object.entries(orm)) {
  test(`the statements of ${mapper} are recognised`, () => {
    for (const [text, kind, table, columns] of cases) {
      const recognition = recogniseMutation(text, on)
      assert.ok(recognition.certain, `${text}: ${JSON.stringify(recognition)}`)
      assert.equal(recognition.statements.length, 1, text)
      const target = recognition.statements[0]?.targets.at(-1)
      const name = target?.schema ? `${target.schema}.${target.name}` : target?.name
      assert.deepEqual([recognition.statements[0]?.kind, name], [kind, table], text)
      assert.deepEqual(target?.setColumns ?? target?.insertColumns ?? null, columns, text)
      assert.equal(compare(text), 'equal', text)
    }
  })
}

test('the second opinion is heard on most of them and differs on none', () => {
  const answers = { true: 0, false: 0, 'not asked': 0 }
  for (const [text] of Object.values(orm).flat()) {
    const recognition = recogniseMutation(text, on)
    assert.ok(recognition.certain)
    const [statement] = recognition.statements
    assert.ok(statement)
    answers[`${describeMutation(text, statement).agrees}`]++
  }
  assert.equal(answers.false, 0)
  assert.ok(answers.true > answers['not asked'], JSON.stringify(answers))
})
