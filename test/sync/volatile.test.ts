// Goal: what changes by itself at the platform, such as URLs that are signed anew with each answer, is no difference: the row is
// not written again, and counts as equal. Method: a real database; the adapter's own columns.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Column, SyncedTable } from '../../src/mutation/table.ts'
import { columnsOf } from '../../src/platforms/airtable/columns.ts'
import { isSame } from '../../src/sync/sampling.ts'
import type { TableWriter } from '../../src/sync/writing.ts'
import { testCluster } from '../help/cluster.ts'
import { contacts } from '../store/help.ts'
import { type Ground, makeGround, syncId } from './writer-help.ts'

const [, , files] = columnsOf([
  { id: 'fld1', name: 'Files', type: 'multipleAttachments', options: {} },
])
const plain = contacts(syncId)
const table: SyncedTable = { ...plain, columns: [...plain.columns, files as Column] }
const cluster = await testCluster()
let ground: Ground
let writer: TableWriter

before(async () => {
  ground = await makeGround(cluster, table)
  writer = await ground.open()
})
after(async () => {
  await writer?.close()
  await ground?.close()
  await cluster.stop()
})

const attachment = (id: string, signed: string, more = {}) => ({
  id,
  url: `https://files.example/${signed}/a.png`,
  filename: 'a.png',
  thumbnails: { small: { url: `https://files.example/${signed}/s.png`, width: 36 } },
  ...more,
})
const valuesOf = (files: unknown, name = 'n') => ({
  email: 'a@b.co',
  name,
  created_at: '2026-01-05T08:00:00+00:00',
  files: files === null ? null : JSON.stringify(files),
})

async function put(files: unknown, name?: string): Promise<number> {
  const rows = [{ id: '1', values: valuesOf(files, name) }]
  return (await writer.write({ mark: await writer.mark(), rows, gone: [] })).changed
}

async function urlInTable(): Promise<unknown> {
  const [row] = await ground.owner.unsafe(
    `select files->0->>'url' as url from only "${table.schema}"."${table.name}"`,
  )
  return row?.['url']
}

test('attachments and lookups of them change by themselves, other fields do not', () => {
  const [, , ...columns] = columnsOf([
    { id: 'fld1', name: 'A', type: 'multipleAttachments', options: {} },
    {
      id: 'fld2',
      name: 'B',
      type: 'multipleLookupValues',
      options: { result: { type: 'multipleAttachments' } },
    },
    { id: 'fld3', name: 'C', type: 'multipleLookupValues', options: { result: { type: 'email' } } },
    { id: 'fld4', name: 'D', type: 'button', options: {} },
  ])
  assert.deepEqual(columns.map(({ volatile = null }) => volatile), [
    ['url', 'thumbnails'],
    ['url', 'thumbnails'],
    null,
    null,
  ])
})

test('a row that has only other URLs is not written again; one that has changed is, with them', async () => {
  assert.equal(await put([attachment('att1', 'one')]), 1)
  assert.equal(await put([attachment('att1', 'two')]), 0)
  assert.equal(await urlInTable(), 'https://files.example/one/a.png')
  assert.equal(await put([attachment('att1', 'three', { filename: 'b.png' })]), 1)
  assert.equal(await urlInTable(), 'https://files.example/three/a.png')
  assert.equal(await put([attachment('att1', 'four', { filename: 'b.png' })], 'other'), 1)
  assert.equal(await urlInTable(), 'https://files.example/four/a.png')
})

test('another attachment, another order, none and null are differences', async () => {
  await put([attachment('att1', 'one'), attachment('att2', 'one')])
  assert.equal(await put([attachment('att2', 'two'), attachment('att1', 'two')]), 1)
  assert.equal(await put([attachment('att2', 'two')]), 1)
  assert.equal(await put([]), 1)
  assert.equal(await put([]), 0)
  assert.equal(await put(null), 1)
  assert.equal(await put(null), 0)
  assert.equal(await put(['no object', 7]), 1)
  assert.equal(await put(['no object', 7]), 0)
  assert.equal(await put({ id: 'x', url: 'a' }), 1)
  assert.equal(await put({ id: 'x', url: 'b' }), 0)
})

test('a sample counts it as equal', () => {
  const same = (a: unknown, b: unknown) => isSame(table, { ours: valuesOf(a), theirs: valuesOf(b) })
  assert.ok(same([attachment('att1', 'one')], [attachment('att1', 'two')]))
  assert.ok(!same([attachment('att1', 'one')], [attachment('att2', 'one')]))
  assert.ok(!same([attachment('att1', 'one')], null))
})
