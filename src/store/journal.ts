// Room store: the journal of mutations. A row is committed before the platform hears anything, and the outcome before
// the listener hears it. Every transition is guarded by the table in mutation/life.ts.

import { createHash } from 'node:crypto'
import { never } from '../lib/assert.ts'
import { isInDoubt, type WrittenOutcome } from '../mutation/doubt.ts'
import { fault, faultData } from '../mutation/fault.ts'
import { type LifeEvent, type LifeState, statesBefore } from '../mutation/life.ts'
import type { Mutation, Outcome, Values } from '../mutation/mutation.ts'
import { inquiriesEndMs, inquiryAfterMs as defaultAfterMs, waitLongestMs } from './doubts.ts'
import { ofSyncs } from './cancel.ts'
import { presenceClass } from './presence.ts'
import type { Sql, Store } from './store.ts'

/** What `begin` found. */
export type Begun =
  /** Written now, or left by this process without having been sent: carry it out. */
  | { readonly kind: 'begun'; readonly state: 'received' | 'sent' }
  /** The same mutation came before and its outcome is known, or is known to be unknown. */
  | { readonly kind: 'settled'; readonly outcome: Outcome }
  /** The same mutation is with another service process that is alive. */
  | { readonly kind: 'elsewhere' }
  /** Nothing was written: the sync is no longer the one that the caller read. */
  | { readonly kind: 'stale' }

export interface BeginOptions {
  readonly hash: Uint8Array
  /** The version of the sync that the mutation was checked against. */
  readonly syncVersion: string
  /** The state to write: `sent` when the request leaves at once, which saves a commit. */
  readonly state: 'received' | 'sent'
}

export interface Journal {
  /** Writes the mutation, committed. Throws `mutation_id_reused`, `service_unreachable`. */
  begin(mutation: Mutation, options: BeginOptions): Promise<Begun>
  /** received → sent, committed. False: somebody settled it meanwhile, do not send. */
  send(id: string): Promise<boolean>
  /**
   * Is it still `sent` by this process, and do others see that this process is alive? Who is settling it at this moment is
   * waited for. False: others may have told what became of it, send nothing more of it. Throws `service_unreachable`.
   */
  isStillSent(id: string): Promise<boolean>
  /** Records the outcome, committed. False: nothing to change (it is settled already). */
  settle(id: string, outcome: Outcome): Promise<boolean>
  /**
   * Records, committed, what was found out of rows that were in doubt, where others were written. False: nothing is in
   * doubt any more.
   */
  learn(id: string, outcome: WrittenOutcome): Promise<boolean>
  /**
   * accepted → applied; applied again is fine. Gives the ids that are applied now: not those that are unknown or in any
   * other state, which nobody can have applied; nor those of other syncs than `syncs`, where it is there and not null.
   */
  applied(
    ids: readonly string[],
    options?: { syncs: readonly string[] | null },
  ): Promise<string[]>
  /**
   * What is known of a mutation; `stale`: nothing. One that a process has which is gone is settled. Throws
   * `mutation_id_reused`, `service_unreachable`.
   */
  recall(id: string, options: { hash: Uint8Array }): Promise<Begun>
  /**
   * Settles what processes that are gone have left: sent → unknown, received → refused. Gives how many. What an older
   * version of the service wrote meanwhile, which knows nothing of inquiries, is marked as if it did.
   */
  sweep(): Promise<number>
}

interface Recorded {
  readonly state: LifeState
  readonly outcome: Outcome | null
  readonly request_hash: Uint8Array
  readonly service: number
  readonly alive: boolean
}

/** What makes two requests the same mutation; the order of columns does not matter. */
export function requestHash(mutation: Mutation): Uint8Array {
  const { id, syncId, schema, table, operation, upsertBy } = mutation
  const rows = mutation.rows.map((row) => [
    row.ordinal,
    row.id,
    sorted(row.values),
    ...(row.key === undefined ? [] : [sorted(row.key)]),
  ])
  const how = upsertBy === undefined ? [] : [upsertBy]
  const text = JSON.stringify([id.toLowerCase(), syncId, schema, table, operation, rows, ...how])
  return createHash('sha256').update(text).digest()
}

function sorted(values: Values): [string, string | null][] {
  return Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1)
}

/**
 * The journal as the service process of this number writes it. `inquiryAfterMs`: from an outcome in doubt to the worker's
 * first inquiry, ten seconds when absent.
 */
export function createJournal(
  store: Store,
  { service, inquiryAfterMs = defaultAfterMs }: { service: number; inquiryAfterMs?: number },
): Journal {
  const recall: Journal['recall'] = async (id, options) => {
    const row = await store.ask('Reading the journal', (sql) => recorded(sql, id))
    if (row === undefined) return { kind: 'stale' }
    if (!Buffer.from(row.request_hash).equals(options.hash)) throw fault('mutation_id_reused')
    return await judge(row)
  }
  const judge = async (row: Recorded & { id: string }): Promise<Begun> => {
    switch (row.state) {
      case 'accepted':
      case 'refused':
      case 'unknown':
      case 'applied':
        return { kind: 'settled', outcome: row.outcome ?? lostOutcome() }
      case 'received':
      case 'sent':
        // a row of ours that nobody here is carrying out: its begin was given up, so it was never sent
        if (row.service === service) return { kind: 'begun', state: row.state }
        if (row.alive) return { kind: 'elsewhere' }
        await store.ask('Recording the outcome', (sql) => takenOver(sql, row, inquiryAfterMs))
        return await recall(row.id, { hash: row.request_hash })
      default:
        return never(row.state)
    }
  }
  const settle: Journal['settle'] = (id, outcome) =>
    store.ask('Recording the outcome', (sql) => settled(sql, id, { outcome, inquiryAfterMs }))
  return {
    recall,
    settle,
    learn: (id, outcome) =>
      store.ask(
        'Recording what was found out',
        (sql) => learned(sql, id, { outcome, inquiryAfterMs }),
      ),
    begin: async (mutation, options) => {
      const written = await store.ask(
        'Recording the mutation',
        (sql) => insert(sql, mutation, { ...options, service }),
      )
      if (written) return { kind: 'begun', state: options.state }
      return await recall(mutation.id, options)
    },
    send: async (id) => {
      const states = statesBefore('send')
      const changed = await store.ask('Recording the sending', (sql) =>
        sql`
          update sluice_store.mutations set state = 'sent', sent_at = now()
          where id = ${id} and state in ${sql(states)} and service = ${service}`)
      return changed.count > 0
    },
    isStillSent: (id) =>
      store.ask('Looking whether it is still sent', (sql) => isSentBy(sql, id, service)),
    applied: (ids, { syncs = null } = { syncs: null }) =>
      store.ask('Recording the apply', (sql) => applied(sql, ids, { syncs })),
    sweep: () => store.ask('Sweeping the journal', (sql) => sweep(sql)),
  }
}

/** When the worker inquires about what is in doubt of the outcome; null: nothing is. */
function inquiryAt(sql: Sql, outcome: Outcome, inquiryAfterMs: number) {
  const afterMs = isInDoubt(outcome) ? inquiryAfterMs : null
  return sql`now() + ${afterMs}::float8 * interval '1 millisecond'`
}

async function settled(
  sql: Sql,
  id: string,
  { outcome, inquiryAfterMs, isGone = false }: {
    outcome: Outcome
    inquiryAfterMs: number
    /** Only where the process that has it is gone. */
    isGone?: boolean
  },
): Promise<boolean> {
  const states = statesBefore(eventOf(outcome))
  const changed = await sql`
    update sluice_store.mutations
    set state = ${stateOf(outcome)}, outcome = ${JSON.stringify(outcome)}::text::json,
      answered_at = now(), next_inquiry_at = ${inquiryAt(sql, outcome, inquiryAfterMs)}
    where id = ${id} and state in ${sql(states)} ${isGone ? sql`and not ${alive(sql)}` : sql``}`
  return changed.count > 0
}

/** Looks again whether its process is gone: it may have come back, and goes on with what is still `sent`. */
async function takenOver(
  sql: Sql,
  { id, state }: Recorded & { id: string },
  inquiryAfterMs: number,
): Promise<void> {
  const outcome = state === 'sent' ? lostOutcome() : neverSentOutcome()
  await settled(sql, id, { outcome, inquiryAfterMs, isGone: true })
}

/** The lock waits for whoever settles it, so that what is seen is so when this comes back. */
async function isSentBy(sql: Sql, id: string, service: number): Promise<boolean> {
  const found = await sql`
    select from sluice_store.mutations
    where id = ${id} and state = 'sent' and service = ${service} and ${alive(sql)}
    for no key update of mutations`
  return found.length > 0
}

async function learned(
  sql: Sql,
  id: string,
  { outcome, inquiryAfterMs }: { outcome: WrittenOutcome; inquiryAfterMs: number },
): Promise<boolean> {
  const changed = await sql`
    update sluice_store.mutations
    set outcome = ${JSON.stringify(outcome)}::text::json,
      next_inquiry_at = ${inquiryAt(sql, outcome, inquiryAfterMs)}
    where id = ${id} and state in ${sql(statesBefore('learn'))} and next_inquiry_at is not null`
  return changed.count > 0
}

/** One statement: writes the row if the sync is still the one that was checked and the id is new. */
async function insert(
  sql: Sql,
  mutation: Mutation,
  { hash, syncVersion, state, service }: BeginOptions & { service: number },
): Promise<boolean> {
  const { by = null, ...request } = mutation
  const { id, syncId, schema, table, operation, rows } = request
  const written = await sql`
    insert into sluice_store.mutations (id, sync_id, schema_name, table_name, operation, rows,
      made_by, request, request_hash, state, service, sent_at)
    select ${id}, ${syncId}, ${schema}, ${table}, ${operation}, ${rows.length}, ${by},
      ${JSON.stringify(request)}::text::json, ${hash}, ${state}, ${service},
      case when ${state === 'sent'} then now() end
    from sluice_store.syncs
    where id = ${syncId} and version = ${syncVersion} and state = 'active'
    on conflict (id) do nothing`
  return written.count > 0
}

async function recorded(sql: Sql, id: string): Promise<(Recorded & { id: string }) | undefined> {
  const [row] = await sql<(Recorded & { id: string })[]>`
    select id, state, outcome, request_hash, service, ${alive(sql)} as alive
    from sluice_store.mutations where id = ${id}`
  return row
}

function alive(sql: Sql) {
  return sql`exists (
    select from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())
      and classid = ${presenceClass} and objid = mutations.service)`
}

async function applied(
  sql: Sql,
  ids: readonly string[],
  { syncs }: { syncs: readonly string[] | null },
): Promise<string[]> {
  if (ids.length === 0) return []
  const changed = await sql<{ id: string }[]>`
    update sluice_store.mutations
    set state = 'applied', applied_at = coalesce(applied_at, now())
    where id in ${sql(ids)} and state in ${sql(statesBefore('apply'))} and ${ofSyncs(sql, syncs)}
    returning id`
  return changed.map(({ id }) => id)
}

async function sweep(sql: Sql): Promise<number> {
  const lost = JSON.stringify(lostOutcome())
  const unsent = JSON.stringify(neverSentOutcome())
  const changed = await sql`
    update sluice_store.mutations
    set state = case state when 'sent' then 'unknown' else 'refused' end, answered_at = now(),
      next_inquiry_at = case state when 'sent' then now() end,
      outcome = case state when 'sent' then ${lost}::text::json else ${unsent}::text::json end
    where state in ('received', 'sent') and not ${alive(sql)}`
  await mark(sql)
  return changed.count
}

/** An outcome that is written in part is marked soon after it came, since its rows are looked at. */
const partialMarkMs = 10 * 60_000

/**
 * While the service is updated, processes that know nothing of inquiries write beside this one: what they leave in doubt
 * is inquired about, and what they refuse is not. What they leave accepted, an inquiry finds known, and ends.
 */
async function mark(sql: Sql): Promise<void> {
  const ago = (ms: number) => sql`now() - ${ms}::float8 * interval '1 millisecond'`
  await sql`
    update sluice_store.mutations set next_inquiry_at = now()
    where next_inquiry_at is null and inquiries = 0 and (
      state = 'unknown' and received_at > ${ago(inquiriesEndMs + waitLongestMs)}
        and sent_at > ${ago(inquiriesEndMs)}
      or state = 'accepted' and received_at > ${ago(partialMarkMs + waitLongestMs)}
        and answered_at > ${ago(partialMarkMs)} and outcome::text like '%"state":"partial"%'
        and outcome::text like '%"state":"unknown"%')`
  await sql`
    update sluice_store.mutations set next_inquiry_at = null
    where next_inquiry_at is not null and state = 'refused'`
}

/** A mutation of which some rows were accepted has rows to apply, like one that was accepted whole. */
function stateOf({ state }: Outcome): LifeState {
  return state === 'partial' ? 'accepted' : state
}

function eventOf(outcome: Outcome): LifeEvent {
  switch (outcome.state) {
    case 'accepted':
    case 'partial':
      return 'accept'
    case 'refused':
      return 'refuse'
    case 'unknown':
      return 'lose'
    default:
      return never(outcome)
  }
}

function lostOutcome(): Outcome {
  const detail = 'The service process that sent the mutation is gone.'
  return { state: 'unknown', fault: faultData('outcome_unknown', { detail }) }
}

function neverSentOutcome(): Outcome {
  const detail = 'The service process that took the mutation went away before it sent it.'
  return { state: 'refused', fault: faultData('service_unreachable', { detail }) }
}
