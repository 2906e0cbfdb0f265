// One mutation with a fault at one of its outside actions: what the client was told, and what there is afterwards.

import assert from 'node:assert/strict'
import pg from 'pg'
import { withDeadline } from '../../src/lib/deadline.ts'
import type { Ground } from '../help/ground.ts'
import type { Action, Plan } from '../help/relay.ts'
import {
  deleteOf,
  insertOf,
  isUnheard,
  isWrite,
  markOf,
  recordsOf,
  type Statement,
  type Subject,
  updateOf,
  upsertOf,
} from '../help/subjects.ts'
import { type Exchange, until } from '../help/system.ts'

export const operations = ['insert', 'update', 'delete', 'upsert'] as const
export type Operation = typeof operations[number]

export interface Script {
  readonly subject: Subject
  readonly operation: Operation
  readonly rows: number
}

/** What the client was told. lost: its connection ended without a word. */
export type Told =
  | { readonly kind: 'done'; readonly rows: number }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'hung' }

export interface Verdict {
  readonly script: Script
  readonly plan: Plan | undefined
  readonly recovery: Plan | undefined
  readonly told: Told
  readonly struck: Action | null
  /** How many actions there were when the client had its answer. */
  readonly answered: number
  /** What passed until all was quiet, and while recovery did what was left. */
  readonly actions: readonly Action[]
  readonly recovered: readonly Action[]
  /** States of the mutation in the journal at the end: one, or none. */
  readonly journal: readonly string[]
  /** What must never be. */
  readonly violations: readonly string[]
}

/** Longer than every wait of the system for a client that has set the timeout below. */
const hungMs = 60_000
const timeoutMs = 800
/** For a statement that is to have its answer however slow the machine is; the same. */
const patientMs = 50_000

let count = 0

/** Runs the statement of a script on rows of its own. */
export async function runCase(
  ground: Ground,
  { script, plan, recovery, patient = plan === undefined }: {
    script: Script
    plan?: Plan
    recovery?: Plan
    /** Does the client wait as long as it takes? Otherwise its timeout may come before its answer. */
    patient?: boolean
  },
): Promise<Verdict> {
  const { subject } = script
  const name = `f${process.pid}n${++count}`
  const { client, lost } = await connect(ground, subject)
  try {
    const ids = await prepare(client, { script, name })
    const statement = statementOf(script, { name, ids })
    await client.query(`set statement_timeout = ${patient ? patientMs : timeoutMs}`)
    await sandbox(ground, '/_exchanges', 'DELETE')
    ground.ledger.restart(plan)
    const told = await ask(client, { statement, lost })
    const answered = ground.ledger.actions.length
    ground.ledger.release()
    await client.end().catch(() => {})
    await ground.quiet()
    const { struck, actions } = ground.ledger
    ground.ledger.restart(recovery)
    await ground.recover().catch((error: unknown) => {
      const { struck: at } = ground.ledger
      throw new Error(`Recovery failed, after ${recovery?.at} ${JSON.stringify(at)}`, {
        cause: error,
      })
    })
    const recovered = ground.ledger.actions
    const judged = await judge(ground, { script, name, ids, told })
    return { script, plan, recovery, told, struck, answered, actions, recovered, ...judged }
  } finally {
    ground.ledger.restart()
    await client.end().catch(() => {})
  }
}

/** Without a fault: what passes. The first run of a script makes connections and statements that later ones have. */
export async function clean(ground: Ground, script: Script): Promise<Verdict> {
  await runCase(ground, { script })
  const verdict = await runCase(ground, { script })
  assert.deepEqual(verdict.violations, [])
  assert.deepEqual(verdict.told, { kind: 'done', rows: script.rows })
  return verdict
}

async function connect(
  ground: Ground,
  subject: Subject,
): Promise<{ client: pg.Client; lost: Promise<Told> }> {
  const client = new pg.Client({
    connectionString: ground.plant.url(subject.platform, ground.port),
    connectionTimeoutMillis: 60_000,
  })
  const lost = new Promise<Told>((resolve) => {
    client.on('error', () => {}).on('end', () => resolve({ kind: 'lost' }))
  })
  await client.connect()
  return { client, lost }
}

/** What a statement needs, written without a fault: ids of its rows. Of an upsert's records the first is there. */
async function prepare(
  client: pg.Client,
  { script, name }: { script: Script; name: string },
): Promise<string[]> {
  switch (script.operation) {
    case 'insert':
      return []
    case 'update':
    case 'delete':
      return await makeRows(client, { script, name: `${name}b` })
    case 'upsert':
      await surely(
        client,
        upsertOf(script.subject, { name: `${name}b`, keys: `${name}k`, rows: 1 }),
      )
      return []
  }
}

/**
 * What the case before has cut may still be making its connections anew, and a process that it has killed holds its turns
 * until the others know that it is gone: then nothing is sent, and it is tried again.
 */
const unsent: ReadonlySet<string | undefined> = new Set(['58030', '53400', '57014'])
const surelyWaitMs = 120_000

async function surely(
  client: pg.Client,
  statement: Statement,
): Promise<pg.QueryResult<{ id: unknown }>> {
  return await until(
    'a statement without a fault',
    () =>
      client.query<{ id: unknown }>(statement).catch((error: unknown) => {
        if (error instanceof pg.DatabaseError && unsent.has(error.code)) return null
        throw error
      }),
    { waitMs: surelyWaitMs },
  )
}

async function makeRows(
  client: pg.Client,
  { script: { subject, rows }, name }: { script: Script; name: string },
): Promise<string[]> {
  const ids: string[] = []
  for (let made = 0; made < rows; made += subject.insertMax) {
    const statement = insertOf(subject, {
      name: `${name}${made}`,
      rows: Math.min(subject.insertMax, rows - made),
    })
    const { rows: written } = await surely(client, statement)
    ids.push(...written.map(({ id }) => String(id)))
  }
  return ids
}

function statementOf(
  { subject, operation, rows }: Script,
  { name, ids }: { name: string; ids: readonly string[] },
): Statement {
  switch (operation) {
    case 'insert':
      return insertOf(subject, { name, rows })
    case 'update':
      return updateOf(subject, { name, ids })
    case 'delete':
      return deleteOf(subject, { ids })
    case 'upsert':
      return upsertOf(subject, { name, keys: `${name}k`, rows })
  }
}

async function ask(
  client: pg.Client,
  { statement, lost }: { statement: Statement; lost: Promise<Told> },
): Promise<Told> {
  const told = client.query(statement).then(
    ({ rowCount }): Told => ({ kind: 'done', rows: rowCount ?? 0 }),
    (error: unknown): Told =>
      error instanceof pg.DatabaseError
        ? { kind: 'error', code: error.code ?? '', message: error.message }
        : { kind: 'lost' },
  )
  const first = Promise.race([told, lost])
  return await withDeadline(first, { waitMs: hungMs, what: 'The statement' })
    .catch((): Told => ({ kind: 'hung' }))
}

interface Judged {
  readonly script: Script
  readonly name: string
  readonly ids: readonly string[]
  readonly told: Told
}

async function judge(
  ground: Ground,
  judged: Judged,
): Promise<Pick<Verdict, 'journal' | 'violations'>> {
  const { told, script: { rows } } = judged
  const { there, here, journal } = await settled(ground, judged)
  const violations: string[] = []
  const demand = (holds: boolean, what: string): void => {
    if (!holds) violations.push(what)
  }
  const open = journal.includes('unknown')
  demand(journal.length <= 1, `${journal.length} mutations in the journal`)
  demand(!journal.includes('accepted'), 'accepted and never applied')
  demand(here === there || open, `the platform has ${there} of ${rows} rows, the table ${here}`)
  demand(here <= there || open, 'the table is ahead of the platform')
  for (const row of await sentTwice(ground, judged)) violations.push(`sent twice: ${row}`)
  switch (told.kind) {
    case 'done':
      demand(told.rows === rows, `told that ${told.rows} rows are written`)
      demand(there === rows, `told that it is done, but the platform has ${there} of ${rows} rows`)
      demand(here === rows, `told that it is done, but the table has ${here} of ${rows} rows`)
      break
    case 'error':
      violations.push(...vague(told), ...untrue(told, { rows, there }))
      break
    case 'lost':
      break
    case 'hung':
      violations.push('the client waited in vain')
  }
  return { journal, violations }
}

/** More than a mutation has states to come to. */
const looksMax = 6

/**
 * How many rows there are at the platform and in the table, while an inquiry in the background changes nothing. Where one
 * did, recovery has it to do again; what stays accepted by itself is recovered once more, and then it is a finding.
 */
async function settled(
  ground: Ground,
  judged: Judged,
): Promise<{ there: number; here: number; journal: string[] }> {
  let isStuck = false
  for (let looks = 1;; looks++) {
    const before = await journalOf(ground, judged)
    const there = rowsIn(judged, await platformOf(ground, judged))
    const here = rowsIn(judged, await tableOf(ground, judged))
    const journal = await journalOf(ground, judged)
    const isStill = before.join() === journal.join()
    const isOver = isStill && (isStuck || !journal.includes('accepted'))
    if (isOver || looks === looksMax) return { there, here, journal }
    isStuck ||= isStill
    await ground.recover()
  }
}

function vague({ code, message }: Extract<Told, { kind: 'error' }>): string[] {
  return /^(08|XX)/.test(code) || message === '' ? [`told ${code} "${message}"`] : []
}

/** Faults after which the platform may have written, or has. */
const written: Readonly<Record<string, 'perhaps' | 'surely'>> = {
  '40003': 'perhaps',
  'SL001': 'surely',
  'SL003': 'perhaps',
}

function untrue(
  { code, message }: Extract<Told, { kind: 'error' }>,
  { rows, there }: { rows: number; there: number },
): string[] {
  const has = `but the platform has ${there} of ${rows} rows`
  switch (written[code]) {
    case 'perhaps':
      return []
    case 'surely':
      return there === rows ? [] : [`told ${code} "${message}", ${has}`]
    default:
      return there === 0 ? [] : [`told ${code} "${message}", ${has}`]
  }
}

/** How many rows of the statement have been carried out there. */
function rowsIn(
  { script: { operation, rows }, name, ids }: Judged,
  marks: ReadonlyMap<string, string>,
): number {
  const all = [...marks.values()]
  switch (operation) {
    case 'insert':
    case 'upsert': {
      const mine = Array.from({ length: rows }, (_, row) => markOf(name, row))
      return all.filter((mark) => mine.includes(mark)).length
    }
    case 'update':
      return ids.filter((id) => marks.get(id) === markOf(name, id)).length
    case 'delete':
      return ids.filter((id) => !marks.has(id)).length
  }
}

async function platformOf(
  ground: Ground,
  { script: { subject } }: Judged,
): Promise<ReadonlyMap<string, string>> {
  return recordsOf(
    subject,
    await sandbox(ground, `/_records/${subject.platform}/${subject.table}`, 'GET'),
  )
}

async function tableOf(
  { plant }: Ground,
  { script: { subject } }: Judged,
): Promise<ReadonlyMap<string, string>> {
  const { platform, table, column } = subject
  const rows = await plant.sql.unsafe<{ id: string; mark: string | null }[]>(
    `select id::text, ${column} as mark from ${platform}.${table}`,
  )
  return new Map(rows.map(({ id, mark }) => [id, mark ?? '']))
}

/** What the rows can be told by in a request. */
function tracesOf({ script: { operation, rows }, name, ids }: Judged): string[] {
  switch (operation) {
    case 'insert':
    case 'upsert':
      return Array.from({ length: rows }, (_, row) => markOf(name, row))
    case 'update':
      return ids.map((id) => markOf(name, id))
    case 'delete':
      return [...ids]
  }
}

async function journalOf({ plant }: Ground, judged: Judged): Promise<string[]> {
  const { script: { operation } } = judged
  const [trace = ''] = tracesOf(judged)
  const rows = await plant.store<{ state: string }[]>`
    select state from sluice_store.mutations
    where operation = ${operation === 'upsert' ? 'insert' : operation} and strpos(request::text, ${
    JSON.stringify(trace)
  }) > 0`
  return rows.map(({ state }) => state)
}

/** Rows that went to the platform more than once; the same idempotency key again does not count. */
async function sentTwice(ground: Ground, judged: Judged): Promise<string[]> {
  const lines = (await sandbox(ground, '/_exchanges', 'GET')).split('\n').filter((line) => line)
  const writes = lines.map((line) => JSON.parse(line) as Exchange)
    .filter((exchange) => isWrite(exchange) && !isUnheard(exchange))
  return tracesOf(judged).filter((trace) => {
    const mine = writes.filter(({ url, requestBody }) =>
      requestBody.includes(trace) || url.includes(trace)
    )
    const keys = mine.map(({ requestHeaders }, n) => requestHeaders['idempotency-key'] ?? n)
    return new Set(keys).size > 1
  })
}

async function sandbox(
  { sandboxUrl }: Ground,
  path: string,
  method: 'GET' | 'DELETE',
): Promise<string> {
  const response = await fetch(sandboxUrl + path, { method, signal: AbortSignal.timeout(60_000) })
  return await response.text()
}
