// Goal: a read waits for one round trip to the database, whatever was written before it. Method: what the database answers
// is held back; all messages of the read must have gone out to it all the same.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import type { Ground } from '../help/ground.ts'
import { until } from '../help/stage-hooks.ts'
import { subjects } from '../help/subjects.ts'
import { startWired } from '../help/wired.ts'

const wanted = subjects.filter(({ platform }) => platform === 'salesforce')

describe('a read after a mutation', () => {
  let ground: Ground
  let client: pg.Client
  before(async () => {
    ground = await startWired({ subjects: wanted, storeWaitMs: 60_000 })
    client = new pg.Client({ connectionString: ground.plant.url('salesforce', ground.port) })
    await client.connect()
  })
  after(async () => {
    await client.end()
    await ground.close()
  })

  /** The messages that are sent before any of them is answered. */
  const sentAtOnce = async (text: string, values: unknown[]): Promise<string> => {
    const { ledger } = ground
    ledger.restart({
      at: 1,
      deed: 'stall',
      of: ({ link, way }) => link === 'database' && way === 'back',
    })
    const sent = () =>
      ledger.actions.filter(({ link, way }) => link === 'database' && way === 'out')
        .map(({ label }) => label.slice(0, 1)).join('')
    const result = client.query(text, values)
    await until(() => /[SQ]$/.test(sent())).catch(() => {})
    const all = sent()
    ledger.disarm()
    ledger.release()
    await result
    ledger.restart()
    return all
  }

  for (
    const [name, text] of [
      ['an insert', `insert into salesforce.contacts (last_name) values ($1)`],
      ['an update', `update salesforce.contacts set last_name = 'Farther' where last_name = $1`],
      ['a delete', `delete from salesforce.contacts where last_name = $1`],
      ['a refused insert', `insert into salesforce.contacts (email) values ($1)`],
    ] as const
  ) {
    test(`is sent whole, after ${name} by the unnamed statement`, async () => {
      await client.query(text, ['Far']).catch(() => {})
      const select = 'select id from salesforce.contacts where last_name = $1'
      assert.equal(await sentAtOnce(select, ['Far']), 'PBDES')
      assert.equal(await sentAtOnce(select, ['Far']), 'PBDES')
      assert.equal(await sentAtOnce('select 1', []), 'Q')
    })
  }

  test('a read that Postgres refuses leaves no mutation under the unnamed name', async () => {
    await client.query(`insert into salesforce.contacts (last_name) values ($1)`, ['Kept'])
    await assert.rejects(client.query('select nothing from nowhere where $1', ['x']), {
      code: '42P01',
    })
    const { rows } = await client.query(
      'select count(*)::int as n from salesforce.contacts where last_name = $1',
      ['Kept'],
    )
    assert.deepEqual(rows, [{ n: 1 }])
  })
})
