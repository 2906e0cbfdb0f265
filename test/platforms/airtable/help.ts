// A table of Airtable and mutations of it, for tests.

import type { Mutation, PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import type { Column, Operation, SyncedTable } from '../../../src/mutation/table.ts'
import type { Answer } from '../../help/fake-api.ts'

export const base = 'appTest0000000001'
export const settings = { base }

const column = (name: string, field: string, type = 'text', writable = true): Column => ({
  name,
  field,
  type,
  insertable: writable,
  updatable: writable,
  required: false,
})

export const contacts: SyncedTable = {
  syncId: 'sync_test',
  platform: 'airtable',
  schema: 'airtable',
  name: 'contacts',
  object: 'tblContacts000001',
  columns: [
    column('id', 'id', 'text', false),
    column('created_time', 'createdTime', 'timestamptz', false),
    column('name', 'fldName'),
    column('email', 'fldEmail'),
    column('score', 'fldScore', 'numeric'),
    column('stars', 'fldStars', 'integer'),
    column('active', 'fldActive', 'boolean'),
    column('birthday', 'fldBirthday', 'date'),
    column('seen', 'fldSeen', 'timestamptz'),
    column('tags', 'fldTags', 'text[]'),
    column('files', 'fldFiles', 'jsonb'),
    column('total', 'fldTotal', 'numeric', false),
  ],
}

/** The id of the n-th record of the tests, from 1. */
export const idAt = (n: number) => `rec${String(n).padStart(14, '0')}`

export function mutation(operation: Operation, rows: readonly Values[]): Mutation {
  return {
    id: '00000000-0000-4000-8000-000000000001',
    syncId: 'sync_test',
    schema: 'airtable',
    table: 'contacts',
    operation,
    rows: rows.map((values, i): PlannedRow => ({
      ordinal: i + 1,
      id: operation === 'insert' ? null : idAt(i + 1),
      values,
    })),
  }
}

/** `{records}` with the fields of each, in the order given. */
export function records(...fields: Record<string, unknown>[]): Answer {
  return {
    body: {
      records: fields.map((held, i) => ({
        id: idAt(i + 1),
        createdTime: '2026-11-01T10:00:00.000Z',
        fields: held,
      })),
    },
  }
}

export const refusal = (status: number, type: string, message = ''): Answer => ({
  status,
  body: { error: { type, message } },
})
