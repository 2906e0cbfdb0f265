// Room sync: working off hints: each record is read by its id and written as it is then.

import { Fault, type FaultCode } from '../mutation/fault.ts'
import type { Ref } from '../platforms/platform.ts'
import {
  countHints,
  dropHints,
  type Hint,
  type HintReason,
  hintTriesMax,
  postponeHints,
  readDueHints,
  tooManyHints,
} from '../store/hints.ts'
import { requestResync } from '../store/tables.ts'
import { reread } from './putting.ts'
import type { Work } from './work.ts'

/** Hints of one step. */
const stepMax = 200
const firstMs = 250
const longestMs = 5 * 60_000
/** What was tried so often in vain is tried so seldom; the regular comparison comes meanwhile. */
const seldomMs = 30 * 60_000
/** Requests of one step that may fail for the sake of finding out which records it is. */
const failuresMax = 16
/** A failure that passes is the table's, until the records have been tried so often. */
const patientTries = 4
/** So many hints are read one by one even where the table is small. */
const fewHints = 500
/** More than this part of the table is listed rather than read one by one. */
const shareMax = 0.1

/** Some hints that are due. Throws `service_unreachable`. */
export async function readHints(
  { hold: { syncId, table }, store }: Work,
): Promise<readonly Hint[]> {
  return await readDueHints(store, { syncId, table, rowsMax: stepMax })
}

/** Works off the hints of one step. Throws a Fault, Postgres's errors, Fenced. */
export async function hintStep(work: Work, hints: readonly Hint[]): Promise<void> {
  const { hold: { syncId, table }, store, follower } = work
  if (hints.length === 0) return
  if (follower === null || (hints.length === stepMax && await areTooMany(work))) {
    await requestResync(store, { syncId, table, why: tooManyHints })
    await dropHints(store, { syncId, table, hints })
    return
  }
  const { tried, open, failure } = await readSparing(work, hints)
  await dropHints(store, { syncId, table, hints: tried.filter(({ id }) => !open.has(id)) })
  await putOff(work, { hints: tried, open })
  if (failure === null) return
  const wasVain = tried.every(({ id, tries }) => open.has(id) && tries < patientTries)
  if (failure.code === 'platform_failed' && wasVain) throw failure
  work.log.warn('sync.hints_refused', { sync: syncId, table, count: open.size, error: failure })
}

/** Faults that may be those of one record. What concerns the connection or the network comes to whoever works on the table. */
const ofRecords: ReadonlySet<FaultCode> = new Set([
  'bad_request',
  'not_found',
  'record_gone',
  'not_permitted',
  'validation_error',
  'value_not_of_type',
  'value_out_of_range',
  'value_too_long',
  'result_too_large',
  'platform_failed',
])

interface Found {
  /** Those for which there was time. */
  readonly tried: Hint[]
  readonly open: Map<string, HintReason>
  failure: Fault | null
  failures: number
}

/** One record of which the platform cannot tell must not keep the others: it is found by halves. */
async function readSparing(work: Work, hints: readonly Hint[]): Promise<Found> {
  const found: Found = { tried: [], open: new Map(), failure: null, failures: 0 }
  const size = work.follower?.readMax ?? 1
  const refs = await refsOf(work, hints)
  for (let at = 0; at < hints.length && !(at > 0 && work.isStopped()); at += size) {
    await readHalves(
      work,
      { hints: hints.slice(at, at + size), refs: refs.slice(at, at + size) },
      found,
    )
    found.tried.push(...hints.slice(at, at + size))
  }
  return found
}

async function readHalves(
  work: Work,
  { hints, refs }: { hints: readonly Hint[]; refs: readonly Ref[] },
  found: Found,
): Promise<void> {
  const known = new Map(
    hints.flatMap(({ id, knownAt }) => knownAt === null ? [] : [[id, knownAt] as const]),
  )
  try {
    const { open } = await reread(work, refs, { known })
    for (const [id, why] of open) found.open.set(id, why)
  } catch (error) {
    if (!(error instanceof Fault) || !ofRecords.has(error.code)) throw error
    found.failure = error
    found.failures += 1
    if (hints.length === 1 || found.failures >= failuresMax) {
      for (const { id } of hints) found.open.set(id, 'untold')
      return
    }
    const middle = Math.ceil(hints.length / 2)
    for (const [from, to] of [[0, middle], [middle, hints.length]]) {
      await readHalves(work, { hints: hints.slice(from, to), refs: refs.slice(from, to) }, found)
    }
  }
}

async function areTooMany({ store, hold: { syncId, table }, writer }: Work): Promise<boolean> {
  const count = await countHints(store, { syncId, table })
  return count > fewHints && count > await writer.estimate() * shareMax
}

/** With the key columns that the table knows, where the hint does not. */
async function refsOf(
  { table: { keyColumns = [] }, writer }: Work,
  hints: readonly Hint[],
): Promise<readonly Ref[]> {
  const lacking = hints.filter(({ keys }) =>
    keyColumns.some((name) => (keys[name] ?? null) === null)
  )
  if (lacking.length === 0) return hints.map(({ id, keys }) => ({ id, keys }))
  const known = await writer.refs(lacking.map(({ id }) => id))
  const keysOf = new Map(known.map(({ id, keys }) => [id, keys]))
  return hints.map(({ id, keys }) => ({ id, keys: { ...keysOf.get(id), ...keys } }))
}

async function putOff(
  { store, hold: { syncId, table }, log, random }: Work,
  { hints, open }: Pick<Found, 'open'> & { hints: readonly Hint[] },
): Promise<void> {
  const waitMs = (tries: number) =>
    tries >= hintTriesMax ? seldomMs : Math.min(longestMs, firstMs * 2 ** tries)
  const again = hints.flatMap((hint) => {
    const why = open.get(hint.id)
    const inMs = waitMs(hint.tries) * (0.75 + random() / 2)
    return why === undefined ? [] : [{ hint, inMs, why }]
  })
  await postponeHints(store, { syncId, table, hints: again })
  const stuck = again.filter(({ hint }) => hint.tries === hintTriesMax).length
  if (stuck > 0) log.warn('sync.hints_stuck', { sync: syncId, table, count: stuck })
}
