// Room platforms: from what became of each row to the outcome of a mutation, for platforms that take rows one by one.

import {
  catalogue,
  type FaultCode,
  type FaultData,
  faultData,
  type FaultFields,
} from '../mutation/fault.ts'
import type {
  Mutation,
  Outcome,
  OutcomeRow,
  PlannedRow,
  UnwrittenRow,
  Values,
} from '../mutation/mutation.ts'
import { isJsonObject, type JsonObject, toInteger, tryParseJson } from './json.ts'
import { cut } from './words.ts'

/** What became of one row of a mutation. */
export type RowResult =
  | {
    readonly state: 'written'
    readonly ordinal: number
    readonly id: string
    readonly values: Values | null
  }
  | {
    readonly state: 'refused' | 'unknown'
    readonly ordinal: number
    readonly fault: FaultData
  }
  | { readonly state: 'unsent'; readonly ordinal: number }

/** In DETAIL: a bound on what a platform's words about one row can take, in characters. */
const wordsMax = 300

/**
 * The outcome. A row without a result was not sent. All written: accepted. None written and none unknown: refused, with
 * the fault of the first refused row. None written and some unknown: unknown; for a statement of one row with that row's
 * own fault. Else partial. The fault of several rows has in DETAIL the JSON array of `{row, id?, state:
 * written|refused|unknown|not sent, sqlstate?, message?, column?}`, one for each row in the statement's order: always
 * whole, since its rows are limited and their words are cut. `place`: platform, schema and table.
 */
export function outcomeOf(
  mutation: Mutation,
  results: readonly RowResult[],
  place: FaultFields,
): Outcome {
  return outcomeWith(mutation, results, { place })
}

/** `unsentWhy`: why rows were not sent; where no row was refused it need not be said. */
function outcomeWith(
  mutation: Mutation,
  results: readonly RowResult[],
  { place, unsentWhy }: { place: FaultFields; unsentWhy?: string },
): Outcome {
  const found = new Map(results.map((result) => [result.ordinal, result]))
  const rows: OutcomeRow[] = []
  const others: UnwrittenRow[] = []
  for (const { ordinal, id } of mutation.rows) {
    const result = found.get(ordinal) ?? { state: 'unsent', ordinal } as const
    if (result.state === 'written') rows.push({ ordinal, id: result.id, values: result.values })
    else others.push(unwritten(result, id))
  }
  if (others.length === 0) return { state: 'accepted', rows }
  const unknown = firstFault(others, 'unknown')
  if (rows.length === 0 && unknown === undefined) {
    const fault = firstFault(others, 'refused') ?? faultData('platform_failed', place)
    return { state: 'refused', fault }
  }
  if (mutation.rows.length === 1 && unknown !== undefined) {
    return { state: 'unknown', fault: unknown }
  }
  const refused = others.some(({ state }) => state === 'refused')
  const why = unsentWhy ?? (refused ? undefined : heldWords)
  const fault = partFault(mutation, { rows, others, unsentWhy: why }, place)
  return rows.length === 0 ? { state: 'unknown', fault } : { state: 'partial', rows, others, fault }
}

function firstFault(
  others: readonly UnwrittenRow[],
  state: 'refused' | 'unknown',
): FaultData | undefined {
  return others.flatMap((other) => other.state === state ? [other.fault] : [])[0]
}

/** An adapter's results can hold more than an outcome may. */
function unwritten(
  result: Exclude<RowResult, { readonly state: 'written' }>,
  id: string | null,
): UnwrittenRow {
  const { ordinal } = result
  if (result.state === 'unsent') return { state: 'unsent', ordinal, id }
  return { state: result.state, ordinal, id, fault: result.fault }
}

interface Parts {
  readonly rows: readonly OutcomeRow[]
  readonly others: readonly UnwrittenRow[]
  readonly unsentWhy: string | undefined
}

function partFault(mutation: Mutation, parts: Parts, place: FaultFields): FaultData {
  const unknown = parts.others.some(({ state }) => state === 'unknown')
  const fault = faultData(unknown ? 'outcome_unknown' : 'partly_written', {
    ...place,
    message: messageOf(mutation, parts, place),
    hint: unknown
      ? 'Look at the rows marked unknown before you send them again.'
      : 'The rows marked written are in the table. Send only the others again.',
  })
  // not cut as other DETAILs are: JSON is of use only whole
  const reports = mutation.rows.map(({ ordinal }) => reportOf(ordinal, parts))
  return { ...fault, detail: JSON.stringify(reports) }
}

function messageOf(mutation: Mutation, { rows, others }: Parts, { platform }: FaultFields): string {
  const all = mutation.rows.length
  const unknown = others.filter(({ state }) => state === 'unknown').length
  if (rows.length > 0) {
    const doubt = unknown > 0 ? ', others may have been' : ''
    return `${rows.length} of ${all} rows written by ${platform}${doubt}`
  }
  const which = unknown === 1 ? `1 of ${all} rows` : `any of ${unknown} rows`
  return `outcome unknown: ${platform} may have written ${which}`
}

/** Where no row was refused, only a doubt keeps an adapter from sending the others: a reply that was lost, or told nothing. */
const heldWords = 'it was in doubt whether rows before it were written, so nothing more was sent'

function reportOf(ordinal: number, { rows, others, unsentWhy }: Parts) {
  const written = rows.find((row) => row.ordinal === ordinal)
  if (written !== undefined) return { row: ordinal, id: written.id, state: 'written' }
  const other = others.find((row) => row.ordinal === ordinal)
  const id = other?.id ?? null
  const head = id === null ? { row: ordinal } : { row: ordinal, id }
  if (other === undefined || other.state === 'unsent') {
    const why = unsentWhy === undefined ? {} : { message: unsentWhy }
    return { ...head, state: 'not sent', ...why }
  }
  const { sqlstate, message, detail, column } = other.fault
  return {
    ...head,
    state: other.state,
    sqlstate,
    ...(column === undefined ? {} : { column }),
    message: cut(detail === undefined ? message : `${message}: ${detail}`, wordsMax),
  }
}

/**
 * The outcome of a mutation of which rows were `held` back, and sent when it was `known` that the others are written:
 * `outcome` is that of the rows held.
 */
export function joinedOutcome(
  mutation: Mutation,
  { known, held, outcome }: { known: Outcome; held: readonly PlannedRow[]; outcome: Outcome },
  place: FaultFields,
): Outcome {
  const before = known.state === 'partial' ? resultsOf(known) : []
  const sent = new Set(held.map(({ ordinal }) => ordinal))
  const results = before.filter(({ ordinal }) => !sent.has(ordinal))
  const rest = resultsOfRest(held, outcome, place)
  return outcomeWith(mutation, [...results, ...rest], {
    place,
    ...(outcome.state === 'refused' ? { unsentWhy: refusedWords(rest) } : {}),
  })
}

/** An outcome that is refused tells of one row; of the others it is sure only that they are not written. */
function refusedWords(rest: readonly RowResult[]): string {
  const [row] = rest.map(({ ordinal }) => ordinal)
  return `not written: it was not sent, or refused as row ${row} was`
}

function resultsOfRest(
  rows: readonly PlannedRow[],
  outcome: Outcome,
  place: FaultFields,
): RowResult[] {
  switch (outcome.state) {
    case 'accepted':
    case 'partial':
      return resultsOf(outcome)
    case 'refused': {
      // the fault is that of the first row refused
      const { fault } = outcome
      const at = rows.find(({ ordinal }) => ordinal === fault.row) ?? rows[0]
      return at === undefined ? [] : [{ state: 'refused', ordinal: at.ordinal, fault }]
    }
    case 'unknown': {
      const told = new Map(reportedIn(outcome.fault, place).map((each) => [each.ordinal, each]))
      return rows.map(({ ordinal }) =>
        told.get(ordinal) ?? { state: 'unknown', ordinal, fault: outcome.fault }
      )
    }
  }
}

/**
 * What an outcome in doubt says of rows that are not in doubt, by ordinal. An unknown outcome says it in the DETAIL that
 * `outcomeOf` wrote: rows that were refused or not sent while others are unknown.
 */
export function knownOf(
  { rows }: Mutation,
  outcome: Extract<Outcome, { state: 'unknown' | 'partial' }>,
  place: FaultFields,
): ReadonlyMap<number, RowResult> {
  const results = outcome.state === 'unknown'
    ? reportedIn(outcome.fault, place)
    : resultsOf(outcome)
  const known = results.filter(({ ordinal, state }) =>
    state !== 'unknown' && rows.some((row) => row.ordinal === ordinal)
  )
  return new Map(known.map((result) => [result.ordinal, result]))
}

function resultsOf(outcome: Extract<Outcome, { state: 'accepted' | 'partial' }>): RowResult[] {
  const others = outcome.state === 'partial' ? outcome.others : []
  return [...outcome.rows.map((row) => ({ ...row, state: 'written' as const })), ...others]
}

function reportedIn({ detail = '' }: FaultData, place: FaultFields): RowResult[] {
  const reports = detail.startsWith('[') ? tryParseJson(detail) : undefined
  const items: readonly unknown[] = Array.isArray(reports) ? reports : []
  return items.filter(isJsonObject).flatMap((report): RowResult[] => {
    const ordinal = toInteger(report['row'])
    if (ordinal === undefined) return []
    switch (report['state']) {
      case 'not sent':
        return [{ state: 'unsent', ordinal }]
      case 'refused':
      case 'unknown':
        return [{
          state: report['state'],
          ordinal,
          fault: reportedFault(report, { ...place, row: ordinal }),
        }]
      default:
        return []
    }
  })
}

/** Of several faults with the same SQLSTATE the first of the catalogue; its words are those of the report. */
function reportedFault({ sqlstate, message, column }: JsonObject, place: FaultFields): FaultData {
  const codes = Object.keys(catalogue) as FaultCode[]
  const code = codes.find((each) => catalogue[each].sqlstate === sqlstate) ?? 'platform_failed'
  return faultData(code, {
    ...place,
    ...(typeof message === 'string' ? { message } : {}),
    ...(typeof column === 'string' ? { column } : {}),
  })
}
