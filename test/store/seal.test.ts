// Goal: a sealed value opens in its place, with its key, and nowhere else. Method: move, cut and change it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type Keyring, open, parseKeyring, seal, SealError } from '../../src/store/seal.ts'

const place = { table: 'connections', row: 'acme', column: 'credential' }
const key = () => randomBytes(32).toString('base64')
const ring = (text = `k1:${key()}`): Keyring => parseKeyring(text)

test('a sealed value opens again, and no two are alike', () => {
  const keyring = ring()
  const one = seal(keyring, place, 'sécret')
  const two = seal(keyring, place, 'sécret')
  assert.equal(open(keyring, place, one), 'sécret')
  assert.notDeepEqual(one.bytes, two.bytes)
  assert.ok(!Buffer.from(one.bytes).includes('cret'))
})

test('a sealed value that was moved to another row, column or table does not open', () => {
  const keyring = ring()
  const sealed = seal(keyring, place, 'secret')
  const others = [{ row: 'other' }, { column: 'address' }, { table: 'databases' }]
  for (const other of others) {
    assert.throws(() => open(keyring, { ...place, ...other }, sealed), SealError)
  }
})

test('a sealed value of which one bit changed, or that was cut, does not open', () => {
  const keyring = ring()
  const { keyId, bytes } = seal(keyring, place, 'secret')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes, (byte, index) => index === at ? byte ^ 1 : byte)
    assert.throws(() => open(keyring, place, { keyId, bytes: changed }), SealError)
    assert.throws(() => open(keyring, place, { keyId, bytes: bytes.subarray(0, at) }), SealError)
  }
})

test('the first key seals and every key opens', () => {
  const [old, fresh] = [`old:${key()}`, `new:${key()}`]
  const sealed = seal(ring(old), place, 'secret')
  const both = ring(`${fresh},${old}`)
  assert.equal(open(both, place, sealed), 'secret')
  assert.equal(seal(both, place, 'secret').keyId, 'new')
})

test('a key that is not in the ring is named', () => {
  const sealed = seal(ring(`old:${key()}`), place, 'secret')
  assert.throws(() => open(ring(), place, sealed), {
    name: 'SealError',
    message: 'Cannot open connections.credential of "acme": key "old" is not in the keyring',
  })
})

test('a keyring with a bad key is refused without its text', () => {
  const good = `k1:${key()}`
  const bad = ['', 'k1', 'k1:c2hvcnQ=', `${good},k2:c2hvcnQ=`, `${good},k1:${key()}`, `:${key()}`]
  for (const text of bad) {
    assert.throws(() => parseKeyring(text), (error: Error) => {
      return error instanceof RangeError && !error.message.includes('c2hvcnQ')
    })
  }
})
