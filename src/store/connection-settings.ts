// Room store: connections without their credentials, for whoever only wants to know what is allowed there.

import type { Platform } from '../mutation/table.ts'
import type { Store } from './store.ts'

export interface ConnectionSettings {
  readonly id: string
  readonly platform: Platform
  readonly settings: Readonly<Record<string, unknown>>
}

/** All connections, by id. Throws `service_unreachable`. */
export async function listConnectionSettings(
  store: Store,
): Promise<readonly ConnectionSettings[]> {
  const rows = await store.ask('Reading the connections', (sql) =>
    sql<ConnectionSettings[]>`
      select id, platform, settings from sluice_store.connections order by id`)
  return rows.map((row) => ({ ...row }))
}
