// Room platforms: finding out what became of a mutation whose reply was lost. Presence proves when exactly one record fits;
// absence proves only what was read after the request was surely over. What neither proves stays unknown.

import { never } from '../lib/assert.ts'
import type { FaultData, FaultFields } from '../mutation/fault.ts'
import { faultData } from '../mutation/fault.ts'
import { statementWaitMaxMs } from '../mutation/limits.ts'
import type { OutcomeRow, PlannedRow, Values } from '../mutation/mutation.ts'
import { findColumn, type SyncedTable } from '../mutation/table.ts'
import {
  type Compare,
  createComparison,
  isEqual,
  isExact,
  isSameValue,
  type Keeping,
} from './likeness.ts'
import { knownOf, outcomeOf, type RowResult } from './outcome.ts'
import type { Doubt, Inquiry } from './platform.ts'
import { type Match, matchTraces, type Trace } from './traces.ts'

/** By how much two clocks may differ where nothing is wrong; and where something is, but not much. */
export const skewMs = { likely: 5_000, possible: 60_000 } as const

/** How many records made in that time are looked at; where there are more, nothing can be told. */
export const tracesMax = 2_000

/** When the records of an insert can have been made, by the platform's clock, in milliseconds since 1970. */
export interface Span {
  readonly from: number
  readonly until: number
}

/** Records made in a span of time. `isWhole`: surely every record that can be of this row is among them. */
export interface Made {
  readonly traces: readonly Trace[]
  readonly isWhole: (row: PlannedRow) => boolean
}

/** What a platform can be asked, and what that proves there. */
export interface Witness {
  readonly place: FaultFields
  readonly keeping: Keeping
  /** The longest that the platform works on one request, in milliseconds. */
  readonly requestMaxMs: number
  /** Are all rows of a statement written, or none? */
  readonly allOrNone: boolean
  /** By how much the platform's clock and this service's surely differ, by the answers read so far, in milliseconds. */
  readonly apartMs: () => number
  /** The fault of a row, or of the statement, of which nothing is known. */
  readonly doubtful: (reason: string) => FaultData
  /** The records that the rows of an insert can have made. */
  made(rows: readonly PlannedRow[], span: Span): Promise<Made>
  /**
   * The records of an update or delete, by the rows' ids; null: there is none; absent: the platform does not say. A read
   * after which nothing older can be answered.
   */
  held(rows: readonly PlannedRow[], span: Span): Promise<ReadonlyMap<string, Trace | null>>
  /**
   * The records that have one of the values that the rows of an upsert give this column; a read as `held`. `isWhole`: where
   * none is the row's, surely no record has its key.
   */
  keyed?(rows: readonly PlannedRow[], column: string, span: Span): Promise<Made>
  /** All columns of these records, by id, where `made` or `keyed` gave some of them only. */
  filled?(ids: readonly string[]): Promise<ReadonlyMap<string, Values>>
}

/**
 * What became of the rows in doubt; those of which the outcome knows stay as they are.
 * @throws Fault when the platform cannot be read
 */
export async function testify(
  witness: Witness,
  doubt: Doubt,
  table: SyncedTable,
): Promise<Inquiry> {
  const { mutation, mutation: { upsertBy }, outcome: before } = doubt
  const known = knownOf(mutation, before, witness.place)
  const rows = mutation.rows.filter(({ ordinal }) => !known.has(ordinal))
  const insert = mutation.operation === 'insert' && upsertBy === undefined
  const key = upsertBy === undefined ? {} : { key: upsertBy }
  const compare = createComparison({ table, keeping: witness.keeping, insert, ...key })
  const looking: Looking = { witness, doubt, table, rows, known, compare }
  const { findings, seen } = await lookFor(looking)
  const agreed = witness.allOrNone ? agreedOf(findings) : findings
  const results = rows.map((row) => resultOf(row, agreed.get(row), looking))
  const outcome = outcomeOf(mutation, [...known.values(), ...results], witness.place)
  const open = rows.filter((_, i) => results[i]?.state === 'unknown')
  // what an insert made is told from what others have made, of whom more is known later
  const forGood = !insert && isOver(looking) && open.length > 0 &&
    open.every((row) => isLasting(agreed.get(row)))
  return { outcome, seen, overAt: overAt(doubt, witness), forGood }
}

interface Looking {
  readonly witness: Witness
  readonly doubt: Doubt
  readonly table: SyncedTable
  /** Those in doubt. */
  readonly rows: readonly PlannedRow[]
  readonly known: ReadonlyMap<number, RowResult>
  readonly compare: Compare
}

/**
 * What the look shows of a row. `fresh`: the record was made or changed when the row was sent. `lasting`: no later look
 * shows more, once the request is surely over and while the clocks agree.
 */
type Finding =
  | { readonly state: 'written'; readonly row: OutcomeRow; readonly fresh: boolean }
  | { readonly state: 'absent'; readonly reason: string }
  | { readonly state: 'unclear'; readonly reason: string; readonly lasting?: true }

type Findings = ReadonlyMap<PlannedRow, Finding>

interface Looks {
  readonly findings: Findings
  readonly seen: Inquiry['seen']
}

async function lookFor(looking: Looking): Promise<Looks> {
  const { operation, upsertBy } = looking.doubt.mutation
  if (operation !== 'insert') return await lookAtHeld(looking)
  return upsertBy === undefined ? await lookForNew(looking) : await lookAtKeyed(upsertBy, looking)
}

/** From when on the request cannot be under way any more, by this service's clock. */
function overAt({ sentAt }: Doubt, { requestMaxMs }: Witness): number {
  return sentAt + statementWaitMaxMs + requestMaxMs
}

function isOver({ doubt, witness }: Looking): boolean {
  return doubt.now >= overAt(doubt, witness) && !isApart(witness)
}

function isLasting(finding: Finding | undefined): boolean {
  return finding?.state === 'unclear' && finding.lasting === true
}

function spanOf(doubt: Doubt, witness: Witness): Span {
  return {
    from: doubt.sentAt - skewMs.possible,
    until: overAt(doubt, witness) + skewMs.possible,
  }
}

async function lookForNew(looking: Looking): Promise<Looks> {
  const { witness, doubt, rows } = looking
  const span = spanOf(doubt, witness)
  const made = await witness.made(rows, span)
  const traces = made.traces.filter((trace) => isCandidate(trace, span, looking))
  const crowded = traces.length > tracesMax
  const matches = crowded ? new Map<PlannedRow, Match>() : matchTraces(rows, traces, {
    likeness: (row, { values }) => looking.compare(row, values),
    isTimely: ({ createdAt }) => isTimely(createdAt, looking),
  })
  const touched = tracesOf(matches)
  const values = await filledOf(touched, witness)
  const findings = new Map(rows.map((row) => {
    const match = matches.get(row)
    return [row, findingOf(row, match, { whole: made.isWhole(row), values })] as const
  }))
  const seen = touched.map((trace) => ({
    id: trace.id,
    values: trace.deleted === true ? null : values.get(trace.id) ?? trace.values,
  }))
  return { findings, seen }
}

/**
 * Surely not before the request was sent. Where the clocks differ by more than they do when nothing is wrong, the platform's
 * times say nothing.
 */
function isTimely(timeMs: number | undefined, { witness, doubt }: Looking): boolean {
  return timeMs !== undefined && timeMs >= doubt.sentAt - skewMs.likely && !isApart(witness)
}

function isApart({ apartMs }: Witness): boolean {
  return apartMs() > skewMs.likely
}

function isCandidate(
  { id, createdAt }: Trace,
  { from, until }: Span,
  { doubt, known }: Looking,
): boolean {
  const own = [...known.values()].some((row) => row.state === 'written' && row.id === id)
  return !own && !doubt.others.has(id) && createdAt !== undefined && createdAt >= from &&
    createdAt <= until
}

/** How many records are read whole and shown, beyond those that were found. */
const shownMax = 200

/** Those found, then those that may be the rows'. */
function tracesOf(matches: ReadonlyMap<PlannedRow, Match>): Trace[] {
  const found: Trace[] = []
  const possible: Trace[] = []
  for (const match of matches.values()) {
    if (match.state === 'found') found.push(match.trace)
    if (match.state === 'unclear') possible.push(...match.traces)
  }
  const shown = [...found, ...[...new Set(possible)].slice(0, shownMax)]
  return [...new Map(shown.map((trace) => [trace.id, trace])).values()]
}

async function filledOf(
  traces: readonly Trace[],
  witness: Witness,
): Promise<ReadonlyMap<string, Values>> {
  const ids = traces.filter(({ deleted }) => deleted !== true).map(({ id }) => id)
  if (ids.length === 0 || witness.filled === undefined) return new Map()
  return await witness.filled(ids)
}

function findingOf(
  { ordinal }: PlannedRow,
  match: Match | undefined,
  { whole, values }: { whole: boolean; values: ReadonlyMap<string, Values> },
): Finding {
  switch (match?.state) {
    case undefined:
      return { state: 'unclear', reason: 'Too many records were made at that time to tell.' }
    case 'found': {
      const { id } = match.trace
      const row = { ordinal, id, values: values.get(id) ?? match.trace.values }
      return { state: 'written', row, fresh: true }
    }
    case 'unclear':
      return { state: 'unclear', reason: reasonOf(match.traces) }
    case 'none':
      if (whole) return { state: 'absent', reason: 'has no such record' }
      return { state: 'unclear', reason: 'No such record was found, which proves nothing there.' }
    default:
      return never(match)
  }
}

function reasonOf(traces: readonly Trace[]): string {
  const ids = traces.slice(0, 3).map(({ id }) => id).join(', ')
  const more = traces.length > 3 ? ` and ${traces.length - 3} more` : ''
  return `It cannot be told whether the row is one of the records made at that time: ${ids}${more}.`
}

async function lookAtHeld(looking: Looking): Promise<Looks> {
  const { witness, doubt, rows } = looking
  const held = await witness.held(rows, spanOf(doubt, witness))
  const findings = new Map(rows.map((row) => {
    const trace = held.get(row.id ?? '')
    const finding = doubt.mutation.operation === 'delete'
      ? findingOfDeleted(row, trace)
      : findingOfChanged(row, trace, looking)
    return [row, finding] as const
  }))
  const seen = rows.flatMap(({ id }) => {
    const trace = held.get(id ?? '')
    if (id === null || trace === undefined) return []
    return [{ id, values: trace === null ? null : { ...trace.values, id } }]
  })
  return { findings, seen }
}

/** An upsert's record is the one with the row's key, whoever made it. */
async function lookAtKeyed(upsertBy: string, looking: Looking): Promise<Looks> {
  const { witness, doubt, rows, table } = looking
  const column = findColumn(table, upsertBy)
  if (witness.keyed === undefined || column === undefined) {
    return { findings: new Map(), seen: [] }
  }
  const keyed = await witness.keyed(rows, upsertBy, spanOf(doubt, witness))
  const values = await filledOf(keyed.traces, witness)
  const traces = keyed.traces.map((trace) => ({
    ...trace,
    values: values.get(trace.id) ?? trace.values,
  }))
  const isOf = (trace: Trace, row: PlannedRow) => {
    const [sent, held] = [row.values[upsertBy] ?? null, trace.values[upsertBy] ?? null]
    return isSameValue(sent, held, { column, keeping: witness.keeping })
  }
  // found by a key that it does not show as its own: it can be any row's
  const stray = traces.some((trace) => !rows.some((row) => isOf(trace, row)))
  const findings = new Map(rows.map((row) => {
    const own = traces.filter((trace) => isOf(trace, row))
    const whole = !stray && keyed.isWhole(row)
    return [row, findingOfKeyed(row, { traces: own, whole }, looking)] as const
  }))
  return { findings, seen: traces.map(({ id, values }) => ({ id, values })) }
}

function findingOfKeyed(
  row: PlannedRow,
  { traces, whole }: { traces: readonly Trace[]; whole: boolean },
  looking: Looking,
): Finding {
  const [trace, second] = traces
  if (second !== undefined) return { state: 'unclear', reason: 'Several records have its key.' }
  if (trace === undefined && !whole) {
    return { state: 'unclear', reason: 'No record shows its key, but one may be found by it.' }
  }
  if (trace === undefined) {
    return { state: 'absent', reason: 'has no record with its key' }
  }
  return findingOfChanged({ ...row, id: trace.id }, trace, looking)
}

const unsaid = { state: 'unclear', reason: 'The record could not be read.' } as const

function findingOfDeleted({ ordinal, id }: PlannedRow, trace: Trace | null | undefined): Finding {
  if (trace === undefined || id === null) return unsaid
  if (trace === null) return { state: 'written', row: { ordinal, id, values: null }, fresh: false }
  return { state: 'absent', reason: 'still has the record' }
}

/**
 * A record that has the very values that were sent is as it should be, whether this statement changed it or it was so
 * before. What only resembles them, or cannot all be compared, proves it of a record that was changed since. One that
 * somebody changed or deleted after the sending does not say what it was in between.
 */
function findingOfChanged(
  row: PlannedRow,
  trace: Trace | null | undefined,
  looking: Looking,
): Finding {
  const { ordinal, id } = row
  if (trace === undefined || id === null) return unsaid
  if (trace === null) {
    const reason = 'The record is gone, and may have been changed before.'
    return { state: 'unclear', reason, lasting: true }
  }
  const { changedAt } = trace
  const likeness = looking.compare(row, trace.values)
  const fresh = isTimely(changedAt, looking)
  if (isExact(likeness) || (fresh && isEqual(likeness))) {
    return { state: 'written', row: { ordinal, id, values: { ...trace.values, id } }, fresh }
  }
  if (changedAt !== undefined && changedAt < looking.doubt.sentAt - skewMs.possible) {
    return { state: 'absent', reason: 'has not changed the record' }
  }
  const reason = 'The record does not have the very values that were sent, and may have been ' +
    'changed since.'
  return { state: 'unclear', reason, lasting: true }
}

/**
 * Where all rows are written or none: one that surely is not says it of all, unless another one contradicts it; those that
 * were written at that time leave the others as they are, since their records have been changed again.
 */
function agreedOf(findings: Findings): Findings {
  const all = [...findings.values()]
  if (all.every(({ state }) => state === all[0]?.state)) return findings
  const absent = all.find(({ state }) => state === 'absent')
  const written = all.some((one) => one.state === 'written' && one.fresh)
  if (absent !== undefined && !written) return mapped(findings, () => absent)
  if (absent === undefined && written) return findings
  const reason = 'Some rows look written and others not, though all of them are or none.'
  const torn: Finding = { state: 'unclear', reason, lasting: true }
  return mapped(findings, (one) => one.state === 'unclear' ? one : torn)
}

function mapped(findings: Findings, change: (finding: Finding) => Finding): Findings {
  return new Map([...findings].map(([row, finding]) => [row, change(finding)]))
}

function resultOf(
  { ordinal }: PlannedRow,
  finding: Finding | undefined,
  { witness, doubt }: Looking,
): RowResult {
  const unknown = (reason: string): RowResult => {
    return { state: 'unknown', ordinal, fault: { ...witness.doubtful(reason), row: ordinal } }
  }
  switch (finding?.state) {
    case undefined:
      return unknown(unsaid.reason)
    case 'written':
      return { state: 'written', ...finding.row }
    case 'unclear':
      return unknown(finding.reason)
    case 'absent': {
      const { platform = 'The platform' } = witness.place
      const words = `${platform} ${finding.reason}`
      if (doubt.now < overAt(doubt, witness)) {
        return unknown(`The reply was lost. ${words}, but the request may still be under way.`)
      }
      if (isApart(witness)) {
        const seconds = Math.round(witness.apartMs() / 1000)
        const clocks =
          `its clock and this service's differ by ${seconds} s, so that it proves nothing`
        return unknown(`The reply was lost. ${words}, but ${clocks}.`)
      }
      const detail = `The reply was lost. ${words}, and the request is over.`
      const fault = faultData('platform_failed', { ...witness.place, row: ordinal, detail })
      return { state: 'refused', ordinal, fault }
    }
    default:
      return never(finding)
  }
}
