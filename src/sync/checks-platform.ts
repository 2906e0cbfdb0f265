// Room sync: can the account at the platform be read as the sync needs it?

import { Fault, fault } from '../mutation/fault.ts'
import { operations, type SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import { type Connection, readConnection } from '../store/connections.ts'
import type { Selection } from '../store/syncs.ts'
import { fail, failure, type Finding, ok, warn } from './checks.ts'
import { chooseFields, describeObjects } from './setup-objects.ts'
import { type AdminDeps, callerOf } from './setup-request.ts'

/** Is the connection there, and its credential not revoked? */
export async function checkConnection(
  { store }: AdminDeps,
  id: string,
): Promise<{ connection: Connection | null; findings: readonly Finding[] }> {
  const check = `connection ${id}`
  try {
    const connection = await readConnection(store, id)
    const { platform, state, credential } = connection
    const { kind } = credential
    if (state === 'active') {
      return { connection, findings: [ok(check, `${platform}, ${kind}, active`)] }
    }
    if (kind === 'oauth' && credential.refreshToken === '') {
      const hint = `Open the link of sluice connect --connection ${id}, or make another one.`
      return { connection, findings: [fail(check, 'nobody has connected its account yet', hint)] }
    }
    const hint =
      `Connect the account again: sluice connect --connection ${id}, or sluice connections set-key.`
    return { connection, findings: [fail(check, `${platform} has refused its credential`, hint)] }
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    const hint =
      `Make it first: sluice connections set-key --connection ${id} --platform …, or sluice connect.`
    return { connection: null, findings: [fail(check, 'there is no such connection', hint)] }
  }
}

export interface PlatformCheck {
  readonly findings: readonly Finding[]
  /** What was described of what was chosen, under the names that the platform proposes. */
  readonly tables: readonly SyncedTable[]
}

/** Describes what was chosen, and reads the first page of each object. Does not throw for what the platform says. */
export async function checkPlatform(
  deps: AdminDeps,
  { connection, syncId, schema, selection, lenient = false }: {
    connection: Connection
    syncId: string
    schema: string
    selection: Selection
    /** A field that was chosen and is gone by now is nothing to be told of. */
    lenient?: boolean
  },
): Promise<PlatformCheck> {
  const { platform } = connection
  const adapter = deps.adapterFor(platform)
  const { objects = 'all' } = selection
  const all = objects === 'all'
  try {
    const caller = await callerOf(deps, connection.id)
    const refused = await refusal(adapter, { platform, caller })
    if (refused !== null) return { findings: [refused], tables: [] }
    const wanted = all ? deps.objectsOf(platform) : [...objects]
    const { shapes, missing } = await describeObjects(adapter, { objects: wanted, caller })
    const custom = all || missing.length === 0 ? '' : await customWords(adapter, caller)
    const findings = missing.map(({ object, fault }) => missed(object, { fault, all, custom }))
    findings.push(ok('credential', `${platform} takes it`))
    const tables: SyncedTable[] = []
    for (const shape of shapes) {
      try {
        tables.push(chooseFields(shape, { syncId, platform, schema, selection, lenient }).table)
      } catch (error) {
        findings.push(failure(`object ${shape.object}`, error))
      }
    }
    if (tables.length === 0 && !findings.some(({ level }) => level === 'fail')) {
      findings.push(fail('objects', 'there is none to be synced', 'Name some with --objects.'))
    }
    for (const table of tables) {
      findings.push(await checkObject(deps, { adapter, connection, table }))
    }
    const known = [...shapes, ...missing]
    return { findings: [...findings, ...unknownFields(selection, known)], tables }
  } catch (error) {
    return { findings: [failure(platform, error)], tables: [] }
  }
}

/** Nothing else need be asked where the platform does not take the credential, or does not answer. */
async function refusal(
  adapter: Adapter,
  { platform, caller }: { platform: string; caller: Caller },
): Promise<Finding | null> {
  try {
    await adapter.check(caller)
    return null
  } catch (error) {
    const isRefused = error instanceof Fault && error.code === 'credential_refused'
    return failure(isRefused ? 'credential' : platform, error)
  }
}

/** Custom objects that are told of. */
const customMax = 20

/** Which custom objects there are, for whoever has named one that there is not; empty where nobody can say. */
async function customWords(adapter: Adapter, caller: Caller): Promise<string> {
  try {
    const names = await adapter.custom?.(caller) ?? []
    if (names.length === 0) return ''
    const more = names.length > customMax ? `, and ${names.length - customMax} more` : ''
    return ` Custom objects are ${names.slice(0, customMax).join(', ')}${more}.`
  } catch (error) {
    if (error instanceof Fault) return ''
    throw error
  }
}

function missed(
  object: string,
  { fault, all, custom }: { fault: Fault; all: boolean; custom: string },
): Finding {
  const found = failure(`object ${object}`, fault)
  if (!all) return { ...found, hint: `${found.hint ?? ''}${custom}`.trim() }
  return warn(
    found.check,
    `is left out: ${found.about}`,
    found.hint ?? 'Nothing, where you do not need it.',
  )
}

/** Fields that were chosen of objects that are not; of those that are, something else has been said. */
function unknownFields(
  { fields = {} }: Selection,
  known: readonly { readonly object: string; readonly name?: string }[],
): Finding[] {
  return Object.keys(fields)
    .filter((object) => !known.some((each) => each.object === object || each.name === object))
    .map((object) =>
      fail(
        `fields of ${object}`,
        'this object is not among those chosen',
        'Name it with --objects too.',
      )
    )
}

/** Can its records be listed, and which of its operations does the credential have? */
export async function checkObject(
  deps: AdminDeps,
  { adapter, connection, table }: { adapter: Adapter; connection: Connection; table: SyncedTable },
): Promise<Finding> {
  const check = `object ${table.object}`
  try {
    const caller: Caller = await callerOf(deps, connection.id)
    const page = await adapter.page(table, null, caller)
    if (!Array.isArray(page.rows)) throw fault('platform_failed', { detail: 'This is no page.' })
    const columns = `${table.columns.length} columns`
    const writable = operations.filter((operation) => mayWrite(table, operation))
    if (writable.length > 0) return ok(check, `can be read; ${columns}; ${writable.join(', ')}`)
    const hint = 'Give the account the permission to write it at the platform, or leave it so.'
    return warn(check, `can be read; ${columns}; nothing of it can be written`, hint)
  } catch (error) {
    return failure(check, error)
  }
}

function mayWrite(
  { columns, refuses }: SyncedTable,
  operation: typeof operations[number],
): boolean {
  if (refuses?.[operation] !== undefined) return false
  if (operation === 'delete') {
    return columns.some(({ updatable, insertable }) => updatable || insertable)
  }
  return columns.some((column) => operation === 'insert' ? column.insertable : column.updatable)
}
