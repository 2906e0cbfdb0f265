// Room platforms: one row's write. It is carried out at most once: whatever is sent again carries the same
// Idempotency-Key, and a DELETE is never sent again. Every row ends as written, surely not written, or unknown.

import type { Log } from '../../lib/log.ts'
import type { FaultData } from '../../mutation/fault.ts'
import { tryParseJson } from '../json.ts'
import type { RowResult } from '../outcome.ts'
import { pause } from '../pause.ts'
import type { Caller } from '../platform.ts'
import { type ApiRequest, call } from './client.ts'
import { unknownFault } from './faults.ts'
import { isGoneRecord, isRecord, valuesOf } from './record.ts'
import { readError } from './errors.ts'
import { readRequestOf } from './request.ts'
import { type Asked, type Verdict, verdictOf } from './verdict.ts'

/** Waits before a request is sent again, in milliseconds: one for each time, then no more. */
const pausesMs = [250, 500, 1000, 2000] as const

/**
 * Sends one row's request. In doubt it is sent once more with the same key within the deadline; where Stripe says that
 * the record is locked or the request still under way, it is asked again a few times.
 */
export async function writeRow(
  request: ApiRequest,
  asked: Asked,
  caller: Caller,
): Promise<RowResult> {
  let { doubt } = asked
  let locked: FaultData | undefined
  let replays = 0
  let settling = caller
  for (let sends = 1;; sends += 1) {
    const verdict = verdictOf(await call(request, settling), asked)
    const result = settled(verdict, { asked, doubt, log: caller.log })
    if (result !== undefined) return result
    if (verdict.state === 'locked') locked = verdict.fault
    if (verdict.state === 'doubt') {
      doubt ??= verdict.reason
      // it may be written: to find that out nobody can cancel, only the deadline ends it
      settling = { ...caller, signal: new AbortController().signal }
      const replay = verdict.again === 'replay'
      if (replay) replays += 1
      if (verdict.again === 'no' || replays > 1 || request.method !== 'POST') break
    }
    const pauseMs = pausesMs[sends - 1]
    if (pauseMs === undefined || !(await pause(pauseMs, settling))) break
  }
  if (doubt === undefined && locked !== undefined) {
    return { state: 'refused', ordinal: asked.row.ordinal, fault: locked }
  }
  return await lookedUp(doubt ?? '', asked, settling)
}

interface Doubtful {
  readonly asked: Asked
  /** Why an earlier sending may have been carried out. */
  readonly doubt: string | undefined
  readonly log: Log
}

/** What became of the row, where that is certain. */
function settled(verdict: Verdict, { asked, doubt, log }: Doubtful): RowResult | undefined {
  const { ordinal } = asked.row
  switch (verdict.state) {
    case 'written': {
      const { record } = verdict
      const values = asked.operation === 'delete' ? null : valuesOf(record, asked, log)
      return { state: 'written', ordinal, id: record.id, values }
    }
    case 'refused':
      if (doubt !== undefined && !verdict.conclusive) return unknown(doubt, asked)
      return { state: 'refused', ordinal, fault: verdict.fault }
    case 'locked':
    case 'doubt':
      return undefined
  }
}

function unknown(reason: string, asked: Asked): RowResult {
  const { ordinal } = asked.row
  return { state: 'unknown', ordinal, fault: unknownFault(reason, asked) }
}

/**
 * A DELETE has no key to be sent again with; whether the record is still there can be read. That it is there proves
 * nothing, since the request may be on its way.
 */
async function lookedUp(reason: string, asked: Asked, caller: Caller): Promise<RowResult> {
  const { operation, row, table, object } = asked
  if (operation !== 'delete' || row.id === null) return unknown(reason, asked)
  const reply = await call(readRequestOf(row, table), caller)
  if (reply.state !== 'answered') return unknown(reason, asked)
  const { status, body } = reply.response
  const record = tryParseJson(body)
  const gone = status === 404
    ? readError(body)?.code === 'resource_missing'
    : status === 200 && isRecord(record, object) && record.id === row.id &&
      isGoneRecord(record, object)
  if (!gone) return unknown(reason, asked)
  return { state: 'written', ordinal: row.ordinal, id: row.id, values: null }
}
