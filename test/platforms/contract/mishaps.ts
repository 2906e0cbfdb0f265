// What every adapter makes of mishaps on the way: never a success that was none, never a row twice.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../../src/mutation/mutation.ts'
import { operations } from '../../../src/mutation/table.ts'
import { rowLimitOf } from '../../../src/mutation/limits.ts'
import { Fault } from '../../../src/mutation/fault.ts'
import type { Mangle } from './mangler.ts'
import { faultOf, type Stage } from './stage.ts'
import type { Subject } from './subject.ts'
import { tokensFor } from './tokens.ts'

/** Inserts so many rows while something goes wrong, and checks the outcome against what the platform holds. */
async function insertUnder(
  stage: Stage,
  subject: Subject,
  { count, baseUrl }: { count: number; baseUrl?: string },
): Promise<Outcome> {
  const before = await stage.held(subject, subject.records)
  const max = rowLimitOf(await stage.table(subject), 'insert')
  const rows = Array.from({ length: Math.min(count, max) }, (_, n) => ({
    values: subject.draft(n),
  }))
  const where = baseUrl === undefined ? {} : { baseUrl }
  const outcome = await stage.write(subject, 'insert', { rows, ...where })
  const now = await stage.held(subject, subject.records)
  const fresh = now.filter((id) => !before.includes(id))
  const words = JSON.stringify(outcome)
  const known = outcome.state === 'accepted' || outcome.state === 'partial' ? outcome.rows : []
  const doubtful = outcome.state === 'unknown'
    ? rows.length
    : outcome.state === 'partial'
    ? outcome.others.filter(({ state }) => state === 'unknown').length
    : 0
  assert.ok(known.every(({ id }) => fresh.includes(id)), words)
  assert.ok(fresh.length >= known.length && fresh.length <= known.length + doubtful, words)
  if (outcome.state === 'accepted') assert.equal(known.length, rows.length)
  if (outcome.state === 'unknown') assert.equal(outcome.fault.sqlstate, '40003')
  return outcome
}

export function mishaps(stage: () => Stage, subject: Subject): void {
  const { replays } = subject

  test('a lost reply: carried out, and unknown unless it could be sent again safely', async () => {
    await stage().mischief(subject, 'lost-reply')
    const outcome = await insertUnder(stage(), subject, { count: 1 })
    assert.equal(outcome.state, replays ? 'accepted' : 'unknown')
    if (outcome.state === 'unknown') assert.match(outcome.fault.hint ?? '', /Look at the row/)
  })

  test('a dropped request: not carried out, and unknown unless it could be sent again safely', async () => {
    await stage().mischief(subject, 'drop')
    const outcome = await insertUnder(stage(), subject, { count: 1 })
    assert.equal(outcome.state, replays ? 'accepted' : 'unknown')
  })

  test('a failure of the platform, 500: unknown', async () => {
    await stage().mischief(subject, '500', 100)
    const outcome = await insertUnder(stage(), subject, { count: 1 })
    assert.equal(outcome.state, 'unknown')
  })

  test('over a limit, 429: refused with when to try again, nothing written', async () => {
    await stage().mischief(subject, '429', 100)
    const outcome = await insertUnder(stage(), subject, { count: 1 })
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).sqlstate, '53400')
    assert.match(faultOf(outcome).hint ?? '', /try again/i)
  })

  for (const kind of ['lost-reply', 'drop', '500', '429'] as const) {
    for (const times of [1, 100]) {
      test(`several rows and ${kind}, ${times} times: what the outcome says is what is there`, async () => {
        await stage().mischief(subject, kind, times)
        await insertUnder(stage(), subject, { count: 12 })
      })
    }
  }

  const mangled: readonly (readonly [Mangle['kind'], string])[] = [
    ['redirect', 'a redirect is not followed'],
    ['page', 'a page of HTML with 200 is no success'],
    ['short', 'an answer cut short on its way is no success'],
    ['half', 'half an answer is no success'],
    ['empty', 'an empty answer with 200 is no success'],
    ['other', 'JSON of another kind is no success'],
  ]
  for (const [kind, title] of mangled) {
    for (const count of [1, 12]) {
      test(`${title}, ${count === 1 ? 'one row' : 'several rows'}`, async () => {
        if (kind === 'answer') return
        stage().mangler.mangle({ kind })
        const baseUrl = `${stage().mangler.url}/${subject.adapter.platform}`
        const outcome = await insertUnder(stage(), subject, { count, baseUrl })
        assert.ok(outcome.state === 'unknown' || outcome.state === 'refused')
        if (kind !== 'redirect') assert.equal(outcome.state, 'unknown', JSON.stringify(outcome))
      })
    }
  }

  for (const operation of operations) {
    test(`an ${operation} that the account may not make: 42501, for the first row`, async () => {
      const made = operation === 'insert' ? [] : await stage().insert(subject, [subject.draft(1)])
      const rows = operation === 'insert'
        ? [{ values: subject.draft(2) }]
        : made.map(({ id, key }) => ({
          id,
          key,
          values: operation === 'update' ? subject.change : {},
        }))
      stage().mangler.mangle({ kind: 'answer', words: subject.forbidden })
      const baseUrl = `${stage().mangler.url}/${subject.adapter.platform}`
      const outcome = await stage().write(subject, operation, { rows, baseUrl })
      assert.equal(outcome.state, 'refused', JSON.stringify(outcome))
      assert.equal(faultOf(outcome).sqlstate, '42501')
    })
  }
}

export function tokens(stage: () => Stage, subject: Subject): void {
  test('a token that expires in the middle is refreshed once; no row is lost or written twice', async () => {
    const max = rowLimitOf(await stage().table(subject), 'insert')
    const drafts = Array.from({ length: max }, (_, n) => ({ values: subject.draft(n) }))
    const before = (await stage().held(subject, subject.records)).length
    await stage().quiet()
    let sends = 0
    const half = Math.ceil(subject.requests('insert', max) / 2)
    const http = {
      ...stage().http,
      send: async (request: Parameters<Stage['http']['send']>[0]) => {
        sends += 1
        if (sends === half) await stage().mischief(subject, 'expire-token')
        return await stage().http.send(request)
      },
    }
    const more = { rows: drafts, http, ...tokensFor(stage(), subject) }
    const rows = await stage().accepted(subject, await stage().write(subject, 'insert', more))
    assert.equal(new Set(rows.map(({ id }) => id)).size, max)
    assert.equal((await stage().held(subject, subject.records)).length, before + max)
    assert.equal((await stage().refreshes()).length, 2, 'the first token and one refresh')
    assert.ok((await stage().exchanges()).some(({ status }) => status === 401))
  })

  test('a credential that was revoked: 28000 with what to do, nothing written', async () => {
    const before = await stage().held(subject, subject.records)
    const rows = [{ values: subject.draft(1) }]
    const more = { rows, ...tokensFor(stage(), subject, 'revoked') }
    const outcome = await stage().write(subject, 'insert', more)
    assert.equal(outcome.state, 'refused')
    assert.equal(faultOf(outcome).sqlstate, '28000')
    assert.match(faultOf(outcome).hint ?? '', /connect/i)
    assert.deepEqual(await stage().held(subject, subject.records), before)
  })

  test('a credential can be asked for: one request that reads, for a good one and for a bad one', async () => {
    const { adapter } = subject
    await stage().quiet()
    await adapter.check(stage().caller(subject))
    const said = await stage().exchanges()
    assert.deepEqual(said.map(({ method, status }) => [method, status]), [['GET', 200]])
    let count = 0
    const token = () => Promise.resolve(`bad-${count += 1}`)
    await assert.rejects(
      adapter.check(stage().caller(subject, { token })),
      (error) => error instanceof Fault && error.code === 'credential_refused',
    )
    await assert.rejects(
      adapter.check(stage().caller(subject, { baseUrl: 'http://127.0.0.1:1' })),
      (error) => error instanceof Fault && error.code === 'unreachable',
    )
  })

  test('a token that is refused again and again: 28000 after two requests', async () => {
    await stage().quiet()
    let count = 0
    const token = () => Promise.resolve(`bad-${count += 1}`)
    const rows = [{ values: subject.draft(1) }]
    const outcome = await stage().write(subject, 'insert', { rows, token })
    assert.equal(outcome.state, 'refused', JSON.stringify(outcome))
    assert.equal(faultOf(outcome).sqlstate, '28000')
    assert.ok((await stage().exchanges()).length <= 2)
  })
}
