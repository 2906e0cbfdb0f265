// Goal: digests are those of RFC 4231 and are compared whole.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { hmacSha256, isSameDigest } from '../../src/platforms/signature.ts'

test('the digest is that of RFC 4231, however the text is cut into parts', () => {
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
  const whole = hmacSha256('Jefe', 'what do ya want for nothing?')
  const parts = hmacSha256(Buffer.from('Jefe'), 'what do ya ', Buffer.from('want for nothing?'))
  assert.equal(Buffer.from(whole).toString('hex'), expected)
  assert.equal(Buffer.from(parts).toString('hex'), expected)
})

test('text counts as UTF-8', () => {
  assert.deepEqual(hmacSha256('ключ', 'é'), hmacSha256(Buffer.from('ключ'), Buffer.from('é')))
})

test('digests are the same only when every byte and the length are', () => {
  const digest = hmacSha256('a', 'b')
  assert.ok(isSameDigest(digest, hmacSha256('a', 'b')))
  assert.ok(!isSameDigest(digest, hmacSha256('a', 'c')))
  assert.ok(!isSameDigest(digest, digest.subarray(0, 31)))
  assert.ok(!isSameDigest(digest, new Uint8Array()))
  for (let at = 0; at < digest.length; at++) {
    assert.ok(!isSameDigest(digest, digest.map((byte, index) => index === at ? byte ^ 1 : byte)))
  }
})
