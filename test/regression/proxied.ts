// A listener in front of the suite's database. Its configuration names tables as the suite does, but in a schema that is not
// there: so the listener looks closely at the suite's statements, and none of them is a mutation.

import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { silentLog } from '../../src/lib/log.ts'
import type { SyncConfig } from '../../src/mutation/config.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import { startListener } from '../../src/session/listener.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import type { SuiteDoor } from './suite.ts'

export interface ProxyOptions {
  readonly databasePort: number
  /** Names of tables that are looked at closely. */
  readonly names: readonly string[]
}

/** Starts it; `close` ends its sessions. */
export async function startProxy(
  { databasePort, names }: ProxyOptions,
): Promise<SuiteDoor & { close(): Promise<void> }> {
  const syncId = 'sync_suite'
  const tables = names.map((name): SyncedTable => ({
    syncId,
    platform: 'salesforce',
    schema: 'sluice_absent',
    name,
    object: name,
    columns: [],
  }))
  const config: SyncConfig = {
    id: syncId,
    state: 'active',
    database: {
      host: '127.0.0.1',
      port: databasePort,
      database: 'regression',
      user: 'postgres',
      password: 'postgres',
      sslmode: 'disable',
    },
    ticketKey: Buffer.from(randomBytes(32)).toString('base64'),
    users: { suite: await makeVerifier('suite') },
    tables,
  }
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    tlsRequired: false,
    connectionsMax: 20,
    handshakeWaitMs: 60_000,
    mockSecret: randomBytes(32),
    service: {
      findSync: (id) => Promise.resolve(id === syncId ? config : null),
      send: () => Promise.reject(new Error('a statement of the suite was taken for a mutation')),
      applied: () => {},
      settle: () => Promise.resolve(),
    },
    log: silentLog,
  })
  return {
    port: listener.port,
    user: `suite.${syncId}`,
    password: 'suite',
    close: () => listener.close({ graceMs: 5_000 }),
  }
}
