// Answers in the forms of HubSpot's CRM API.

import type { Mutation, PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import type { Column, Operation, SyncedTable } from '../../../src/mutation/table.ts'

export {
  type Answer,
  type Asked,
  type FakeApi as FakePortal,
  fakeApi as fakePortal,
  type Script,
} from '../../help/fake-api.ts'

const column = (name: string, type = 'text'): Column => ({
  name,
  field: name,
  type,
  insertable: true,
  updatable: true,
  required: false,
})

const readOnly = (name: string, type: string, field = name): Column => ({
  ...column(name, type),
  field,
  insertable: false,
  updatable: false,
})

export const contacts: SyncedTable = {
  syncId: 'sync_test',
  platform: 'hubspot',
  schema: 'hubspot',
  name: 'contacts',
  object: 'contacts',
  columns: [
    readOnly('id', 'text'),
    column('email'),
    column('firstname'),
    column('lastname'),
    column('score', 'numeric'),
    column('birthday', 'date'),
    column('met_at', 'timestamptz'),
    column('newsletter', 'boolean'),
    column('topics', 'text[]'),
    column('lifecyclestage'),
    column('hubspot_owner_id'),
    column('external_key'),
    readOnly('num_notes', 'numeric'),
    readOnly('created_at', 'timestamptz', 'createdAt'),
    readOnly('updated_at', 'timestamptz', 'updatedAt'),
  ],
}

/** The id of the n-th record of the tests, from 1. */
export function idAt(n: number): string {
  return String(171_590_000_000 + n)
}

export function mutation(operation: Operation, rows: readonly Values[]): Mutation {
  const planned = rows.map((values, i): PlannedRow => ({
    ordinal: i + 1,
    id: operation === 'insert' ? null : idAt(i + 1),
    values,
  }))
  return {
    id: '00000000-0000-4000-8000-000000000001',
    syncId: 'sync_test',
    schema: 'hubspot',
    table: 'contacts',
    operation,
    rows: planned,
  }
}

const times = {
  createdAt: '2026-11-03T23:36:13.632Z',
  updatedAt: '2026-11-04T20:29:54.100Z',
  archived: false,
}

/** A record as the API writes it. */
export function record(n: number, properties: Record<string, string | null>, more: object = {}) {
  return {
    id: idAt(n),
    properties: { hs_object_id: idAt(n), ...properties },
    ...times,
    ...more,
  }
}

/** The answer of a batch. */
export function batch(results: readonly object[], errors: readonly object[] = []) {
  return {
    status: 'COMPLETE',
    startedAt: '2026-11-04T20:29:54.816Z',
    completedAt: '2026-11-04T20:29:54.897Z',
    results,
    ...(errors.length === 0 ? {} : { numErrors: errors.length, errors }),
  }
}

/** The body of an error. */
export function apiError(category: string, message: string, more: object = {}) {
  return {
    status: 'error',
    message,
    correlationId: 'c0000000-0000-4000-8000-000000000000',
    category,
    ...more,
  }
}

/** How HubSpot words properties that it does not like. */
export function badProperties(...items: { name: string; error: string; message: string }[]) {
  const list = JSON.stringify(items.map((item) => ({ isValid: false, ...item })))
  return apiError('VALIDATION_ERROR', `Property values were not valid: ${list}`)
}
