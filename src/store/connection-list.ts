// Room store: connections as people see them, and the end of one.

import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { Credential } from './connections.ts'
import type { Store } from './store.ts'

/** A connection as people see it: nothing secret. */
export interface ConnectionInfo {
  readonly id: string
  readonly platform: Platform
  readonly kind: Credential['kind']
  /** unfinished: nobody has connected the account yet. revoked: the platform has refused the credential. */
  readonly state: 'active' | 'revoked' | 'unfinished'
  readonly baseUrl: string
  readonly account: string | null
  readonly obtainedAt: Date | null
  readonly expiresAt: Date | null
}

/** Connections that are listed at most. */
export const connectionsListedMax = 1_000

/** The connections, by id. Throws `service_unreachable`. */
export async function listConnections(store: Store): Promise<ConnectionInfo[]> {
  // whoever has connected has tokens, and so a time at which they came
  const rows = await store.ask('Reading the connections', (sql) =>
    sql<ConnectionInfo[]>`
      select id, platform, kind, base_url as "baseUrl", account,
        case when state = 'revoked' and kind = 'oauth' and obtained_at is null and account is null
          then 'unfinished' else state end as state,
        obtained_at as "obtainedAt", expires_at as "expiresAt"
      from sluice_store.connections order by id limit ${connectionsListedMax}`)
  return rows.map((row) => ({ ...row }))
}

/** Syncs of a connection that are named at most. */
const namedMax = 20
const triesMax = 3

/**
 * Forgets a connection with its credential, and its buckets. What the platform has granted stays there. Throws `not_found`;
 * `bad_request` while syncs use it, which it names; `service_unreachable`.
 */
export async function removeConnection(store: Store, id: string): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    const { known, gone, syncs } = await tryToRemove(store, id)
    if (gone) return
    if (!known) throw fault('not_found', { message: `connection "${id}" not found` })
    if (syncs.length > 0) throw inUse(id, syncs)
  }
  throw fault('service_unreachable', { message: `connection "${id}" is being changed` })
}

interface Removal {
  readonly known: boolean
  readonly gone: boolean
  readonly syncs: readonly string[]
}

async function tryToRemove(store: Store, id: string): Promise<Removal> {
  const nothing = { known: true, gone: false, syncs: [] }
  try {
    const [row] = await store.ask('Removing the connection', (sql) =>
      sql<Removal[]>`
        with gone as (
          delete from sluice_store.connections c where id = ${id}
            and not exists (select from sluice_store.syncs s where s.connection_id = c.id)
          returning id
        )
        select exists (select from sluice_store.connections where id = ${id}) as known,
          exists (select from gone) as gone,
          (select coalesce(json_agg(s.id order by s.id), '[]')
            from sluice_store.syncs s where s.connection_id = ${id}) as syncs`)
    return row ?? nothing
  } catch (error) {
    // a sync was made with it at that moment
    if ((error as { code?: unknown }).code === foreignKeyViolation) return nothing
    throw error
  }
}

/** Postgres manual, appendix A. */
const foreignKeyViolation = '23503'

function inUse(id: string, syncs: readonly string[]): Error {
  const named = syncs.slice(0, namedMax).join(', ')
  const more = syncs.length > namedMax ? ` and ${syncs.length - namedMax} more` : ''
  return fault('bad_request', {
    message: `connection "${id}" is in use`,
    detail: `By ${named}${more}.`,
    hint: 'Drop those first: sluice syncs drop --sync … --keep-tables.',
  })
}
