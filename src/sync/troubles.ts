// Room sync: what a failure means for a table: whose it is, when to try again, and the words for whoever has to do something.

import { DeadlineExceeded } from '../lib/deadline.ts'
import { HttpFailure } from '../lib/http.ts'
import { catalogue, Fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { isStoreDown } from '../store/store.ts'
import type { TableFailure } from '../store/tables.ts'
import { isDatabaseDown } from './target.ts'
import { Outdated } from './upgrades.ts'
import { Fenced } from './writing.ts'

export type Trouble =
  /** Another process has the table. */
  | { readonly kind: 'fenced' }
  /** The store does not answer: nobody can do anything. */
  | { readonly kind: 'store' }
  /** The customer's database does not answer. `silent`: it was waited for in vain. */
  | { readonly kind: 'database'; readonly silent: boolean; readonly failure: TableFailure }
  /** It passes. */
  | { readonly kind: 'later'; readonly failure: TableFailure }
  /** Somebody has to do something. */
  | { readonly kind: 'lasting'; readonly failure: TableFailure }

export interface TroubleAt {
  readonly table: Pick<SyncedTable, 'syncId' | 'name' | 'object'>
  readonly connectionId: string
  readonly databaseId: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/** What the error means for the table that was worked on. */
export function troubleOf(error: unknown, at: TroubleAt): Trouble {
  if (error instanceof Fenced) return { kind: 'fenced' }
  if (error instanceof Fault) return faultTrouble(error, at)
  if (error instanceof HttpFailure) return { kind: 'later', failure: unreachable(error, at) }
  if (isDatabaseDown(error)) {
    const silent = isTimeout(error)
    return { kind: 'database', silent, failure: databaseFailure(error, at) }
  }
  if (error instanceof Outdated) {
    return { kind: error.passes ? 'later' : 'lasting', failure: outdated(error, at) }
  }
  const passes = passingStates.has(codeOf(error) ?? '')
  return { kind: passes ? 'later' : 'lasting', failure: otherFailure(error, at) }
}

/**
 * SQLSTATEs of what others do at the moment: locks that were not to be had, deadlocks, statements that were cancelled or took
 * too long; a column that has got another type since the writer began.
 */
const passingStates: ReadonlySet<string> = new Set(['55P03', '40P01', '40001', '57014', '42804'])

/** Of the driver and of the operating system: whoever connects has waited for it. */
const timeouts: ReadonlySet<string> = new Set(['CONNECT_TIMEOUT', 'ETIMEDOUT', 'EHOSTUNREACH'])
const causesMax = 5

/** Has somebody waited for it in vain? Whoever dials says so in the cause. */
function isTimeout(error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < causesMax && cause instanceof Error; depth++) {
    if (cause instanceof DeadlineExceeded || timeouts.has(codeOf(cause) ?? '')) return true
    ;({ cause } = cause)
  }
  return false
}

function faultTrouble(error: Fault, at: TroubleAt): Trouble {
  const { code, data } = error
  if (code === 'service_unreachable') return { kind: 'store' }
  if (code === 'database_unreachable') {
    return { kind: 'database', silent: false, failure: databaseFailure(error, at) }
  }
  const detail = data.detail === undefined ? '' : `: ${data.detail}`
  const failure = {
    code,
    message: `${data.message}${detail}`,
    hint: hintFor(error, at) ?? data.hint ?? null,
    at: at.now,
  }
  return { kind: catalogue[code].retry === 'later' ? 'later' : 'lasting', failure }
}

/** What to do about faults that concern the connection or the table and not one record. */
function hintFor({ code, data }: Fault, { table, connectionId }: TroubleAt): string | null {
  const { syncId, name, object } = table
  const remove = `sluice syncs remove-table --sync ${syncId} --table ${name} --keep-tables`
  if (code === 'credential_refused') {
    // whoever asked the platform knows by which command the credential came
    return data.hint ??
      `Connect the account again: sluice connect --connection ${connectionId}, or sluice connections set-key.`
  }
  if (code === 'not_permitted') {
    return `Let the connected account read ${object}, or take the table out of the sync: ${remove}`
  }
  if (code === 'not_found' || code === 'record_gone') {
    return `The platform has no ${object} for this account any more: take the table out of the sync (${remove}), or bring it back there.`
  }
  return null
}

function unreachable(error: HttpFailure, { now }: TroubleAt): TableFailure {
  return { code: 'unreachable', message: error.message, hint: null, at: now }
}

function databaseFailure(error: unknown, { now }: TroubleAt): TableFailure {
  return {
    code: 'database_unreachable',
    message: `the database does not answer (${nameOf(error)})`,
    hint: 'Is it running, and may Sluice log in? It is tried again every minute or so.',
    at: now,
  }
}

function outdated({ message, passes }: Outdated, { now }: TroubleAt): TableFailure {
  const hint = passes
    ? 'Statements hold its tables: it is tried again by itself.'
    : 'It has to be done by the owner of schema sluice: sluice doctor says who that is, and what is missing.'
  return { code: 'internal_error', message, hint, at: now }
}

/** What Postgres says of a value may hold the value, so its words stay in the database. */
function otherFailure(error: unknown, { table, databaseId, now }: TroubleAt): TableFailure {
  const code = codeOf(error)
  if (code === '42883') {
    return {
      code: 'internal_error',
      message: 'the database was set up by an older Sluice, or not as Sluice does it (42883)',
      hint:
        `Tell Sluice how the owner of the tables logs in, and it brings the database up to date: sluice databases set --database ${databaseId} --database-url env:OWNER_URL`,
      at: now,
    }
  }
  if (code !== null && ['42P01', '3F000', '42703'].includes(code)) {
    return {
      code: 'internal_error',
      message: `the table, or what Sluice keeps beside it, is not there as it was made (${
        nameOf(error)
      })`,
      hint: `Make it anew, which fills it too: sluice syncs repair --sync ${table.syncId}`,
      at: now,
    }
  }
  if (code === '42809') {
    return {
      code: 'internal_error',
      message: "the table's triggers were taken away (42809)",
      hint: `Put them back: sluice syncs repair --sync ${table.syncId}`,
      at: now,
    }
  }
  if (code === '42501') {
    return {
      code: 'internal_error',
      message: 'the database does not let Sluice write the table (42501)',
      hint: 'Grant the role that Sluice logs in with what it needs: sluice doctor says what.',
      at: now,
    }
  }
  return {
    code: 'internal_error',
    message: `the rows could not be written (${nameOf(error)})`,
    hint: 'The log of the sync process says more.',
    at: now,
  }
}

function codeOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}

function nameOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.name : 'unknown')
}

/** Is it the store that does not answer? For what was asked of it outside a table. */
export function isStoreTrouble(error: unknown): boolean {
  return (error instanceof Fault && error.code === 'service_unreachable') || isStoreDown(error)
}

const backoffFirstMs = 1_000
const backoffMaxMs = 5 * 60_000
const lastingMs = 5 * 60_000
const databaseMaxMs = 30_000

/**
 * When to try again, in milliseconds: what passes after a second, then twice as long each time up to five minutes, for
 * a database up to half a minute; what lasts every five minutes or so. `random`: from 0 to 1, so that not all come at once. `tries`: failures in a row, from 1.
 */
export function againMs(
  kind: Exclude<Trouble['kind'], 'fenced' | 'store'>,
  { tries, random }: { tries: number; random: number },
): number {
  const spread = 0.75 + random / 2
  if (kind === 'lasting') return lastingMs * spread
  const longestMs = kind === 'database' ? databaseMaxMs : backoffMaxMs
  return Math.min(longestMs, backoffFirstMs * 2 ** Math.min(tries - 1, 20)) * spread
}
