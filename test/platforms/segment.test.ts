// Goal: what is one segment of a path when it is made is one when it is sent. Method: texts that are bad for URLs, through
// the URL parser of the runtime.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentOf } from '../../src/platforms/segment.ts'

test('any text stays one segment of its own, or is none', () => {
  const texts = [
    'a',
    '...',
    '..a',
    'a/..',
    '../a',
    '%2e%2e',
    '%',
    'a?b#c',
    '\\..',
    '{x}',
    ':x',
    'é',
    '😀',
  ]
  for (const text of [...texts, 'a\tb', ' ', "'", '..;', '*']) {
    const segment = segmentOf(text)
    assert.ok(segment !== undefined, text)
    const { pathname, search, hash } = new URL(`http://x.test/a/${segment}/b`)
    assert.equal(pathname, `/a/${segment}/b`)
    assert.equal(decodeURIComponent(pathname.split('/')[2] ?? ''), text)
    assert.equal(search + hash, '')
  }
})

test('nothing, dots alone and half a character are none', () => {
  for (const text of ['', '.', '..', '\ud83d']) assert.equal(segmentOf(text), undefined)
})
