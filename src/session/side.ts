// Room session: the side connection on which a mutation runs while the client is inside a transaction block or an
// unfinished pipeline: same database, same role, same settings. That is how a mutation escapes the transaction.

import { dryRunName } from '../engine/planning.ts'
import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import { answered } from './bounded.ts'
import { queryLink } from './conduit.ts'
import { Link } from './link.ts'
import { type Approach, DatabaseRefused, loginDatabase } from './login.ts'

export interface SideOptions {
  readonly address: DatabaseAddress
  /** Startup parameters of the client. */
  readonly parameters: ReadonlyMap<string, string>
  readonly log: Log
  readonly approach: Approach
}

/** What the client's own connection is set to. */
export interface SessionSettings {
  /** JSON object: name → value, of what was SET in the session. */
  readonly settings: string
  readonly role: string
  readonly sessionUser: string
  readonly readOnly: boolean
  /** `sluice.dry_run`, which no catalogue lists; null: not set. */
  readonly dryRun: string | null
  /** Names of the session's temporary tables and views, which another connection does not see. */
  readonly temporary: readonly string[]
  /** Of the client's transaction, which waits for the mutation: switched off meanwhile. Null: it was off. */
  readonly idleTimeout: string | null
}

/** How long a login may take, in milliseconds. */
export const loginWaitMs = 15_000

/** A side connection without a use is closed after so long. */
const idleMs = 5_000

const idleName = 'idle_in_transaction_session_timeout'

// transaction_*: of the client's transaction, not of its session. The idle timeout is last: it is read before it is set.
const settingsSql = `
select coalesce(json_object_agg(name, setting), '{}')::text,
  pg_catalog.current_setting('role'), session_user::text,
  pg_catalog.current_setting('transaction_read_only'),
  pg_catalog.current_setting('${dryRunName}', true),
  case when pg_catalog.pg_my_temp_schema() <> 0
    then (select json_agg(relname)::text from pg_catalog.pg_class
      where relnamespace = pg_catalog.pg_my_temp_schema() and relkind in ('r', 'p', 'v', 'S')) end,
  pg_catalog.current_setting('${idleName}'),
  case when pg_catalog.current_setting('${idleName}') <> '0'
    then pg_catalog.set_config('${idleName}', '0', true) end
from pg_catalog.pg_settings
where source = 'session' and context in ('user', 'superuser') and name not like 'transaction!_%' escape '!'`

const applySql = `
select pg_catalog.set_config(key, value, false)
from pg_catalog.json_each_text($1::json)`

const dryRunSql = `select pg_catalog.set_config('${dryRunName}', $1, false)`

const identitySql = `
select pg_catalog.set_config('session_authorization', $1, false), pg_catalog.set_config('role', $2, false)`

/** Asks the client's own connection; it must be quiet and not in a failed transaction. */
export async function readSettings(link: Link): Promise<SessionSettings> {
  const [row] = await queryLink(link, settingsSql)
  const [settings, role, sessionUser, readOnly, dryRun, temporary, idle] = required(
    row,
    'the settings',
  )
  return {
    settings: settings ?? '{}',
    role: role ?? 'none',
    sessionUser: sessionUser ?? '',
    readOnly: readOnly === 'on',
    dryRun: dryRun || null,
    temporary: JSON.parse(temporary ?? '[]') as string[],
    idleTimeout: idle === undefined || idle === '0' ? null : idle,
  }
}

/** Gives the client's transaction its idle timeout back. What fails here has failed for the client already. */
export async function restoreSettings(
  link: Link,
  { idleTimeout }: SessionSettings,
): Promise<void> {
  if (idleTimeout === null || link.closed || link.tracker.failed) return
  const sql = `select pg_catalog.set_config('${idleName}', $1, true)`
  await answered(link, queryLink(link, sql, [idleTimeout])).catch(() => {})
}

/** Keeps at most one side connection, for a session. */
export class Side {
  readonly #options: SideOptions
  #link: Link | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: SideOptions) {
    this.#options = options
  }

  /** The connection under its settings, made anew where there is none. Throws as loginDatabase does. */
  async take(settings: SessionSettings): Promise<Link> {
    clearTimeout(this.#timer)
    const link = this.#link !== null && !this.#link.closed ? this.#link : await this.#connect()
    this.#link = link
    await answered(link, this.#set(link, settings), this.#options.approach.stepWaitMs)
    return link
  }

  async #set(link: Link, settings: SessionSettings): Promise<void> {
    await queryLink(link, 'DISCARD ALL')
    if (settings.sessionUser !== this.#options.address.user || settings.role !== 'none') {
      await queryLink(link, identitySql, [settings.sessionUser, settings.role])
    }
    if (settings.settings !== '{}') await queryLink(link, applySql, [settings.settings])
    if (settings.dryRun !== null) await queryLink(link, dryRunSql, [settings.dryRun])
  }

  /** The client is slow: stop reading what the mutation returns. */
  pause(): void {
    this.#link?.pause()
  }

  resume(): void {
    this.#link?.resume()
  }

  /** No longer in use; closed after a while, or at once where it may still be at work. */
  release(): void {
    clearTimeout(this.#timer)
    if (this.#link?.status !== 'I') return this.close()
    this.#timer = setTimeout(() => this.close(), idleMs)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#link?.destroy()
    this.#link = null
  }

  async #connect(): Promise<Link> {
    const { address, ...options } = this.#options
    const login = await loginDatabase(address, { ...options, waitMs: loginWaitMs })
      .catch((error: unknown) => {
        throw error instanceof DatabaseRefused ? refused(error) : error
      })
    return new Link(login, { write: () => true, closed: () => {} }).start()
  }
}

function refused(error: DatabaseRefused) {
  return fault('database_unreachable', {
    message: 'the database refused a second connection, nothing was sent',
    detail:
      `A mutation inside a transaction block runs on a connection of its own: ${error.message}`,
    hint: 'Send it outside a transaction block, or allow the role more connections.',
  }, { cause: error })
}

/** The first of these names that means something on this connection, or null. */
export async function findRelation(link: Link, names: readonly string[]): Promise<string | null> {
  if (names.length === 0) return null
  const sql = `select n from pg_catalog.json_array_elements_text($1::json) n
    where pg_catalog.to_regclass(pg_catalog.quote_ident(n)) is not null limit 1`
  const rows = await queryLink(link, sql, [JSON.stringify(names)])
  return rows[0]?.[0] ?? null
}

/** Is `pid` waiting for a lock that the link's own transaction holds? */
export async function blocks(link: Link, pid: number): Promise<boolean> {
  const sql =
    `select pg_catalog.pg_backend_pid() = any(pg_catalog.pg_blocking_pids($1::text::int4))`
  const rows = await queryLink(link, sql, [String(pid)])
  return rows[0]?.[0] === 't'
}
