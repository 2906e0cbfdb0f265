// Room sync: what setting up a sync would find and make. Everything is looked at before anything is made, and all that
// was found is told at once.

import type postgres from 'postgres'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { findSyncs } from '../store/admin-syncs.ts'
import type { Connection } from '../store/connections.ts'
import { type KnownDatabase, listDatabases } from '../store/databases.ts'
import { listSyncs, type Selection } from '../store/syncs.ts'
import { fail, failure, type Finding, isFailed, ok } from './checks.ts'
import {
  checkSchema,
  checkServer,
  checkTables,
  type Facts,
  identify,
  readFacts,
} from './checks-database.ts'
import { checkConnection, checkPlatform } from './checks-platform.ts'
import { checkRole } from './checks-role.ts'
import { checkId } from './setup.ts'
import { placeOf } from './setup-address.ts'
import { checkHosted } from './setup-hosted.ts'
import {
  type AdminDeps,
  asFault,
  onDatabase,
  randomName,
  type SetupRequest,
} from './setup-request.ts'

/** What was found, and what would be made. */
export interface SetupPlan {
  readonly syncId: string
  readonly schema: string
  readonly findings: readonly Finding[]
  /** In words, in the order in which it is made; empty where something stands against it. */
  readonly makes: readonly string[]
  readonly tables: readonly SyncedTable[]
}

/** A plan with what carrying it out needs. */
export interface PreparedSetup extends SetupPlan {
  readonly request: SetupRequest
  readonly connection: Connection | null
  readonly selection: Selection
  readonly database: DatabasePlan
  readonly user: string | null
}

/** Where the tables go. */
export type DatabasePlan =
  | {
    readonly kind: 'given'
    /** The entry of the store, where it has one. */
    readonly known: KnownDatabase | null
    readonly owner: DatabaseAddress
    /** Null: a role is made. */
    readonly login: DatabaseAddress | null
  }
  | { readonly kind: 'hosted'; readonly server: DatabaseAddress }
  | { readonly kind: 'none' }

/** Plans a new sync. Throws `bad_request` for an id, a login or a selection that cannot be, `service_unreachable`. */
export async function planSetup(deps: AdminDeps, request: SetupRequest): Promise<PreparedSetup> {
  const syncId = request.id ?? `sync_${randomName(deps.random, 10)}`
  checkId(syncId)
  const user = request.user === undefined ? 'app' : request.user
  if (user !== null) checkUser(user)
  const { connection, findings } = await checkConnection(deps, request.connection)
  // of a connection that there is not, nobody knows how the schema is to be called
  const schema = request.schema ?? connection?.platform ?? ''
  const { objects, fields } = request
  const selection = { objects, ...(fields === undefined ? {} : { fields }) }
  const isNew = await checkNew(deps, syncId)
  const usable = connection !== null && !isFailed(findings)
  const platform = usable
    ? await checkPlatform(deps, { connection, syncId, schema, selection })
    : { findings: [], tables: [] }
  const { tables } = platform
  const where = await planDatabase(deps, { request, syncId, schema, tables })
  const all = [...findings, ...isNew, ...platform.findings, ...where.findings]
  const plan = { syncId, schema, findings: all, tables, request, connection, selection, user }
  const { database } = where
  return { ...plan, database, makes: isFailed(all) ? [] : makesOf({ ...plan, database }) }
}

/** Throws `bad_request` for what is no name of a login. */
export function checkUser(user: string): void {
  if (/^[A-Za-z0-9_-]{1,40}$/.test(user)) return
  throw fault('bad_request', {
    message: `"${user}" is no name for a login`,
    hint: 'It is 1 to 40 letters, digits, _ and -.',
  })
}

async function checkNew({ store }: AdminDeps, syncId: string): Promise<Finding[]> {
  const found = (await listSyncs(store)).some(({ id }) => id === syncId)
  if (!found) return []
  const hint =
    'Change it with sluice syncs apply, add-table or remove-table, or choose another --id.'
  return [fail(`sync ${syncId}`, 'is there already', hint)]
}

interface Place {
  readonly request: SetupRequest
  readonly syncId: string
  readonly schema: string
  readonly tables: readonly SyncedTable[]
}

interface Placed {
  readonly database: DatabasePlan
  readonly findings: readonly Finding[]
}

const none: DatabasePlan = { kind: 'none' }

async function planDatabase(deps: AdminDeps, place: Place): Promise<Placed> {
  const { request: { database } } = place
  if (database.kind === 'hosted') return await planHosted(deps)
  const databases = await listDatabases(deps.store)
  if (database.kind === 'given') {
    return await planGiven(deps, place, { ...database, databases })
  }
  const known = databases.find(({ id }) => id === database.id)
  const check = `database ${database.id}`
  if (known === undefined) {
    return {
      database: none,
      findings: [fail(check, 'there is no such database', 'See sluice databases list.')],
    }
  }
  if (known.owner === undefined) {
    return {
      database: none,
      findings: [fail(check, 'nobody has told how its owner reaches it', 'Give --database-url.')],
    }
  }
  return await planGiven(deps, place, { owner: known.owner, databases })
}

async function planHosted(deps: AdminDeps): Promise<Placed> {
  if (deps.hosted === null) {
    const hint =
      'Set SLUICE_HOSTED_URL to a role that may make databases and roles, or give --database-url.'
    return {
      database: none,
      findings: [fail('hosted database', 'there is no server for it', hint)],
    }
  }
  const server = deps.hosted
  const finding = await checkHosted(deps, server).catch((error: unknown) =>
    failure('hosted database', asFault(error))
  )
  return { database: { kind: 'hosted', server }, findings: [finding] }
}

interface Given {
  readonly owner: DatabaseAddress
  readonly login?: DatabaseAddress
  readonly databases: readonly KnownDatabase[]
}

async function planGiven(deps: AdminDeps, place: Place, given: Given): Promise<Placed> {
  try {
    return await onDatabase(deps, given.owner, (sql) => look(deps, sql, { ...place, ...given }))
  } catch (error) {
    return {
      database: none,
      findings: [failure(`database ${placeOf(given.owner)}`, asFault(error))],
    }
  }
}

async function look(deps: AdminDeps, sql: postgres.Sql, given: Place & Given): Promise<Placed> {
  const { owner, schema, tables, databases, syncId } = given
  const facts = await readFacts(sql, schema)
  const findings = [
    ...checkServer(facts, owner),
    ...schema === '' ? [] : checkSchema(facts, schema),
  ]
  const installed = facts.sluiceOwner !== null && facts.sluiceOurs
  const { known, foreign } = await identify(sql, { facts, databases })
  if (foreign) {
    const hint =
      'Two installations cannot share a database: use that one, or drop its syncs there first.'
    findings.push(fail('schema sluice', 'is that of another installation of Sluice', hint))
  }
  if (known !== null) findings.push(...await checkShared(deps, { known, schema, syncId }))
  if (!foreign) findings.push(...await checkTables(sql, tables, { installed }))
  const role = await planRole(deps, sql, { ...given, facts, known })
  const database = { kind: 'given', known, owner, login: role.login } as const
  return { database, findings: [...findings, ...role.findings] }
}

/** Is there another sync in that schema already? */
async function checkShared(
  { store }: AdminDeps,
  { known, schema, syncId }: { known: KnownDatabase; schema: string; syncId: string },
): Promise<Finding[]> {
  const other = (await findSyncs(store, { databaseId: known.id })).find((sync) =>
    sync.schema === schema && sync.id !== syncId
  )
  if (other === undefined) return [ok('database', `is known as ${known.id}`)]
  return [fail(`schema ${schema}`, `belongs to ${other.id}`, 'Choose another with --schema.')]
}

interface RoleLook extends Given, Place {
  readonly facts: Facts
  readonly known: KnownDatabase | null
}

/** All syncs of a database share one login role. */
async function planRole(
  deps: AdminDeps,
  sql: postgres.Sql,
  { facts, known, login, schema }: RoleLook,
): Promise<{ login: DatabaseAddress | null; findings: readonly Finding[] }> {
  const given = login ?? known?.address ?? null
  if (given === null) {
    if (facts.createrole) {
      return { login: null, findings: [ok('role', 'a role of its own will be made')] }
    }
    const hint =
      `Make a role that has only LOGIN and give it with --login-url, or ALTER ROLE "${facts.user}" CREATEROLE;`
    return {
      login: null,
      findings: [fail('role', `"${facts.user}" may not make the role that clients get`, hint)],
    }
  }
  const findings = await checkRole(sql, { role: given.user, owner: facts.user, schema })
  if (known !== null && login !== undefined && login.user !== known.address.user) {
    const hint =
      `Leave --login-url away: all syncs of a database share one role, here "${known.address.user}".`
    findings.push(fail(`role ${login.user}`, 'is another than the one of this database', hint))
  }
  return { login: given, findings: [...findings, ...await checkLogin(deps, sql, given)] }
}

const placeSql =
  `select pg_catalog.current_database()::text as database, pg_catalog.pg_is_in_recovery() as standby`
const serverSql = 'select system_identifier::text as server from pg_catalog.pg_control_system()'

/** Which server and database a session is at; the server null where the role may not ask. */
async function whereabouts(sql: postgres.Sql) {
  const [row] = await sql.unsafe(placeSql)
  const [control] = await sql.unsafe(serverSql).catch(() => [])
  const server = control?.['server']
  return {
    database: String(row?.['database']),
    standby: row?.['standby'] === true,
    server: typeof server === 'string' ? server : null,
  }
}

/** Can the role log in, and is it the same database that it comes to? */
async function checkLogin(
  deps: AdminDeps,
  sql: postgres.Sql,
  login: DatabaseAddress,
): Promise<Finding[]> {
  const check = `role ${login.user}`
  try {
    const here = await whereabouts(sql)
    const there = await onDatabase(deps, login, whereabouts)
    if (there.standby) {
      return [fail(check, 'comes to a standby', 'Give the login URL of the primary.')]
    }
    const known = here.server !== null && there.server !== null
    if (there.database === here.database && (!known || here.server === there.server)) return []
    const about = `comes to database ${there.database} at ${placeOf(login)}, which is another one`
    return [fail(check, about, `Give the login URL of ${here.database}, where the owner is.`)]
  } catch (error) {
    return [failure(check, asFault(error))]
  }
}

function makesOf(plan: Omit<PreparedSetup, 'makes'>): string[] {
  const { syncId, schema, tables, database, user, request } = plan
  return [
    ...databaseMakes(database),
    `schema ${schema}, and schema sluice with the functions of the triggers`,
    ...tables.map(({ name, object, columns }) =>
      `table ${schema}.${name} of ${object}: ${columns.length} columns, 5 triggers`
    ),
    ...(request.read ?? []).map((name) => `the right to read all tables of schema ${name}`),
    `sync ${syncId}`,
    ...user === null ? [] : [`login ${user}.${syncId}, with a password that is shown once`],
  ]
}

function databaseMakes(database: DatabasePlan): string[] {
  if (database.kind === 'hosted') {
    return [`a database with an owner and a login role at ${placeOf(database.server)}`]
  }
  if (database.kind === 'given' && database.login === null) {
    return [`a login role at ${placeOf(database.owner)}`]
  }
  return []
}
