// Room sync: one session of the customer's database, kept for one writer. When its connection is lost, whatever is asked
// of it afterwards fails: the driver would write into nothing, and end the process (porsager/postgres#1208).

import { Buffer } from 'node:buffer'
import type { Writable } from 'node:stream'
import postgres from 'postgres'
import { openSql, ticketMac } from '../database/index.ts'

export type Row = Readonly<Record<string, unknown>>
export type Rows = readonly Row[] & { readonly count: number }

/** A session. One transaction at a time: whoever wants another waits. */
export interface Session {
  /** One statement with text parameters, or several without. Throws Postgres's errors, and an Error when it is lost. */
  readonly run: (text: string, parameters?: readonly (string | null)[]) => Promise<Rows>
  /**
   * Inside a transaction, a statement that fires triggers of the customer's: with the search path that they know. Names in
   * it have to be qualified.
   */
  readonly change: (text: string, parameters?: readonly (string | null)[]) => Promise<Rows>
  /** COPY … FROM STDIN. Gives how many rows it made. */
  readonly copy: (text: string, data: string) => Promise<number>
  /** Inside a transaction, as `change`: COPY into a table with triggers of the customer's. */
  readonly copyChange: (text: string, data: string) => Promise<number>
  /** Runs work in a transaction in mode `sync` and commits. Throws what the work throws; it is rolled back then. */
  inSync<T>(options: InSync, work: (mutation: string) => Promise<T>): Promise<T>
  /** Runs work alone, outside a transaction. */
  alone<T>(work: () => Promise<T>): Promise<T>
  release(): void
}

export interface InSync {
  readonly ticketKey: Uint8Array
  /** For each statement, in milliseconds. */
  readonly waitMs: number
  /** For each lock, in milliseconds. */
  readonly lockWaitMs: number
}

/** What the driver calls a connection, as far as it is asked here. */
interface Connection {
  onclose: ((error: Error) => void) | null
  /** A connection that is not to be released stays with whoever has it when a transaction ends. */
  readonly reserved: { release?: boolean }
}

/** What tickets of the session are made of. */
interface Own {
  readonly pid: number
  readonly mutation: string
}

const ownSql = `
  select pg_catalog.pg_backend_pid() as pid, pg_catalog.gen_random_uuid()::pg_catalog.text as id`

interface Line {
  lost: Error | null
  /** Whoever waits for an answer: the driver forgets those whose turn had not come when the connection was lost. */
  readonly waiting: Set<(error: Error) => void>
  /** COPY under way: the driver takes no statement meanwhile. */
  copying: Promise<number> | null
  readonly session: Pick<postgres.TransactionSql, 'unsafe'>
  release: () => void
}

/** Reserves a connection of the pool. Throws what connecting throws. */
export async function reserveSession(sql: postgres.Sql): Promise<Session> {
  const line = await takeLine(sql)
  const { pid, mutation } = await watch(line)
  const run: Session['run'] = (text, parameters = []) => ask(line, text, parameters)
  const alone = inTurn()
  await run('commit')
  return {
    run,
    change: (text, parameters) => withTheirPath(run, () => run(text, parameters)),
    alone,
    copy: (text, data) => copy(line, text, data),
    copyChange: async (text, data) => {
      const [, count] = await together([run(theirPath), copy(line, text, data)])
      await run(ourPath)
      return count
    },
    inSync: (options, work) =>
      alone(() => {
        const mac = ticketMac(options.ticketKey, { mode: 'sync', mutationId: mutation, pid })
        const ticket = ['sync', mutation, mac, '0', null]
        return inTransaction(run, { ...options, ticket }, () => work(mutation))
      }),
    release: () => line.release(),
  }
}

/**
 * A connection, by a transaction of the driver's: `reserve` never gives one that is new where the driver is not to ask for
 * types. A lost one is never given back, since the driver would write into it.
 */
async function takeLine(sql: postgres.Sql): Promise<Line> {
  const begun = Promise.withResolvers<postgres.TransactionSql>()
  const ended = Promise.withResolvers<void>()
  const held = sql.begin(async (session) => {
    begun.resolve(session)
    await ended.promise
  })
  held.catch(begun.reject) // once it has begun: errors that whoever asked has heard of
  const line: Line = {
    lost: null,
    waiting: new Set(),
    copying: null,
    session: await begun.promise,
    release: () => {
      if (line.lost === null) ended.resolve()
      line.lost ??= new Error('The session was released')
    },
  }
  return line
}

/** Keeps the connection beyond the transaction, and learns of its end at once. */
async function watch(line: Line): Promise<Own> {
  const onexecute = (connection: Connection) => {
    const { onclose } = connection
    const { release } = line
    connection.reserved.release = true
    connection.onclose = (error) => {
      line.lost ??= error
      for (const reject of line.waiting) reject(lostSession(error))
      onclose?.(error)
    }
    line.release = () => {
      if (line.lost === null) connection.reserved.release = false
      release()
    }
    return true
  }
  const [row] = await line.session.unsafe(ownSql, [], { onexecute } as object)
  return { pid: Number(row?.['pid']), mutation: String(row?.['id']) }
}

async function ask(
  line: Line,
  text: string,
  parameters: readonly (string | null)[],
): Promise<Rows> {
  if (line.copying !== null) await line.copying.catch(() => {}) // whoever copies hears of it
  if (line.lost !== null) throw lostSession(line.lost)
  try {
    // prepared, since the driver would ask for the parameters' types each time
    const options = { prepare: parameters.length > 0 }
    const asked = line.session.unsafe(text, [...parameters], options)
    return await heard(line, asked) as unknown as Rows
  } catch (error) {
    if (!isAnswer(error)) line.lost ??= asError(error)
    throw error
  }
}

/** Rejects at the latest when the connection is lost. */
async function heard<T>({ waiting }: Line, answer: PromiseLike<T>): Promise<T> {
  const lost = Promise.withResolvers<never>()
  waiting.add(lost.reject)
  try {
    return await Promise.race([answer, lost.promise])
  } finally {
    waiting.delete(lost.reject)
  }
}

/** Did Postgres say it, and goes on? */
function isAnswer(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !/^(FATAL|PANIC)$/.test(error.severity)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** As the driver says it of a connection that it finds closed. */
function lostSession(cause: Error): Error {
  const lost = new Error('The connection to the database is lost', { cause })
  return Object.assign(lost, { code: 'CONNECTION_CLOSED' })
}

/** What the driver calls a query, as far as it is asked here: it ends one with either, once more when COPY is over. */
interface Copying {
  resolve: (result: unknown) => void
  reject: (error: Error) => void
  writable(): Promise<unknown>
}

/** The driver tells how COPY ended only while the stream is open, which may be over before the server has looked. */
async function copy(line: Line, text: string, data: string): Promise<number> {
  if (line.lost !== null) throw lostSession(line.lost)
  try {
    const query = line.session.unsafe(text) as unknown as Copying
    line.copying = heard(line, copied(query, data))
    return await line.copying
  } catch (error) {
    if (!isAnswer(error)) line.lost ??= asError(error)
    throw error
  } finally {
    line.copying = null
  }
}

/**
 * Data and its end at once: a last packet on its own would wait for the acknowledgement of the one before. As soon as the
 * driver has the stream, since an error that comes with it in one packet would find nobody who hears of it.
 */
async function copied(query: Copying, data: string): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    query.reject = reject
    query.resolve = (opened) => {
      query.resolve = (result) => resolve((result as Rows).count)
      const stream = opened as Writable
      stream.on('error', reject)
      stream._write(Buffer.from(data), 'utf8', () => {})
      stream._final(() => {})
    }
    void query.writable() // sends it; the stream comes above
  })
}

/** All three are sent at once. */
async function withTheirPath(run: Session['run'], work: () => Promise<Rows>): Promise<Rows> {
  const [, done] = await together([run(theirPath), work(), run(ourPath)])
  return done
}

const failedTransaction = '25P02'

/**
 * As Promise.all, of statements that were sent at once: throws what the first that was refused has thrown, and not that
 * those behind it found the transaction failed.
 */
export async function together<const T extends readonly Promise<unknown>[]>(
  statements: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const ends = await Promise.allSettled(statements)
  const errors = ends.flatMap((end) => end.status === 'rejected' ? [end.reason as unknown] : [])
  if (errors.length > 0) {
    const isFirst = (error: unknown) => (error as { code?: unknown }).code !== failedTransaction
    throw errors.find(isFirst) ?? errors[0]
  }
  return await Promise.all(statements)
}

/** One after the other. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work, work)
    last = mine.catch(() => {})
    return mine
  }
}

/**
 * Names in our statements mean what Postgres means by them: the session is the owner's, and whoever may make functions and
 * operators in a schema of its search path could make some that fit better.
 */
const ourPath = 'set local search_path = pg_catalog, pg_temp'
/** As it was in the session: triggers of the owner's may need it. */
const theirPath = 'set local search_path to default'

/** "Written" has to outlive a crash of the database, since the store goes on from there. */
const durable = `select case pg_catalog.current_setting('synchronous_commit') when 'off'
  then pg_catalog.set_config('synchronous_commit', 'on', true) end`

async function inTransaction<T>(
  run: Session['run'],
  { ticket, waitMs, lockWaitMs }: InSync & { ticket: readonly (string | null)[] },
  work: () => Promise<T>,
): Promise<T> {
  try {
    await Promise.all([
      run(`begin isolation level read committed;
        ${ourPath}; ${durable};
        set local lock_timeout = ${lockWaitMs}; set local statement_timeout = ${waitMs}`),
      run(openSql, ticket),
    ])
    const result = await work()
    await run(`${theirPath}; commit`) // constraints that are checked now have triggers too
    return result
  } catch (error) {
    await run('rollback').catch(() => {}) // the first error says what happened
    throw error
  }
}
