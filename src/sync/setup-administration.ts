// Room sync: everything that an administrator does, in one place: the command line and the HTTP API are thin above it.

import { listDatabases } from '../store/databases.ts'
import { type ConnectionInfo, listConnections, removeConnection } from '../store/connection-list.ts'
import { type ListedSync, listSyncs, setSyncAllow, setSyncState } from '../store/syncs.ts'
import { requestResync } from '../store/tables.ts'
import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import type { SetupPlan } from './setup-plan.ts'
import type { Finding } from './checks.ts'
import { examine } from './doctor.ts'
import type { Reconciled } from './drift.ts'
import { type DropRequest, dropSync } from './drop.ts'
import { type GrantedLogin, grantLogin, revokeLogin } from './logins.ts'
import { placeOf } from './setup-address.ts'
import type { Applied, ApplyOptions } from './setup-actions.ts'
import { applyFile } from './setup-apply.ts'
import { type ConnectionRequest, giveConnection } from './setup-connection.ts'
import { type SetupDone, setUpSync } from './setup-create.ts'
import type { SetupFile } from './setup-file.ts'
import { bastionOf } from './setup-bastion.ts'
import { changeDatabase, repairSync } from './setup-repair.ts'
import { countRows, type TableRows } from './setup-rows.ts'
import {
  addressesOf,
  type AdminDeps,
  type DatabaseUrls,
  requestOf,
  type SetupBody,
} from './setup-request.ts'
import { readStatus, type SyncStatus } from './setup-status.ts'
import { addTables, readWhole, removeTable, type TablesDone } from './setup-tables.ts'
import { forgetWebhookSecret, setWebhookSecret } from './setup-webhook.ts'

/** A database as people see it: nothing secret. */
export interface DatabaseInfo {
  readonly id: string
  /** `host:port/database` */
  readonly place: string
  /** The role of clients. */
  readonly role: string
  /** Null: nobody has told how the owner reaches it. */
  readonly owner: string | null
  readonly hosted: boolean
  readonly syncs: readonly string[]
}

/** A sync that was made, or would be. */
export interface Created extends Pick<SetupPlan, 'schema' | 'findings' | 'makes'> {
  readonly sync: string
  /** Their names. */
  readonly tables: readonly string[]
  readonly made: boolean
  readonly database: string | null
  readonly login: GrantedLogin | null
}

/** A connection that is given a key or an app, as plain JSON. */
export interface ConnectionBody {
  readonly platform: Platform
  readonly baseUrl?: string | undefined
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  readonly key?: string | undefined
  readonly app?: {
    readonly appId: string
    readonly installationId: string
    readonly privateKey: string
  } | undefined
}

export interface Administration {
  create(body: SetupBody, options?: { dryRun?: boolean }): Promise<Created>
  list(): Promise<readonly ListedSync[]>
  status(syncId: string): Promise<SyncStatus>
  /** From the next mutation on, and for the sync process within seconds. */
  setState(syncId: string, state: 'active' | 'paused'): Promise<void>
  setAllow(syncId: string, allow: readonly string[] | null): Promise<readonly string[] | null>
  /** Gives the tables that will be filled again. Throws `not_found` for a table that there is not. */
  resync(syncId: string, table: string | null): Promise<readonly string[]>
  drop(request: DropRequest): Promise<readonly Finding[]>
  addTables(options: Parameters<typeof addTables>[1]): Promise<TablesDone>
  removeTable(options: Parameters<typeof removeTable>[1]): Promise<readonly string[]>
  repair(syncId: string): Promise<Reconciled>
  setWebhookSecret(
    options: { syncId: string; secret: string; force?: boolean },
  ): Promise<{ readonly address: string }>
  forgetWebhookSecret(syncId: string): Promise<{ readonly byItself: boolean }>
  grantLogin(options: { syncId: string; user: string }): Promise<GrantedLogin>
  revokeLogin(options: { syncId: string; user: string }): Promise<void>
  doctor(syncId: string): Promise<readonly Finding[]>
  rows(syncId: string): Promise<readonly TableRows[]>
  connections(): Promise<readonly ConnectionInfo[]>
  /** What the platform said of the credential; one that it refuses is not kept. */
  giveConnection(id: string, body: ConnectionBody): Promise<Finding>
  /** Throws `bad_request` while syncs use it. */
  removeConnection(id: string): Promise<void>
  databases(): Promise<readonly DatabaseInfo[]>
  changeDatabase(id: string, urls: DatabaseUrls): Promise<readonly Finding[]>
  apply(file: SetupFile, options: ApplyOptions): Promise<Applied>
}

/** Each throws `not_found`, `bad_request`, `service_unreachable` and what its function says. */
export function createAdministration(deps: AdminDeps): Administration {
  const { store } = deps
  return {
    create: async (body, options) => shown(await setUpSync(deps, requestOf(body), options)),
    list: () => listSyncs(store),
    status: (syncId) => readStatus(deps, syncId),
    setState: (id, state) =>
      setSyncState(store, { id, state: state === 'active' ? 'active' : 'disabled' }),
    setAllow: (id, allow) => setSyncAllow(store, { id, allow }),
    resync: (syncId, table) => resync(deps, { syncId, table }),
    drop: (request) => dropSync(deps, request),
    addTables: (options) => addTables(deps, options),
    removeTable: (options) => removeTable(deps, options),
    repair: (syncId) => repairSync(deps, syncId),
    setWebhookSecret: (options) => setWebhookSecret(deps, options),
    forgetWebhookSecret: (syncId) => forgetWebhookSecret(deps, syncId),
    grantLogin: (options) => grantLogin(deps, options),
    revokeLogin: (options) => revokeLogin(deps, options),
    doctor: (syncId) => examine(deps, syncId),
    rows: (syncId) => countRows(deps, syncId),
    connections: () => listConnections(store),
    removeConnection: (id) => removeConnection(store, id),
    giveConnection: (id, body) => giveConnection(deps, connectionOf(id, body)),
    databases: () => databaseInfos(deps),
    changeDatabase: (id, urls) =>
      changeDatabase(deps, { id, ...addressesOf(urls), ssh: urls.ssh && bastionOf(urls.ssh) }),
    apply: (file, options) => applyFile(deps, file, options),
  }
}

function shown({ plan, made }: SetupDone): Created {
  const { syncId, schema, findings, makes, tables } = plan
  return {
    sync: syncId,
    schema,
    tables: tables.map(({ name }) => name),
    findings,
    makes,
    made: made !== null,
    database: made?.databaseId ?? null,
    login: made?.login ?? null,
  }
}

function connectionOf(
  id: string,
  { platform, baseUrl, settings, key, app }: ConnectionBody,
): ConnectionRequest {
  const rest = {
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(settings === undefined ? {} : { settings }),
  }
  if (key !== undefined) return { id, platform, ...rest, credential: { kind: 'key', key } }
  if (app !== undefined) return { id, platform, ...rest, credential: { kind: 'app', ...app } }
  throw fault('bad_request', { message: 'a connection needs a key or an app' })
}

async function resync(
  deps: AdminDeps,
  { syncId, table }: { syncId: string; table: string | null },
): Promise<readonly string[]> {
  const { sync } = await readWhole(deps, syncId)
  const names = await requestResync(deps.store, { syncId, table })
  if (table === null || names.length > 0) return names
  throw fault('not_found', {
    message: `sync "${syncId}" has no table "${table}"`,
    hint: `It has ${sync.tables.map(({ name }) => name).join(', ')}.`,
  })
}

async function databaseInfos({ store }: AdminDeps): Promise<readonly DatabaseInfo[]> {
  return (await listDatabases(store)).map(({ id, address, owner, hosted, syncs }) => ({
    id,
    place: placeOf(address),
    role: address.user,
    owner: owner?.user ?? null,
    hosted: hosted === true,
    syncs,
  }))
}
