// The judgement after a run, when all is quiet: the platform's records, the table, the journal, what the platform heard
// and what the clients were told must agree, statement by statement and row by row.

import type postgres from 'postgres'
import { isInDoubt, makesRecords } from '../../src/mutation/doubt.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import type { Platform } from '../../src/mutation/table.ts'
import type { Subject } from '../help/subjects.ts'
import { type Entry, type Operation, truthOf } from './log.ts'
import { recordsAt, type Witness } from './witness.ts'
import type { World } from './world.ts'

export interface Findings {
  /** What must never be; each with what it is about. */
  readonly violations: readonly string[]
  /** Statements of which a client was not told what became of them, and the journal knows. */
  readonly settled: number
  /** The same, and the journal does not know. */
  readonly unsettled: readonly string[]
  /** Mutations in the journal, by state. */
  readonly journal: Readonly<Record<string, number>>
}

type Marks = ReadonlyMap<string, string>

interface Side {
  readonly records: Marks
  readonly rows: Marks
}

/** Compares everything. */
export async function judge(
  world: World,
  { subjects, entries, witness }: {
    subjects: readonly Subject[]
    entries: readonly Entry[]
    witness: Witness
  },
): Promise<Findings> {
  const journal = await readJournal(world.plant.store, subjects)
  const violations: string[] = witness.sentTwice().map((mark) => `sent twice: ${mark}`)
  violations.push(...await earlyEnds(world.plant.store))
  if (witness.missed > 0) violations.push(`${witness.missed} exchanges were not seen`)
  const unsettled: string[] = []
  let settled = 0
  /** Rows and marks that a mutation touches of which nobody knows the outcome. */
  const open = new Set<string>()
  const tries = countTries(entries)
  for (const entry of entries) {
    const states = journal.byKey.get(keyOf(entry)) ?? []
    if (states.length > (tries.get(keyOf(entry)) ?? 0)) {
      violations.push(`${nameOf(entry)} is in the journal ${states.join(', ')}`)
    }
    for (const state of states) {
      if (state === 'applied' || state === 'refused') continue
      if (state !== 'unknown') violations.push(`${nameOf(entry)} is ${state}, for good`)
      for (const { id, mark } of entry.parts) for (const key of [id, mark]) if (key) open.add(key)
    }
    if (truthOf(entry.told) !== 'perhaps') continue
    if (states.includes('unknown')) unsettled.push(nameOf(entry))
    else settled += 1
  }
  for (const subject of subjects) {
    const mine = entries.filter(({ platform }) => platform === subject.platform)
    const side = {
      records: await recordsAt(world.sandboxUrl, subject),
      rows: await rowsIn(world.plant.sql, subject),
    }
    violations.push(...mirrored(subject, { side, open }), ...kept(mine, { side, open }))
  }
  return { violations, settled, unsettled, journal: journal.states }
}

function nameOf({ platform, operation, name, told, at }: Entry): string {
  const heard = told.kind === 'error' ? told.code : told.kind
  return `${platform} ${operation} ${name} (at ${(at / 1000).toFixed(1)} s, told ${heard})`
}

async function rowsIn(
  sql: postgres.Sql,
  { platform, table, column }: Subject,
): Promise<Marks> {
  const rows = await sql.unsafe<{ id: string; mark: string | null }[]>(
    `select id::text, ${column} as mark from ${platform}.${table}`,
  )
  return new Map(rows.map(({ id, mark }) => [id, mark ?? '']))
}

interface Journal {
  readonly states: Readonly<Record<string, number>>
  /** Key of a statement → states of its mutations. */
  readonly byKey: ReadonlyMap<string, readonly string[]>
}

/** What a statement and its mutation in the journal have in common. A delete that was refused may be tried again. */
function keyOf({ operation, parts }: Pick<Entry, 'operation' | 'parts'>): string {
  return `${operation} ${parts.map(({ id, mark }) => mark ?? id ?? '').toSorted(byText).join()}`
}

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

function countTries(entries: readonly Entry[]): ReadonlyMap<string, number> {
  const tries = new Map<string, number>()
  for (const entry of entries) tries.set(keyOf(entry), (tries.get(keyOf(entry)) ?? 0) + 1)
  return tries
}

interface JournalRow {
  readonly state: string
  readonly operation: Operation
  readonly schema_name: Platform
  readonly request: {
    readonly rows: readonly { id: string | null; values: Readonly<Record<string, string | null>> }[]
  }
}

async function readJournal(
  store: postgres.Sql,
  subjects: readonly Subject[],
): Promise<Journal> {
  const columns = new Map(subjects.map(({ platform, column }) => [platform, column]))
  const states: Record<string, number> = {}
  const byKey = new Map<string, string[]>()
  const all = await store<JournalRow[]>`
    select state, operation, schema_name, request from sluice_store.mutations`
  for (const { state, operation, schema_name: platform, request } of all) {
    const column = columns.get(platform) ?? ''
    const parts = request.rows.map(({ id, values }) => ({ id, mark: values[column] ?? null }))
    const key = keyOf({ operation, parts })
    states[state] = (states[state] ?? 0) + 1
    byKey.set(key, [...byKey.get(key) ?? [], state])
  }
  return { states, byKey }
}

/** The table has the platform's records, with the same marks. */
function mirrored(
  { platform }: Subject,
  { side: { records, rows }, open }: { side: Side; open: ReadonlySet<string> },
): string[] {
  const ids = new Set([...records.keys(), ...rows.keys()])
  return [...ids].flatMap((id) => {
    const [there, here] = [records.get(id), rows.get(id)]
    const known = [id, there, here].every((key) => key === undefined || !open.has(key))
    if (there === here || !known) return []
    return [
      `${platform} ${id}: the platform has ${there ?? 'nothing'}, the table ${here ?? 'nothing'}`,
    ]
  })
}

/** Every statement had the effect that the client was told of: on each row, the last one that touched it counts. */
function kept(
  entries: readonly Entry[],
  { side: { records }, open }: { side: Side; open: ReadonlySet<string> },
): string[] {
  const violations: string[] = []
  const marks = new Map<string, string[]>()
  for (const [id, mark] of records) marks.set(mark, [...marks.get(mark) ?? [], id])
  /**
   * Id → what it may be: marks, or null for gone. What was sent and never answered may arrive after what its client has
   * done since, so that it stays possible.
   */
  const may = new Map<
    string,
    { sure: string | null | undefined; late: (string | null)[]; last: Entry }
  >()
  for (const entry of entries) {
    const truth = truthOf(entry.told)
    for (const part of entry.parts) {
      const { mark } = part
      const found = mark === null ? [] : marks.get(mark) ?? []
      if (found.length > 1) {
        violations.push(`${nameOf(entry)}: ${found.length} records have ${mark}`)
      }
      if (truth === 'not done' && found.length > 0 && !open.has(mark ?? '')) {
        violations.push(`${nameOf(entry)}: told that nothing was written, but ${found[0]} is there`)
      }
      const id = part.id ?? idOf(entry, mark, { found, violations })
      if (id === null) continue
      const { sure, late } = may.get(id) ?? { sure: undefined, late: [] }
      if (truth === 'done') may.set(id, { sure: mark, late, last: entry })
      if (truth === 'perhaps') may.set(id, { sure, late: [...late, mark], last: entry })
    }
  }
  for (const [id, { sure, late, last }] of may) {
    const there = records.get(id) ?? null
    const allowed = sure === undefined ? late : [sure, ...late]
    if (allowed.includes(there) || open.has(id)) continue
    violations.push(
      `${nameOf(last)}: ${id} is ${there ?? 'gone'}, and should be ${allowed.join(' or ')}`,
    )
  }
  return violations
}

/** The record of an insert whose id nobody was told: told that it is done, it must be there. */
function idOf(
  entry: Entry,
  mark: string | null,
  { found, violations }: { found: readonly string[]; violations: string[] },
): string | null {
  const [id = null] = found
  // whoever was told SL001 leaves the row alone, so that nobody can have changed it
  if (id === null && truthOf(entry.told) === 'done') {
    violations.push(`${nameOf(entry)}: told that it is written, but ${mark} is not there`)
  }
  return id
}

/**
 * Tables that are not quiet, in words: not filled, not looked at since this moment, or with records that are to be read again.
 * Null when the store cannot be asked now.
 */
export async function openTables(store: postgres.Sql, since: number): Promise<string[] | null> {
  try {
    const rows = await store<{ name: string; why: string | null }[]>`
      select st.sync_id || '.' || st.name as name, case
        when failure is not null then failure->>'message'
        when filled_at is null or pass is not null then 'is being listed'
        when follow_cursor is not null and polled_at < to_timestamp(${since / 1000}::float8)
          then 'was not looked at since'
        when exists (select from sluice_store.hints h where h.sync_id = st.sync_id and h.name = st.name)
          then 'has hints' end as why
      from sluice_store.table_states st`
    return rows.flatMap(({ name, why }) => why === null ? [] : [`${name} ${why}`])
  } catch {
    return null
  }
}

/** The soonest that any platform's request is surely over after its sending (SPEC.md, "Inquiries"), in milliseconds. */
const overAfterMs = 210_000

interface EndedRow {
  readonly request: Mutation
  readonly outcome: Outcome
  readonly inquiries: number
  readonly age_ms: number
}

/**
 * Doubts that were given up and must not have been, in words. Within a run's time only that of an update or upsert may be, by
 * an inquiry after the request was surely over.
 */
export async function earlyEnds(store: postgres.Sql): Promise<string[]> {
  const rows = await store<EndedRow[]>`
    select request, outcome, inquiries, (extract(epoch from
      coalesce(inquired_at, now()) - coalesce(sent_at, received_at)) * 1000)::float8 as age_ms
    from sluice_store.mutations
    where state in ('unknown', 'accepted', 'applied') and next_inquiry_at is null`
  return rows.flatMap(({ request, outcome, inquiries, age_ms: ageMs }) => {
    const { id, operation } = request
    const mayEnd = operation !== 'delete' && !makesRecords(request) && inquiries > 0 &&
      ageMs >= overAfterMs
    if (!isInDoubt(outcome) || mayEnd) return []
    const after = `after ${inquiries} inquiries, the last one at ${(ageMs / 1000).toFixed(1)} s`
    return [`the doubt of ${operation} ${id} was given up ${after}`]
  })
}

/**
 * How many mutations are not at their end, or null when the store cannot be asked now. One that is given up is at its end:
 * `earlyEnds` tells whether it may be.
 */
export async function openMutations(store: postgres.Sql): Promise<Record<string, number> | null> {
  try {
    const rows = await store<{ state: string; count: number }[]>`
      select state, count(*)::int from sluice_store.mutations
      where state in ('received', 'sent', 'accepted') or next_inquiry_at is not null
      group by state`
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
  } catch {
    return null
  }
}
