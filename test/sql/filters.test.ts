// Goal: the two filters never miss. Method: tables of words and names in every spelling that Postgres reads as them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNameFilter, mayMutate, recognise } from '../../src/sql/index.ts'
import { corpus, corpus18, corpusParseOnly } from './corpus.ts'

test('a text that may mutate is let through whatever stands around the verb', () => {
  const verbs = ['insert', 'UPDATE', 'Delete', 'merge', 'truncate', 'copy', 'execute']
  for (const verb of verbs) {
    for (
      const around of [' x ', '(x)', '/*x*/', '1x', '\nx\n', '"x"', ';x', '-x+', '$x']
    ) {
      const text = around.replace('x', () => verb)
      assert.equal(mayMutate(text), true, text)
    }
  }
})

test('a text in which every verb is a part of a longer word is not let through', () => {
  for (
    const text of [
      'select 1',
      'inserted',
      'delete_me',
      'my_update',
      'äcopy',
      'copyä',
      'merge$',
      'execute1',
      '',
    ]
  ) {
    assert.equal(mayMutate(text), false, text)
  }
})

test('the pre-filter lets through every statement that is recognised as a mutation', () => {
  const texts = [...corpus, ...corpus18.map(({ text }) => text), ...corpusParseOnly]
  let seen = 0
  for (const text of texts) {
    const recognition = recognise(text, { standardConformingStrings: true })
    if (!recognition.certain) continue
    const mutates = recognition.statements.some(({ targets, kind }) =>
      targets.length > 0 || kind === 'execute'
    )
    if (!mutates) continue
    seen++
    assert.equal(mayMutate(text), true, text)
  }
  assert.ok(seen > 80, `${seen} mutations seen`)
})

test('a name is found in every spelling', () => {
  const long = 'n'.repeat(63)
  const mentions = createNameFilter(['contacts', 'We"ird (1)', 'Größe', long, 'a$b'])
  const texts = [
    'delete from contacts',
    'delete from CONTACTS;',
    'delete from "contacts"',
    'delete from salesforce.contacts',
    'delete from"contacts"where true',
    'select 1contacts',
    'delete from "We""ird (1)"',
    'delete from "Größe"',
    'delete from größe',
    `delete from ${long}`,
    `delete from ${long}more`,
    `delete from "${long}more"`,
    'delete from A$B',
    'delete from U&"\\0063ontacts"',
    'delete from u&"x"',
  ]
  for (const text of texts) assert.equal(mentions(text), true, text)
})

test('a name inside of a longer word is not found', () => {
  const mentions = createNameFilter(['contacts', 'a$b'])
  const texts = [
    'select 1',
    'contacts_old',
    'old_contacts',
    'contacts2',
    'contactsé',
    'a$b$c',
    'a.b',
    'aab',
  ]
  for (const text of texts) assert.equal(mentions(text), false, text)
})

test('without names nothing is mentioned', () => {
  assert.equal(createNameFilter([])('delete from U&"x"'), false)
  assert.equal(createNameFilter([''])('delete from ""'), false)
})

test('a name is found however the recogniser reads it', () => {
  const texts = [...corpus, ...corpus18.map(({ text }) => text), ...corpusParseOnly]
  for (const text of texts) {
    const recognition = recognise(text, { standardConformingStrings: true })
    if (!recognition.certain) continue
    for (const { targets, prepared } of recognition.statements) {
      const names = [...targets.map(({ name }) => name), ...(prepared === null ? [] : [prepared])]
      for (const name of names) assert.equal(createNameFilter([name])(text), true, text)
    }
  }
})
