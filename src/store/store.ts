// Room store: the mutation service's own Postgres. Every question to it has a deadline, and a store that cannot be
// reached is the fault `service_unreachable`.

import postgres from 'postgres'
import { DeadlineExceeded, withDeadline } from '../lib/deadline.ts'
import { ownAnswers } from '../lib/driver.ts'
import { Fault, fault } from '../mutation/fault.ts'
import type { Keyring } from './seal.ts'
import { texts } from './texts.ts'

export type Sql = postgres.Sql

export interface StoreOptions {
  /** Connection URL with password; `?sslmode=` is honoured. */
  readonly url: string
  readonly keyring: Keyring
  /** Connections at most, 20 by default. */
  readonly connectionsMax?: number
  /** Longest wait for one question, 10 s by default. */
  readonly waitMs?: number
  /** Questions put and not answered, those that were given up included; 5,000 by default. One more fails at once. */
  readonly questionsMax?: number
}

export interface Store {
  readonly keyring: Keyring
  /**
   * The pool. One statement at a time, no `begin`, no `reserve` in the service: when such a connection is lost, the
   * driver's next write on it throws where nobody can catch it (porsager/postgres#1208) and the process is gone.
   */
  readonly sql: Sql
  /** Questions put and not answered. */
  readonly questions: number
  /** A connection string for a session of one's own (presence). */
  readonly url: string
  /**
   * Asks the store, within its wait. Throws `service_unreachable` when the store does not answer; other errors pass.
   * A question given up may still be carried out.
   */
  ask<T>(what: string, work: (sql: Sql) => Promise<T>): Promise<T>
  /** Ends all connections, waiting a few seconds for questions under way. */
  close(): Promise<void>
}

const storeWaitMs = 10_000
const storeQuestionsMax = 5_000
const connectWaitSeconds = 5
const closeWaitSeconds = 5
const backoffMaxSeconds = 2

/** Opens the store. Connects when first asked. */
export function openStore(options: StoreOptions): Store {
  const { url, keyring, connectionsMax = 20, waitMs = storeWaitMs } = options
  const { questionsMax = storeQuestionsMax } = options
  const connection = { application_name: 'sluice', statement_timeout: waitMs }
  const sql = ownAnswers(postgres(url, { ...common, max: connectionsMax, connection }))
  let questions = 0
  return {
    keyring,
    sql,
    url,
    get questions() {
      return questions
    },
    ask: async (what, work) => {
      // the driver keeps what was given up until it has a connection: a store that is down must not fill the memory
      if (questions >= questionsMax) throw storeDown(what, undefined)
      const asked = work(sql)
      questions += 1
      const answer = asked.finally(() => questions -= 1)
      return await ask(withDeadline(answer, { waitMs, what }), what)
    },
    close: () => sql.end({ timeout: closeWaitSeconds }),
  }
}

/** What every pool of the store has in common. */
export const common = {
  connect_timeout: connectWaitSeconds,
  idle_timeout: 60,
  backoff: (tries: number) => Math.min(backoffMaxSeconds, 0.05 * 2 ** tries),
  onnotice: () => {},
  fetch_types: false,
  types: { texts },
}

async function ask<T>(answer: Promise<T>, what: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw isStoreDown(error) ? storeDown(what, error) : error
  }
}

/** The fault for a store that does not answer. */
export function storeDown(what: string, cause: unknown): Error {
  return fault(
    'service_unreachable',
    {
      message: "mutation service's store is unreachable, nothing was sent",
      detail: `${what} failed.`,
    },
    { cause },
  )
}

/**
 * Why the store could not be asked, in the words of Postgres or of the network: for whoever runs it, not for clients.
 * Null: nobody knows.
 */
export function storeReason(error: unknown): string | null {
  const cause = error instanceof Fault ? error.cause : error
  if (!isStoreDown(cause) || !(cause instanceof Error)) return null
  if (cause instanceof DeadlineExceeded) return 'it has not answered in time'
  const { code } = cause as { code?: unknown }
  const words = cause.message === '' ? String(code) : cause.message
  return cause.name === 'PostgresError' ? `${words} (${String(code)})` : words
}

/** Does the error say that the store has not, or no longer, the schema that was asked for? */
export function isSchemaMissing(error: unknown): boolean {
  const missing = ['3F000', '42P01', '42703', '42883']
  return error instanceof Error && error.name === 'PostgresError' &&
    missing.includes((error as { code?: unknown }).code as string)
}

/** Was the question put to a store that this process has closed? Then asking again is of no use. */
export function isStoreClosed(error: unknown): boolean {
  return error instanceof Fault && (error.cause as { code?: unknown })?.code === 'CONNECTION_ENDED'
}

/** SQLSTATE classes (Postgres manual, appendix A) of a server that is not there for us: connection, transaction state
 * (a standby), authorization, no such database, resources, operator intervention, system. */
const downClasses = ['08', '25', '28', '3D', '53', '57', '58']

/** Codes of the operating system (ECONNRESET), of the driver (CONNECTION_CLOSED) and of TLS. */
const networkCodes =
  /^(E(?!RR_)[A-Z]+|CONNECTION_[A-Z]+|CONNECT_TIMEOUT|ERR_(TLS|SSL)_\w+|\w*CERT\w*)$/

/** Does the error mean that the store could not be asked, rather than that the question was wrong? */
export function isStoreDown(error: unknown): boolean {
  if (error instanceof DeadlineExceeded) return true
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return false
  if (error.name === 'PostgresError') return downClasses.includes(code.slice(0, 2))
  return error instanceof Fault ? false : networkCodes.test(code)
}

/** SQLSTATEs of a server that ends a connection or does not take one yet. */
const leaving = /^(08...|57P0.)$/

/** Does the error mean that the way to the store was lost, rather than that the store answered, whatever it answered? */
export function isStoreLost(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'PostgresError') return isStoreDown(error)
  return leaving.test(String((error as { code?: unknown }).code))
}
