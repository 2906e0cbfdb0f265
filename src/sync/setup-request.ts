// Room sync: what an administrator asks for, by whatever door: command line, HTTP, a file.

import type postgres from 'postgres'
import { type Deadline, deadlineIn, withDeadline } from '../lib/deadline.ts'
import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import { Fault, fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { Platform } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import type { Store } from '../store/store.ts'
import { type Dial, openDatabase } from './database.ts'
import { type ListenerPlace, parseDatabaseUrl } from './setup-address.ts'
import { type BastionBody, bastionOf, through } from './setup-bastion.ts'
import { closeWaitSeconds } from './target.ts'

/** What administration works with. */
export interface AdminDeps {
  readonly store: Store
  readonly adapterFor: (platform: Platform) => Adapter
  /** Objects of a platform where all are chosen: what its adapter's `describe` takes. */
  readonly objectsOf: (platform: Platform) => readonly string[]
  readonly callerFor: (connectionId: string, options: { deadline: Deadline }) => Promise<Caller>
  /** By which a platform is asked about a credential that no connection has yet. */
  readonly http: Http
  /** How customers' databases are reached: through the guard that the process keeps. */
  readonly dial?: Dial
  /** A SCRAM verifier of a password, as Postgres stores it. */
  readonly makeVerifier: (password: string) => Promise<string>
  readonly random: (bytes: number) => Uint8Array
  readonly now: () => number
  readonly log: Log
  /** Where clients find the listeners, by region: one at least, the usual one first. */
  readonly listeners: readonly ListenerPlace[]
  /** The server on which databases are made on the spot, as a role that may make databases and roles; null: none. */
  readonly hosted: DatabaseAddress | null
  /** What is wrong with a base URL that credentials would be sent to, after "the URL"; null: nothing. */
  readonly baseUrlFlaw: (url: string) => string | null
  /** Ends a sync's webhook at its platform, where there is one; absent: nobody knows of webhooks here. */
  readonly endWebhook?: (syncId: string) => Promise<void>
  /** Where platforms reach the service, without a slash at the end; null, or absent: nobody has told. */
  readonly publicUrl?: string | null
}

/** The database of a sync: one that somebody has, one that is made on the spot, or one that the store knows. */
export type DatabaseRequest =
  | {
    readonly kind: 'given'
    /** What the store is to call it, where it does not know it yet; absent: one is made up. */
    readonly id?: string
    /** As the owner of schema and tables. */
    readonly owner: DatabaseAddress
    /** As clients are to be; absent: a role is made. */
    readonly login?: DatabaseAddress
  }
  | { readonly kind: 'hosted'; readonly id?: string }
  | { readonly kind: 'known'; readonly id: string }

export interface SetupRequest {
  /** Absent: one is made up. */
  readonly id?: string
  /** Of a connection that there is. */
  readonly connection: string
  readonly database: DatabaseRequest
  /** Absent: the platform's name. */
  readonly schema?: string
  readonly objects: readonly string[] | 'all'
  /** By object; of an object that is not here, all fields. */
  readonly fields?: Readonly<Record<string, readonly string[]>>
  /** Schemas whose tables the login role is to read as well, those of the owner. */
  readonly read?: readonly string[]
  /** The login that is made; absent: `app`. Null: none. */
  readonly user?: string | null
  /** Ranges that clients may come from; absent: anywhere. */
  readonly allow?: readonly string[]
}

/** What an administrator asks for, as plain JSON. */
export interface SetupBody {
  readonly id?: string | undefined
  readonly connection: string
  readonly database: DatabaseUrls & { readonly hosted?: true; readonly id?: string }
  readonly schema?: string | undefined
  readonly objects: readonly string[] | 'all'
  readonly fields?: Readonly<Record<string, readonly string[]>> | undefined
  readonly read?: readonly string[] | undefined
  readonly login?: string | null | undefined
  readonly allow?: readonly string[] | undefined
}

/** Connection URLs of a database. */
export interface DatabaseUrls {
  readonly url?: string | undefined
  readonly loginUrl?: string | undefined
  /** PEM of the authority for sslmode=verify-full. */
  readonly ca?: string | undefined
  /** The bastion that all of them go through; null: there is none any more. */
  readonly ssh?: BastionBody | null | undefined
}

/** Throws `bad_request`, never with a password. */
export function requestOf({ database, login, ...body }: SetupBody): SetupRequest {
  const { id, schema, fields, read, allow, connection, objects } = body
  return {
    connection,
    objects,
    database: databaseOf(database),
    ...(id === undefined ? {} : { id }),
    ...(schema === undefined ? {} : { schema }),
    ...(fields === undefined ? {} : { fields }),
    ...(read === undefined ? {} : { read }),
    ...(login === undefined ? {} : { user: login }),
    ...(allow === undefined ? {} : { allow }),
  }
}

function databaseOf({ hosted, id, ...urls }: SetupBody['database']): DatabaseRequest {
  if (hosted === true) return { kind: 'hosted' }
  if (id !== undefined) return { kind: 'known', id }
  const { owner, login } = addressesOf(urls)
  if (owner === undefined) {
    throw fault('bad_request', { message: 'the URL of the database is missing' })
  }
  return { kind: 'given', owner, ...(login === undefined ? {} : { login }) }
}

/** The addresses that URLs mean. Throws `bad_request`. */
export function addressesOf(
  { url, loginUrl, ca, ssh }: DatabaseUrls,
): { owner?: DatabaseAddress; login?: DatabaseAddress } {
  const proved = ca === undefined ? {} : { ca }
  const bastion = ssh ? bastionOf(ssh) : undefined
  const address = (text: string) => through(parseDatabaseUrl(text, proved), bastion)
  return {
    ...(url === undefined ? {} : { owner: address(url) }),
    ...(loginUrl === undefined ? {} : { login: address(loginUrl) }),
  }
}

/** Connecting, and the answer to a first statement, may take so long, in milliseconds; */
const answerWaitMs = 20_000
/** then the work: hundreds of tables are made in it. */
const workWaitMs = 10 * 60_000

/**
 * Runs the work on a session of the database; it is closed in the end. Errors are the database's and `dial`'s, and
 * DeadlineExceeded for one that says nothing: within `waits.answerMs` (20 s) or, later on, `waits.workMs` (10 min).
 */
export async function onDatabase<T>(
  { dial }: Pick<AdminDeps, 'dial'>,
  address: DatabaseAddress,
  work: (sql: postgres.Sql) => Promise<T>,
  { answerMs = answerWaitMs, workMs = workWaitMs }: { answerMs?: number; workMs?: number } = {},
): Promise<T> {
  const sql = openDatabase(address, { dial, name: 'sluice setup' })
  try {
    await withDeadline(sql.unsafe('select 1'), { waitMs: answerMs, what: 'Connecting' })
    return await withDeadline(work(sql), { waitMs: workMs, what: 'Work in the database' })
  } finally {
    await sql.end({ timeout: closeWaitSeconds })
  }
}

/** A caller of the connection, with the usual time for a request. */
export async function callerOf(deps: AdminDeps, connectionId: string): Promise<Caller> {
  return await deps.callerFor(connectionId, { deadline: deadlineIn(requestWaitMs, deps.now()) })
}

/** The error as a Fault whose words a person may read; what comes from the customer's database is named so. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  const { cause, code, message } = error as { cause?: unknown; code?: unknown; message?: string }
  if (cause instanceof Fault) return cause
  const words = message ?? String(error)
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    const hint = code === '55P03'
      ? 'A statement holds a table: try again in a moment.'
      : 'This is what the database said.'
    return fault('bad_request', { message: `the database refused: ${words}`, hint }, {
      cause: error,
    })
  }
  const hint = loginHints[String((error as { sqlstate?: unknown }).sqlstate)]
  return fault('database_unreachable', {
    detail: `${words}.`.replace(/\.\.$/, '.'),
    ...hint === undefined ? {} : { hint },
  }, { cause: error })
}

/** What to do by the SQLSTATE with which a server lets nobody in (PostgreSQL manual, appendix A). */
const loginHints: Readonly<Record<string, string>> = {
  '28P01': 'Look at user and password.',
  '28000': 'Look at the user, at its right to log in, and at pg_hba.conf of the server.',
  '3D000': 'Look at the name of the database.',
  '42501': 'The role may not connect to this database: GRANT CONNECT ON DATABASE … TO …;',
  '53300': 'All connections are taken: try again, or raise max_connections.',
  '57P03': 'The server starts up or shuts down: try again in a moment.',
}

/** So many characters of a random name: letters and digits. */
export function randomName(random: AdminDeps['random'], chars: number): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789'
  return [...random(chars)].map((byte) => letters[byte % letters.length]).join('')
}

/** A password of 32 characters that needs no escaping anywhere. */
export function randomPassword(random: AdminDeps['random']): string {
  return Buffer.from(random(24)).toString('base64url')
}
