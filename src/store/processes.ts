// Room store: which processes work with this store, and what each of them holds, for people.

import { presenceClass } from './presence.ts'
import type { Store } from './store.ts'

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
      where exists (select from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())
        and classid = ${presenceClass} and objid = s.id)
      order by s.id`)
  return rows.map((row) => ({ ...row }))
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
