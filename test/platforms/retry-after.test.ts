// Goal: what an answer says of waiting is believed within bounds, and the same wait goes to the bucket and to the client.
// Method: headers as servers write them, right and wrong.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { airtable } from '../../src/platforms/airtable/index.ts'
import { faultOfResponse } from '../../src/platforms/airtable/faults.ts'
import { retryAfterMs } from '../../src/platforms/retry-after.ts'

const date = 'Wed, 21 Oct 2026 07:28:00 GMT'
const cases: [Record<string, string>, number | undefined][] = [
  [{ 'retry-after': '7' }, 7_000],
  [{ 'retry-after': ' 7 ' }, 7_000],
  [{ 'retry-after': '1.5' }, 1_500],
  [{ 'retry-after': '0.01' }, 1_000],
  [{ 'retry-after': '1000000000' }, 60_000],
  [{ 'retry-after': '9'.repeat(400) }, 60_000],
  [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT', date }, 30_000],
  [{ 'retry-after': 'Wed, 21 Oct 2026 07:27:00 GMT', date }, undefined],
  [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT' }, undefined],
  [{ 'retry-after': '0' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': '1e9' }, undefined],
  [{ 'retry-after': '' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{}, undefined],
]

for (const [headers, wanted] of cases) {
  test(`${JSON.stringify(headers).slice(0, 80)} is ${wanted ?? 'nothing'}`, () => {
    assert.equal(retryAfterMs({ headers }, 60_000), wanted)
  })
}

describe('Airtable', () => {
  const at = { baseUrl: 'http://x.test', settings: { base: 'appX' } }
  const request = { method: 'POST', url: 'http://x.test/v0/appX/tbl1/' } as const
  for (const [retryAfter, seconds] of [['', 30], ['0', 30], ['-5', 30], ['7', 7], ['1e9', 30]]) {
    test(`a Retry-After of "${retryAfter}" is ${seconds} s, to the bucket and to the client`, () => {
      const headers = { 'retry-after': String(retryAfter) }
      const response = { status: 429, headers, body: '' }
      const [news] = airtable.rates.learn(request, response, at).news
      assert.ok(news?.kind === 'blocked')
      assert.equal(news.waitMs, Number(seconds) * 1000)
      assert.equal(faultOfResponse(response, {}).hint, `Try again in ${seconds} s.`)
    })
  }
})
