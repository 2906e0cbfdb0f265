// Room sync: setting up a sync for an administrator: everything is checked, then made, then told.

import { fault } from '../mutation/fault.ts'
import { required } from '../lib/assert.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { type GivenDatabase, readDatabase } from '../store/databases.ts'
import { setSyncAllow } from '../store/syncs.ts'
import { isFailed } from './checks.ts'
import { type GrantedLogin, grantLogin } from './logins.ts'
import { createSync } from './setup.ts'
import { dropHosted, makeHosted } from './setup-hosted.ts'
import { planSetup, type PreparedSetup, type SetupPlan } from './setup-plan.ts'
import {
  type AdminDeps,
  asFault,
  onDatabase,
  randomName,
  randomPassword,
  type SetupRequest,
} from './setup-request.ts'
import { dropRole, grantRole, makeRole } from './setup-role.ts'

export interface SetupDone {
  readonly plan: SetupPlan
  /** Null: nothing was made, since it was only to be looked at, or something stands against it. */
  readonly made: {
    readonly databaseId: string
    /** The role that clients get. */
    readonly role: string
    /** The password is nowhere else. */
    readonly login: GrantedLogin | null
  } | null
}

/**
 * Sets up a new sync. With `dryRun`, or where a check fails, nothing is made. Throws `bad_request` for what cannot be asked
 * for, and what the platform, the database and the store say while it is made; a role or a database made for it is taken
 * away again then.
 */
export async function setUpSync(
  deps: AdminDeps,
  request: SetupRequest,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<SetupDone> {
  const plan = await planSetup(deps, request)
  if (dryRun || isFailed(plan.findings)) return { plan: shown(plan), made: null }
  const place = await makePlace(deps, plan)
  try {
    return { plan: shown(plan), made: await make(deps, plan, place) }
  } catch (error) {
    await place.undo().catch((cause: unknown) => {
      deps.log.warn('setup.not_undone', { sync: plan.syncId, error: cause })
    })
    throw asFault(error)
  }
}

function shown({ syncId, schema, findings, makes, tables }: PreparedSetup): SetupPlan {
  return { syncId, schema, findings, makes, tables }
}

/** The database with its two ways in. */
interface MadePlace {
  readonly given: GivenDatabase & { readonly owner: DatabaseAddress }
  undo(): Promise<void>
}

async function makePlace(deps: AdminDeps, plan: PreparedSetup): Promise<MadePlace> {
  const { database, request } = plan
  const named = request.database.kind === 'known' ? undefined : request.database.id
  const id = named ?? `db_${randomName(deps.random, 10)}`
  const nothing = () => Promise.resolve()
  switch (database.kind) {
    case 'none':
      throw new Error('A plan without a database has findings that fail')
    case 'hosted': {
      const made = await makeHosted(deps, database.server).catch(throwFault)
      const given = { id, address: made.login, owner: made.owner, hosted: true } as const
      return { given, undo: () => dropHosted(deps, database.server, made) }
    }
    case 'given': {
      const { owner, known } = database
      const id_ = known?.id ?? id
      if (database.login !== null) {
        return { given: { id: id_, address: database.login, owner }, undo: nothing }
      }
      return await makeLoginRole(deps, { id: id_, owner })
    }
  }
}

function throwFault(error: unknown): never {
  throw asFault(error)
}

async function makeLoginRole(
  deps: AdminDeps,
  { id, owner }: { id: string; owner: DatabaseAddress },
): Promise<MadePlace> {
  const [user, password] = [`sluice_${randomName(deps.random, 10)}`, randomPassword(deps.random)]
  const verifier = await deps.makeVerifier(password)
  await onDatabase(deps, owner, (sql) => makeRole(sql, { name: user, verifier })).catch(throwFault)
  return {
    given: { id, owner, address: { ...owner, user, password }, madeRole: true },
    undo: () => onDatabase(deps, owner, (sql) => dropRole(sql, user)),
  }
}

async function make(
  deps: AdminDeps,
  plan: PreparedSetup,
  { given }: MadePlace,
): Promise<NonNullable<SetupDone['made']>> {
  const { syncId, request, selection, schema, tables, user } = plan
  const connection = required(plan.connection, 'the connection')
  const role = given.address.user
  await onDatabase(deps, given.owner, async (sql) => {
    await createSync({ ...deps, sql }, {
      id: syncId,
      connection: { id: connection.id, platform: connection.platform },
      database: given,
      schema,
      objects: tables.map(({ object }) => object),
      selection,
      role,
    })
    await grantRole(sql, { role, read: request.read ?? [] })
  })
  if (request.allow !== undefined) {
    await setSyncAllow(deps.store, { id: syncId, allow: request.allow })
  }
  const login = user === null ? null : await grantLogin(deps, { syncId, user })
  deps.log.info('sync.created', { sync: syncId, tables: tables.length })
  return { databaseId: given.id, role, login }
}

/** The addresses of the database of a sync; throws where nobody has told how its owner reaches it. */
export async function ownedDatabase(
  { store }: AdminDeps,
  databaseId: string,
): Promise<GivenDatabase & { readonly owner: DatabaseAddress; readonly ticketKey: string }> {
  const { owner, ...rest } = await readDatabase(store, databaseId)
  if (owner !== undefined) return { id: databaseId, ...rest, owner }
  throw fault('bad_request', {
    message: `nobody has told how the owner of database "${databaseId}" reaches it`,
    hint: 'Tell it: sluice databases set --database … --database-url postgres://owner…',
  })
}
