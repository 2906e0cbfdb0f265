// A mutation whose reply is lost on the way, or that never arrives, and the inquiry after it.

import assert from 'node:assert/strict'
import type { Http } from '../../../src/lib/http.ts'
import type { Mutation, Outcome, Values } from '../../../src/mutation/mutation.ts'
import type { Operation } from '../../../src/mutation/table.ts'
import type { Caller, Doubt, Inquiry } from '../../../src/platforms/platform.ts'
import { isWrite } from './mangler.ts'
import type { Place, Row, Stage } from './stage.ts'

/** lost-reply: carried out. drop: not carried out. */
export type Mishap = 'lost-reply' | 'drop'

/** A write of which nobody knows what became. */
export interface Doubted {
  readonly mutation: Mutation
  readonly outcome: Doubt['outcome']
  /** By the sandbox's clock, as everything about it. */
  readonly sentAt: number
}

/** Writes the rows; the first write request comes to this end, and everything after it; the reads before it do not. */
export async function writeInDoubt(
  stage: Stage,
  place: Place,
  { operation, rows, mishap, upsertBy }: {
    operation: Operation
    rows: readonly Row[]
    mishap: Mishap
    upsertBy?: string
  },
): Promise<Doubted> {
  const plain = await stage.mutation(place, operation, rows)
  const mutation = upsertBy === undefined ? plain : { ...plain, upsertBy }
  const real = stage.http
  let begun = false
  const http = {
    close: () => real.close(),
    send: async (request: Parameters<Http['send']>[0]) => {
      const { method, url, body = '' } = request
      begun ||= isWrite({ method, url, body })
      if (begun) await stage.mischief(place, mishap)
      return await real.send(request)
    },
  }
  const sentAt = stage.now()
  const caller = stage.caller(place, { http })
  const outcome = await place.adapter.write(mutation, await stage.table(place), caller)
  assert.ok(outcome.state === 'unknown' || outcome.state === 'partial', JSON.stringify(outcome))
  return { mutation, outcome, sentAt }
}

/** Asks what became of it, so long after it was sent; `aheadMs`: by how much the answers say the platform's clock is ahead. */
export async function inquireAfter(
  stage: Stage,
  place: Place,
  { afterMs, aheadMs = 0, ...doubt }:
    & Doubted
    & { afterMs: number; aheadMs?: number }
    & Partial<Doubt>,
  more: Partial<Caller> = {},
): Promise<Inquiry> {
  const { adapter } = place
  assert.ok(adapter.inquire !== undefined)
  const asked = { others: new Set<string>(), ...doubt, now: doubt.sentAt + afterMs }
  const caller = stage.caller(place, more)
  const http = datedHttp(caller.http, asked.now + aheadMs)
  return await adapter.inquire(asked, await stage.table(place), { ...caller, http })
}

/** Answers as of that time, by the platform's clock, which goes on from now. */
export function datedHttp(http: Http, timeMs: number): Http {
  const beganAt = performance.now()
  return {
    close: () => http.close(),
    send: async (request) => {
      const response = await http.send(request)
      const date = new Date(timeMs + performance.now() - beganAt).toUTCString()
      return { ...response, headers: { ...response.headers, date } }
    },
  }
}

/** The outcome's rows that are written. */
export function rowsOf(outcome: Outcome) {
  return outcome.state === 'accepted' || outcome.state === 'partial' ? outcome.rows : []
}

/** A moment after it was sent; and when no request can be under way any more. */
export const soonMs = 1_000
export const laterMs = 10 * 60_000

/** So long before, that a record of then cannot be one of now. */
export const longAgoMs = 15 * 60_000

/** A table, rows for it and what they can be changed to. */
export interface TableCase {
  readonly place: Place
  readonly drafts: readonly Values[]
  readonly change?: Values
  readonly deletes?: boolean
  /** What cannot be told of a request that never arrived, even when it is over. */
  readonly untold?: readonly Operation[]
}

/** Every operation of a table with a lost reply, which is found out, and dropped, which is known when it is over. */
export async function foundOut(stage: Stage, table: TableCase): Promise<void> {
  const { place, drafts, change, deletes = true, untold = [] } = table
  const attempt = async (operation: Operation, rows: readonly Row[]) => {
    const about = `${place.object} ${operation}`
    const dropped = await writeInDoubt(stage, place, { operation, rows, mishap: 'drop' })
    const soon = await inquireAfter(stage, place, { ...dropped, afterMs: soonMs })
    assert.equal(soon.outcome.state, 'unknown', `${about}: ${JSON.stringify(soon)}`)
    const later = await inquireAfter(stage, place, { ...dropped, afterMs: laterMs })
    const known = untold.includes(operation) ? 'unknown' : 'refused'
    assert.equal(later.outcome.state, known, `${about}: ${JSON.stringify(later)}`)
    stage.clock.aheadMs += longAgoMs
    const lost = await writeInDoubt(stage, place, { operation, rows, mishap: 'lost-reply' })
    const found = await inquireAfter(stage, place, { ...lost, afterMs: soonMs })
    const words = `${about}: ${JSON.stringify(found)}`
    assert.ok(found.outcome.state === 'accepted', words)
    assert.deepEqual(found.outcome.rows.map(({ ordinal }) => ordinal), rows.map((_, i) => i + 1))
    stage.clock.aheadMs += longAgoMs
    return await stage.accepted(place, found.outcome)
  }
  const made = await attempt('insert', drafts.map((values) => ({ values })))
  for (const [i, { values }] of made.entries()) {
    for (const name of Object.keys(drafts[i] ?? {})) assert.ok(name in values, name)
  }
  let targets = made.map(({ id, key }) => ({ id, key }))
  if (change !== undefined) {
    const rows = targets.map((row) => ({ ...row, values: change }))
    const changed = await attempt('update', rows)
    assert.deepEqual(changed.map(({ id }) => id), made.map(({ id }) => id))
    targets = changed.map(({ id, key }) => ({ id, key }))
  }
  if (deletes) await attempt('delete', targets)
}
