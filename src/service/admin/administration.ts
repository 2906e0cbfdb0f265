// Room service: what the administrators' routes call. The work is done elsewhere (src/sync/setup-administration.ts) and
// passed in.

import type { RowsAnswer } from './insight-schemas.ts'
import type { Repaired } from './routes.ts'
import type {
  ConnectionBody,
  CreateBody,
  CreatedAnswer,
  DatabaseBody,
  Finding,
  LoginAnswer,
  SyncStatusAnswer,
} from './schemas.ts'

interface Listed extends Pick<SyncStatusAnswer, 'id' | 'platform' | 'schema'> {
  readonly state: 'active' | 'disabled'
  readonly allow: readonly string[] | null
}

interface ListedConnection extends Pick<ConnectionBody, 'platform'> {
  readonly id: string
  readonly kind: 'oauth' | 'key' | 'app'
  readonly state: 'active' | 'revoked' | 'unfinished'
  readonly baseUrl: string
  readonly account: string | null
  readonly obtainedAt: Date | null
  readonly expiresAt: Date | null
}

interface ListedDatabase {
  readonly id: string
  readonly place: string
  readonly role: string
  readonly owner: string | null
  readonly hosted: boolean
  readonly syncs: readonly string[]
}

type Deep<T> = T extends readonly (infer Item)[] ? readonly Deep<Item>[]
  : T extends object ? { readonly [Key in keyof T]: Deep<T[Key]> }
  : T

/** Each throws Faults whose words an administrator may read. */
export interface Administration {
  create(
    body: Omit<CreateBody, 'dryRun'>,
    options: { dryRun: boolean },
  ): Promise<Deep<CreatedAnswer>>
  list(): Promise<readonly Listed[]>
  status(syncId: string): Promise<Deep<SyncStatusAnswer>>
  setState(syncId: string, state: 'active' | 'paused'): Promise<void>
  setAllow(syncId: string, allow: readonly string[] | null): Promise<readonly string[] | null>
  resync(syncId: string, table: string | null): Promise<readonly string[]>
  drop(
    request: { syncId: string; tables: 'keep' | 'remove'; force: boolean },
  ): Promise<readonly Finding[]>
  addTables(
    options: {
      syncId: string
      objects: readonly string[]
      fields: Readonly<Record<string, readonly string[]>>
      dryRun: boolean
    },
  ): Promise<{ readonly findings: readonly Finding[]; readonly tables: readonly string[] }>
  removeTable(
    options: { syncId: string; table: string; tables: 'keep' | 'remove' },
  ): Promise<readonly string[]>
  repair(syncId: string): Promise<Deep<Repaired>>
  setWebhookSecret(
    options: { syncId: string; secret: string; force?: boolean },
  ): Promise<{ readonly address: string }>
  forgetWebhookSecret(syncId: string): Promise<{ readonly byItself: boolean }>
  grantLogin(options: { syncId: string; user: string }): Promise<Deep<LoginAnswer>>
  revokeLogin(options: { syncId: string; user: string }): Promise<void>
  doctor(syncId: string): Promise<readonly Finding[]>
  /** How many rows the tables of a sync have; absent: nobody can say. */
  rows?(syncId: string): Promise<Deep<RowsAnswer['tables']>>
  connections(): Promise<readonly ListedConnection[]>
  giveConnection(id: string, body: ConnectionBody): Promise<Finding>
  removeConnection(id: string): Promise<void>
  databases(): Promise<readonly ListedDatabase[]>
  changeDatabase(id: string, body: DatabaseBody): Promise<readonly Finding[]>
}
