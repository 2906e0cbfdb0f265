// Room store: which processes work with this store, and what each of them holds, for people.

import { olderSession, sessionPrefix } from './notices.ts'
import { presenceClass } from './presence.ts'
import type { Sql, Store } from './store.ts'

/** A process of the mutation service that is alive. */
export interface ServiceProcess {
  readonly id: number
  /** `host:pid` */
  readonly name: string
  readonly startedAt: Date
  /** Mutations that it has begun and not settled. */
  readonly underWay: number
}

/** What a process has for itself until a moment. */
export interface Lease {
  /** table: a sync process works on it. token: a service renews it. */
  readonly what: 'table' | 'token'
  /** `sync_x.contacts`, or the connection. */
  readonly of: string
  /** Who: `host:pid` where it is known. */
  readonly owner: string | null
  readonly until: Date
}

/** Those that are alive, in the order of their starts. Throws `service_unreachable`. */
export async function listServices(store: Store): Promise<readonly ServiceProcess[]> {
  const rows = await store.ask('Listing the services', (sql) =>
    sql<ServiceProcess[]>`
      select s.id, s.name, s.started_at as "startedAt",
        (select count(*)::int from sluice_store.mutations m
          where m.service = s.id and m.state in ('received', 'sent')) as "underWay"
      from sluice_store.services s
      where ${isAlive(sql, 's.id')}
      order by s.id`)
  return rows.map((row) => ({ ...row }))
}

/** Mutations of a connection that services have begun and not settled. */
export interface UnderWay {
  readonly connection: string
  readonly mutations: number
}

/** Of services that are alive; a connection without any is not among them. Throws `service_unreachable`. */
export async function listUnderWay(store: Store): Promise<readonly UnderWay[]> {
  const rows = await store.ask('Counting the mutations under way', (sql) =>
    sql<UnderWay[]>`
      select s.connection_id as connection, count(*)::int as mutations
      from sluice_store.mutations m join sluice_store.syncs s on s.id = m.sync_id
      where m.state in ('received', 'sent') and ${isAlive(sql, 'm.service')}
      group by 1 order by 1`)
  return rows.map((row) => ({ ...row }))
}

/** What those of an older version are listed as, however many: they do not tell their names. */
export const unnamedProcess = '(an older version)'

/**
 * Names (`host:pid`) of the sync processes that are alive and hear the store, or `unnamedProcess`. Throws
 * `service_unreachable`.
 */
export async function listSyncProcesses(store: Store): Promise<readonly string[]> {
  const rows = await store.ask('Listing the sync processes', (sql) =>
    sql<{ name: string }[]>`
      select distinct case when application_name = ${olderSession} then ${unnamedProcess}
        else substr(application_name, ${sessionPrefix.length + 1}::int) end as name
      from pg_stat_activity
      where datname = current_database() and (application_name = ${olderSession}
        or starts_with(application_name, ${sessionPrefix}))
      order by name`)
  return rows.map(({ name }) => name)
}

/** Is the service of the column's number alive? */
function isAlive(sql: Sql, column: 's.id' | 'm.service') {
  return sql`exists (select from pg_locks where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid = ${presenceClass} and objid = ${sql(column)})`
}

/** Leases that have not ended, those of tables first. Throws `service_unreachable`. */
export async function listLeases(store: Store): Promise<readonly Lease[]> {
  const rows = await store.ask('Listing the leases', (sql) =>
    sql<Lease[]>`
      select * from (
        select 'table' as what, sync_id || '.' || name as of, owner, lease_until as until
          from sluice_store.table_states where lease_until > now()
        union all
        select 'token', id, null, lease_until
          from sluice_store.connections where lease is not null and lease_until > now()
      ) leases order by what, of`)
  return rows.map((row) => ({ ...row }))
}
