// Room sync: bringing the syncs to what a file says. What it will do is told first; done twice, it does nothing the second
// time; nothing is deleted unless it is asked to prune.

import { isDeepStrictEqual } from 'node:util'
import { Fault, fault } from '../mutation/fault.ts'
import { readSetup } from '../store/admin-syncs.ts'
import type { Credential } from '../store/connections.ts'
import { listDatabases } from '../store/databases.ts'
import { listSyncs, setSyncAllow, setSyncState } from '../store/syncs.ts'
import { type Finding, warn } from './checks.ts'
import { dropSync } from './drop.ts'
import { grantLogin, revokeLogin } from './logins.ts'
import {
  type Action,
  type Applied,
  type ApplyOptions,
  carryOut,
  checkAll,
  reveal,
} from './setup-actions.ts'
import { parseDatabaseUrl } from './setup-address.ts'
import { bastionOf, through } from './setup-bastion.ts'
import { changeDatabase } from './setup-repair.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import {
  type ConnectionRequest,
  findConnection,
  giveConnection,
  isSameCredential,
} from './setup-connection.ts'
import { setUpSync } from './setup-create.ts'
import type { FileConnection, FileDatabase, FileSync, Secret, SetupFile } from './setup-file.ts'
import type { AdminDeps, DatabaseRequest, SetupRequest } from './setup-request.ts'
import { changeSelection, pick, selectionChange, surplusOf } from './setup-selection.ts'
import { addTables, readWhole, removeTable } from './setup-tables.ts'

/**
 * Brings connections, databases and syncs to what the file says, in this order. A check that fails ends it: what was done
 * until then stays, and applying again goes on. Throws `bad_request` for what cannot be, or cannot be changed in place.
 */
export async function applyFile(
  deps: AdminDeps,
  file: SetupFile,
  options: ApplyOptions,
): Promise<Applied> {
  const actions = [
    ...await connectionActions(deps, file, options),
    ...await databaseActions(deps, file, options),
    ...await syncActions(deps, file, options),
    ...options.prune === true ? await pruneActions(deps, file) : [],
  ]
  const done = options.dryRun === true
    ? { ...planned(actions), findings: options.checks === true ? await checkAll(actions) : {} }
    : await carryOut(actions)
  return { ...done, notes: options.prune === true ? [] : await notesOf(deps, file) }
}

function planned(actions: readonly Action[]): Pick<Applied, 'actions' | 'logins'> {
  return { actions: actions.map(({ words }) => words), logins: [] }
}

function noneOf(error: unknown): readonly string[] {
  if (error instanceof Fault) return []
  throw error
}

/** Tables that the file does not name. */
async function notesOf(deps: AdminDeps, file: SetupFile): Promise<string[]> {
  const present = new Set((await listSyncs(deps.store)).map(({ id }) => id))
  const notes: string[] = []
  for (const [id, { objects }] of Object.entries(file.syncs)) {
    if (!present.has(id)) continue
    const { sync } = await readWhole(deps, id)
    // a platform that cannot be asked is no reason to leave the rest
    const tables = await surplusOf(deps, { sync, objects }).catch(noneOf)
    notes.push(...tables.map((table) => `table ${table} of ${id} is not in the file, and stays`))
  }
  return notes
}

async function connectionActions(
  deps: AdminDeps,
  { connections = {} }: SetupFile,
  options: ApplyOptions,
): Promise<Action[]> {
  const actions: Action[] = []
  for (const [id, given] of Object.entries(connections)) {
    const before = await findConnection(deps, id)
    if (given.oauth === true) {
      if (before === null) throw notConnected(id, given)
      continue
    }
    const request = connectionRequest(id, given, options)
    const same = before !== null && before.platform === request.platform &&
      before.state === 'active' &&
      isSameCredential(before.credential, request.credential) &&
      (request.baseUrl === undefined || request.baseUrl.replace(/\/+$/, '') === before.baseUrl) &&
      (request.settings === undefined || isDeepStrictEqual(request.settings, before.settings))
    if (same) continue
    actions.push({
      words: `${before === null ? 'make' : 'change'} connection ${id} (${given.platform})`,
      run: async () => ({
        findings: [await giveConnection(deps, request)],
        sync: `connection ${id}`,
      }),
      connection: id,
    })
  }
  return actions
}

function notConnected(id: string, { platform }: FileConnection): Fault {
  return fault('bad_request', {
    message: `connection "${id}" is not connected yet`,
    hint: `A person has to: sluice connect --connection ${id} --platform ${platform}`,
  })
}

function connectionRequest(
  id: string,
  given: FileConnection,
  options: ApplyOptions,
): ConnectionRequest {
  const { platform, baseUrl, settings } = given
  const rest = {
    ...baseUrl === undefined ? {} : { baseUrl },
    ...settings === undefined ? {} : { settings },
  }
  return { id, platform, ...rest, credential: credentialOf(given, options) }
}

function credentialOf(
  { key, app }: FileConnection,
  options: ApplyOptions,
): Extract<Credential, { kind: 'key' | 'app' }> {
  if (key !== undefined) return { kind: 'key', key: reveal(options, key) }
  if (app === undefined) throw new Error('A connection has a key or an app')
  const { appId, installationId } = app
  return { kind: 'app', appId, installationId, privateKey: reveal(options, app.privateKey) }
}

/** Another way into a database that is known. A new one is made with its first sync. */
async function databaseActions(
  deps: AdminDeps,
  { databases = {} }: SetupFile,
  options: ApplyOptions,
): Promise<Action[]> {
  const known = new Map((await listDatabases(deps.store)).map((each) => [each.id, each]))
  return Object.entries(databases).flatMap(([id, given]) => {
    const before = known.get(id)
    if (before === undefined || given.url === undefined) return []
    const { owner, login } = addressesIn(given, options)
    const same = isDeepStrictEqual(owner, before.owner) &&
      (login === undefined || isDeepStrictEqual(login, before.address))
    if (same) return []
    const change = { id, owner, ssh: owner.ssh ?? null, ...(login === undefined ? {} : { login }) }
    return [{
      words: `change how database ${id} is reached`,
      run: async () => ({ findings: await changeDatabase(deps, change), sync: id }),
    }]
  })
}

function addressesIn(
  { url, loginUrl, ca, ssh }: FileDatabase,
  options: ApplyOptions,
): { owner: DatabaseAddress; login?: DatabaseAddress } {
  if (url === undefined) throw new Error('A database that is given has a URL')
  const proved = ca === undefined ? {} : { ca: reveal(options, ca) }
  const bastion = ssh === undefined
    ? undefined
    : bastionOf({ ...ssh, privateKey: reveal(options, ssh.privateKey) })
  const address = (secret: Secret) =>
    through(parseDatabaseUrl(reveal(options, secret), proved), bastion)
  const owner = address(url)
  return loginUrl === undefined ? { owner } : { owner, login: address(loginUrl) }
}

async function syncActions(
  deps: AdminDeps,
  file: SetupFile,
  options: ApplyOptions,
): Promise<Action[]> {
  const present = new Set((await listSyncs(deps.store)).map(({ id }) => id))
  const actions: Action[] = []
  for (const [id, given] of Object.entries(file.syncs)) {
    if (present.has(id)) actions.push(...await changeActions(deps, { id, given, options, file }))
    else actions.push(...createActions(deps, { id, given, options, file }))
  }
  return actions
}

interface Wanted {
  readonly id: string
  readonly given: FileSync
  readonly options: ApplyOptions
  readonly file: SetupFile
}

function createActions(deps: AdminDeps, wanted: Wanted): Action[] {
  const { id, given } = wanted
  const { connection, logins = [] } = given
  const makes: Action = {
    words: `make sync ${id} of connection ${connection}`,
    sync: id,
    run: async () => {
      // what it names may have been made a moment ago
      const { plan } = await setUpSync(deps, await setupRequest(deps, wanted))
      return { findings: plan.findings, sync: id }
    },
    check: (pending) => checkCreate(deps, wanted, pending),
  }
  return [
    makes,
    ...logins.map((user) => loginAction(deps, { id, user })),
    ...pauseActions(deps, wanted, 'active'),
  ]
}

async function setupRequest(deps: AdminDeps, wanted: Wanted): Promise<SetupRequest> {
  const { id, given, file } = wanted
  const { connection, objects, fields, read, allow } = given
  // of a connection that is not made yet, the file knows the platform
  const schema = given.schema ?? file.connections?.[connection]?.platform
  return {
    id,
    connection,
    database: await databaseRequest(deps, wanted),
    objects,
    ...schema === undefined ? {} : { schema },
    ...fields === undefined ? {} : { fields },
    ...read === undefined ? {} : { read },
    ...allow === undefined ? {} : { allow },
    user: null,
  }
}

/** Of a connection that is yet to be made, or changed, the platform cannot be asked. */
async function checkCreate(
  deps: AdminDeps,
  wanted: Wanted,
  pending: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const { connection } = wanted.given
  const check = `connection ${connection}`
  const later = warn(
    check,
    'is made or changed first: what the platform says is not checked yet',
    'It is when the file is applied, before the sync is made.',
  )
  const isKnown = await findConnection(deps, connection) !== null
  if (isKnown && pending.has(connection)) return [later]
  const { plan } = await setUpSync(deps, await setupRequest(deps, wanted), { dryRun: true })
  if (isKnown || !pending.has(connection)) return plan.findings
  return [later, ...plan.findings.filter((finding) => finding.check !== check)]
}

/** A database of the file, or of the store. */
async function databaseRequest(
  deps: AdminDeps,
  { given: { database: name }, file, options }: Wanted,
): Promise<DatabaseRequest> {
  const given: FileDatabase | undefined = file.databases?.[name]
  const known = (await listDatabases(deps.store)).some(({ id }) => id === name)
  if (given === undefined || (given.hosted === true && known)) return { kind: 'known', id: name }
  if (given.url === undefined) return { kind: 'hosted', id: name }
  return { kind: 'given', id: name, ...addressesIn(given, options) }
}

function loginAction(deps: AdminDeps, { id, user }: { id: string; user: string }): Action {
  return {
    words: `make login ${user}.${id}`,
    run: async () => ({ logins: [await grantLogin(deps, { syncId: id, user })] }),
  }
}

function pauseActions(
  deps: AdminDeps,
  { id, given: { paused } }: Wanted,
  now: 'active' | 'disabled',
): Action[] {
  const wanted = paused === true ? 'disabled' : 'active'
  if (paused === undefined || wanted === now) return []
  return [{
    words: `${paused ? 'pause' : 'resume'} sync ${id}`,
    run: () => setSyncState(deps.store, { id, state: wanted }),
  }]
}

async function changeActions(deps: AdminDeps, wanted: Wanted): Promise<Action[]> {
  const { id, given, options: { prune } } = wanted
  const { sync, setup } = await readWhole(deps, id)
  if (sync.connectionId !== given.connection) throw fixed(id, 'connection', sync.connectionId)
  if (given.schema !== undefined && given.schema !== sync.schema) {
    throw fixed(id, 'schema', sync.schema)
  }
  const { objects, fields = {} } = given
  const change = selectionChange(deps, { sync, setup, selection: { objects, fields } })
  const actions: Action[] = []
  if (change.differs) {
    actions.push({
      words: `change the objects and fields of ${id}${change.words}`,
      run: async () => ({
        findings: await changeSelection(deps, { syncId: id, selection: { objects, fields } }),
        sync: id,
      }),
      ...change.fresh.length === 0 ? {} : {
        sync: id,
        check: async (pending) =>
          pending.has(given.connection) ? [] : (await addTables(deps, {
            syncId: id,
            objects: change.fresh,
            fields: pick(fields, change.fresh),
            dryRun: true,
          })).findings,
      },
    })
  }
  if (prune === true) {
    for (const table of await surplusOf(deps, { sync, objects })) {
      actions.push({
        words: `take table ${table} out of ${id}; it becomes a plain table`,
        run: async () => void await removeTable(deps, { syncId: id, table, tables: 'keep' }),
      })
    }
  }
  return [
    ...actions,
    ...loginActions(deps, wanted, setup.users),
    ...allowActions(deps, wanted, setup.allow),
    ...pauseActions(deps, wanted, sync.state),
  ]
}

function fixed(id: string, what: string, now: string): Fault {
  return fault('bad_request', {
    message: `the ${what} of sync "${id}" cannot be changed: it is "${now}"`,
    hint: 'Drop the sync and make it anew, or leave it as it is.',
  })
}

function loginActions(
  deps: AdminDeps,
  { id, given, options }: Wanted,
  users: readonly string[],
): Action[] {
  const { logins } = given
  if (logins === undefined) return []
  const fresh = logins.filter((user) => !users.includes(user)).map((user) =>
    loginAction(deps, { id, user })
  )
  const surplus = options.prune === true ? users.filter((user) => !logins.includes(user)) : []
  return [
    ...fresh,
    ...surplus.map((user) => ({
      words: `revoke login ${user}.${id}`,
      run: () => revokeLogin(deps, { syncId: id, user }),
    })),
  ]
}

function allowActions(
  { store }: AdminDeps,
  { id, given: { allow } }: Wanted,
  now: readonly string[] | null,
): Action[] {
  if (allow === undefined || isDeepStrictEqual([...allow].sort(), [...now ?? []].sort())) return []
  return [{
    words: `let clients of ${id} come from ${allow.join(', ')}`,
    run: async () => void await setSyncAllow(store, { id, allow }),
  }]
}

async function pruneActions(deps: AdminDeps, file: SetupFile): Promise<Action[]> {
  const surplus = (await listSyncs(deps.store)).filter(({ id }) => !Object.hasOwn(file.syncs, id))
  return surplus.map(({ id }) => ({
    words: `drop sync ${id}; its tables become plain tables`,
    run: async () => {
      await readSetup(deps.store, id)
      await dropSync(deps, { syncId: id, tables: 'keep' })
    },
  }))
}
