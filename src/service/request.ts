// Room service: reading `POST /internal/mutations`. What comes out has the documented form and nothing else in it.

import { fault } from '../mutation/fault.ts'
import type { Mutation, PlannedRow } from '../mutation/mutation.ts'
import { type Operation, operations } from '../mutation/table.ts'

export interface MutationRequest {
  readonly mutation: Mutation
  /** How long the caller waits, in milliseconds. */
  readonly waitMs: number
}

/** The longest body, in bytes. */
export const bodyBytesMax = 32 * 1024 * 1024
/** The longest wait that a caller may ask for: two minutes in the bucket, 30 s at the platform, some for the way. */
export const waitMaxMs = 180_000
/** More rows than any platform takes are not even read; the platform's own limit is checked later. */
const rowsMax = 10_000
const nameCharsMax = 255

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Is this the id of a mutation? */
export function isMutationId(text: string): boolean {
  return uuid.test(text)
}

/** The login in a listener's header, for people to read; nothing where it is unreadable. */
export function readLogin(header: string | undefined): Pick<Mutation, 'by'> {
  if (header === undefined || header.length > 3 * nameCharsMax) return {}
  try {
    const by = decodeURIComponent(header)
    return by === '' || by.includes('\0') ? {} : { by }
  } catch {
    return {}
  }
}

/** Reads a body. Throws `bad_request` that says where it differs, `too_many_rows`. */
export function readMutationRequest(body: Uint8Array): MutationRequest {
  const request = record(parse(body), { at: 'the body', keys: ['mutation', 'waitMs'] })
  const { waitMs } = request
  if (typeof waitMs !== 'number' || !Number.isInteger(waitMs) || waitMs < 1 || waitMs > waitMaxMs) {
    throw bad(`waitMs must be an integer from 1 to ${waitMaxMs}`)
  }
  return { mutation: readMutation(request['mutation']), waitMs }
}

/** Reads `{mutation}`, the body of `POST /internal/quotes`. Throws as `readMutationRequest`. */
export function readQuoteRequest(body: Uint8Array): Mutation {
  return readMutation(record(parse(body), { at: 'the body', keys: ['mutation'] })['mutation'])
}

/** Ids of mutations in one message that they are applied. */
export const appliedMax = 1_000

/** Reads `{ids}`, the body of `POST /internal/applied`. Throws `bad_request`. */
export function readApplied(body: Uint8Array): string[] {
  const { ids } = record(parse(body), { at: 'the body', keys: ['ids'] })
  if (!Array.isArray(ids) || ids.length > appliedMax) {
    throw bad(`ids must be a list of at most ${appliedMax} ids`)
  }
  return ids.map((id) => {
    if (typeof id !== 'string' || !uuid.test(id)) throw bad('ids must be UUIDs')
    return id.toLowerCase()
  })
}

function readMutation(value: unknown): Mutation {
  const keys = ['id', 'syncId', 'schema', 'table', 'operation', 'upsertBy', 'rows']
  const mutation = record(value, { at: 'mutation', keys })
  const id = text(mutation['id'], 'mutation.id')
  if (!uuid.test(id)) throw bad('mutation.id must be a UUID')
  const operation = operations.find((known) => known === mutation['operation'])
  if (operation === undefined) throw bad(`mutation.operation must be ${operations.join(', ')}`)
  const upsert = readUpsert(mutation['upsertBy'], operation)
  const rows = mutation['rows']
  if (!Array.isArray(rows) || rows.length === 0) throw bad('mutation.rows must hold a row')
  if (rows.length > rowsMax) throw fault('too_many_rows', { detail: `${rows.length} rows.` })
  return {
    id: id.toLowerCase(),
    syncId: text(mutation['syncId'], 'mutation.syncId'),
    schema: text(mutation['schema'], 'mutation.schema'),
    table: text(mutation['table'], 'mutation.table'),
    operation,
    ...upsert,
    rows: readRows(rows, { operation, ...upsert }),
  }
}

function readUpsert(value: unknown, operation: Operation): Pick<Mutation, 'upsertBy'> {
  if (value === undefined) return {}
  if (operation !== 'insert') throw bad('mutation.upsertBy is for an insert')
  return { upsertBy: text(value, 'mutation.upsertBy') }
}

type Kind = Pick<Mutation, 'operation' | 'upsertBy'>

function readRows(values: readonly unknown[], kind: Kind): PlannedRow[] {
  const ordinals = new Set<number>()
  const ids = new Set<string>()
  return values.map((value, index) => {
    const row = readRow(value, { at: `mutation.rows[${index}]`, kind })
    if (ordinals.has(row.ordinal)) throw bad(`ordinal ${row.ordinal} stands twice`)
    ordinals.add(row.ordinal)
    if (row.id !== null) {
      if (ids.has(row.id)) throw bad(`mutation.rows[${index}].id stands twice`)
      ids.add(row.id)
    }
    return row
  })
}

function readRow(value: unknown, { at, kind }: { at: string; kind: Kind }) {
  const row = record(value, { at, keys: ['ordinal', 'id', 'values', 'key'] })
  const { ordinal } = row
  if (typeof ordinal !== 'number' || !Number.isInteger(ordinal) || ordinal < 1) {
    throw bad(`${at}.ordinal must be an integer from 1`)
  }
  const { operation, upsertBy } = kind
  const isNew = operation === 'insert' && (upsertBy === undefined || row['id'] === null)
  if (isNew && row['id'] !== null) throw bad(`${at}.id must be null in an insert`)
  const id = isNew ? null : text(row['id'], `${at}.id`)
  const values = record(row['values'], { at: `${at}.values` })
  const columns = Object.entries(values)
  if (operation === 'delete' && columns.length > 0) {
    throw bad(`${at}.values must be empty in a delete`)
  }
  for (const [name, held] of columns) checkValue(held, `${at}.values.${name}`)
  return { ordinal, id, values: values as PlannedRow['values'], ...readKey(row['key'], at) }
}

function readKey(value: unknown, at: string): Pick<PlannedRow, 'key'> {
  if (value === undefined) return {}
  const key = record(value, { at: `${at}.key` })
  for (const [name, held] of Object.entries(key)) checkValue(held, `${at}.key.${name}`)
  return { key: key as PlannedRow['values'] }
}

function checkValue(value: unknown, at: string): void {
  if (value === null) return
  if (typeof value !== 'string') throw bad(`${at} must be a string or null`)
  if (value.includes('\0') || !value.isWellFormed()) {
    throw bad(`${at} holds a character that Postgres text cannot hold`)
  }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw fault('bad_request', { message: 'the body must be JSON in UTF-8' }, { cause })
  }
}

/** An object; with `keys`, one that has no other keys. */
function record(value: unknown, { at, keys }: { at: string; keys?: readonly string[] }) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`${at} must be an object`)
  }
  const other = keys && Object.keys(value).find((key) => !keys.includes(key))
  if (other !== undefined) throw bad(`${at} has an unknown key "${other.slice(0, nameCharsMax)}"`)
  return value as Record<string, unknown>
}

function text(value: unknown, at: string): string {
  if (typeof value !== 'string' || value === '' || value.length > nameCharsMax) {
    throw bad(`${at} must be a string of 1 to ${nameCharsMax} characters`)
  }
  checkValue(value, at)
  return value
}

function bad(message: string): Error {
  return fault('bad_request', { message })
}
