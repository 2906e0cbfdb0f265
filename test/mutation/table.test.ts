// Goal: names and types of a synced table are read in one way. Method: examples.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowLimits } from '../../src/mutation/limits.ts'
import {
  findColumn,
  isJsonType,
  operations,
  platforms,
  type SyncedTable,
  tableKey,
} from '../../src/mutation/table.ts'

const table: SyncedTable = {
  syncId: 's',
  platform: 'github',
  schema: 'github',
  name: 'issues',
  object: 'issues',
  columns: ['id', 'Title'].map((name) => ({
    name,
    field: name,
    type: 'text',
    insertable: true,
    updatable: true,
    required: false,
  })),
}

test('a table is found by schema and name', () => {
  assert.equal(tableKey('github', 'issues'), 'github.issues')
})

test('a column is found by its exact name', () => {
  assert.equal(findColumn(table, 'Title')?.name, 'Title')
  assert.equal(findColumn(table, 'title'), undefined)
  assert.equal(findColumn(table, 'toString'), undefined)
})

test('arrays and documents travel as JSON, everything else as text', () => {
  const json = ['jsonb', 'json', 'text[]', 'numeric(18,2)[]']
  const text = ['text', 'varchar(18)', 'numeric(18,2)', 'timestamptz', 'boolean']
  assert.ok(json.every(isJsonType))
  assert.ok(!text.some(isJsonType))
})

test('every platform has a limit for every operation', () => {
  for (const platform of platforms) {
    for (const operation of operations) assert.ok(rowLimits[platform][operation] >= 1)
  }
})
