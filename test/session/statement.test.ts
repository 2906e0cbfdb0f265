// Goal: the client's statement is put to Postgres again byte for byte, under other names only. Method: encode, decode,
// compare, with random parameters and formats.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ClientStatement, encodeStatement, rebind } from '../../src/session/statement.ts'
import { decodeFrontend, encodeBind, type FrontendMessage } from '../../src/wire/frontend.ts'
import { runsOf } from '../help/property.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): FrontendMessage => decodeFrontend({ tag: bytes[0] ?? 0, bytes })
const name = fc.stringMatching(/^[^\0]{0,70}$/).map((text) => text.toWellFormed())

test('rebind changes the two names and nothing else', () => {
  const parameter = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
  const formats = fc.constantFrom<number[][]>([], [0], [1])
  fc.assert(
    fc.property(
      fc.record({
        portal: name,
        statement: name,
        parameters: fc.array(parameter, { maxLength: 20 }),
        parameterFormats: formats,
        resultFormats: fc.array(fc.constantFrom(0, 1), { maxLength: 5 }),
      }),
      name,
      name,
      (bind, portal, statement) => {
        const message = decode(rebind(encodeBind(bind), { portal, statement: bytesOf(statement) }))
        assert.deepEqual(message, decode(encodeBind({ ...bind, portal, statement })))
      },
    ),
    runsOf(),
  )
})

test('a statement’s name keeps bytes that are no UTF-8', () => {
  const statement = Uint8Array.of(0xe9, 0xff)
  const message = decode(
    rebind(encodeBind({ portal: '', statement: 'x' }), { portal: 'p', statement }),
  )
  assert.deepEqual(message.type === 'Bind' && message.statement.bytes, Buffer.from(statement))
})

const types = (statement: ClientStatement, own: boolean, phase: 'plan' | 'apply') =>
  encodeStatement(statement, { own, phase }).map(decode).map((message) => message.type).join(' ')

const portal = (current: boolean): ClientStatement => ({
  via: 'portal',
  prepared: {
    name: bytesOf('client'),
    sql: bytesOf('delete from t where a = $1'),
    parameterTypes: [23],
  },
  bind: encodeBind({ portal: 'p', statement: 'client', parameters: [bytesOf('7')] }),
  current,
})

test('a portal on the client’s own connection is bound to the client’s own statement', () => {
  const [bind] = encodeStatement(portal(true), { own: true, phase: 'plan' }).map(decode)
  assert.equal(bind?.type === 'Bind' && bind.statement.text, 'client')
  assert.equal(types(portal(true), true, 'plan'), 'Bind Execute Close')
})

test('elsewhere, and where its name has been given away, the statement is parsed anew with its types', () => {
  for (const [statement, own] of [[portal(true), false], [portal(false), true]] as const) {
    assert.equal(types(statement, own, 'apply'), 'Parse Bind Execute Close Close')
    const [parse, bind] = encodeStatement(statement, { own, phase: 'apply' }).map(decode)
    assert.ok(parse?.type === 'Parse' && bind?.type === 'Bind')
    assert.equal(parse.sql.text, 'delete from t where a = $1')
    assert.deepEqual(parse.parameterTypes, [23])
    assert.equal(bind.statement.text, parse.name.text)
    assert.deepEqual(bind.parameters, [Buffer.from('7')])
  }
})

test('a plan asks for one row at most, an apply for all', () => {
  for (const [phase, rowsMax] of [['plan', 1], ['apply', 0]] as const) {
    const messages = encodeStatement(portal(true), { own: true, phase }).map(decode)
    const execute = messages.find((message) => message.type === 'Execute')
    assert.equal(execute?.rowsMax, rowsMax)
  }
})

test('a simple query describes its rows to the client, in the apply only', () => {
  const query: ClientStatement = { via: 'query', sql: bytesOf('delete from t') }
  assert.equal(types(query, true, 'plan'), 'Close Parse Bind Execute Close Close')
  assert.equal(types(query, true, 'apply'), 'Close Parse Bind Describe Execute Close Close')
  assert.equal(types(query, false, 'apply'), 'Parse Bind Describe Execute Close Close')
})
