// Goal: where a platform lets an INSERT choose the id, one does, from the client to the platform and back into the table.
// Method: a real listener and Postgres; the played service checks as the service does and writes to Stripe's sandbox.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ensureTable } from '../../src/database/index.ts'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { Fault } from '../../src/mutation/fault.ts'
import type { SyncedTable } from '../../src/mutation/table.ts'
import type { Caller } from '../../src/platforms/platform.ts'
import { stripe } from '../../src/platforms/stripe/index.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { checkMutation, isOutcomeOf } from '../../src/service/check.ts'
import { type Stage, withClient } from '../help/stage.ts'
import { stageHooks } from '../help/stage-hooks.ts'

describe('an id that the client chooses', () => {
  let stage: Stage
  stageHooks({ use: (made) => stage = made })

  async function openProducts(caller: Caller): Promise<void> {
    const [shape] = await stripe.describe(['products'], caller)
    assert.ok(shape)
    const { config: { id } } = stage
    const table: SyncedTable = { ...shape, syncId: id, platform: 'stripe', schema: 'stripe' }
    await ensureTable(stage.sql, table, { role: stage.role })
    stage.config = { ...stage.config, tables: [...stage.config.tables, table] }
    const sync = {
      id,
      state: 'active',
      version: '1',
      connectionId: 'c',
      databaseId: 'd',
      platform: 'stripe',
      baseUrl: caller.baseUrl,
      settings: {},
      schema: 'stripe',
      tables: [table],
    } as const
    stage.carry = async (mutation) => {
      try {
        checkMutation(mutation, sync)
      } catch (error) {
        if (error instanceof Fault) return { state: 'refused', fault: error.data }
        throw error
      }
      const outcome = await stripe.write(mutation, table, caller)
      assert.ok(isOutcomeOf(mutation, outcome))
      return outcome
    }
  }

  test('goes to the platform, comes back, and may stand beside rows without one', async () => {
    const sandbox = await startSandbox({ port: 0 })
    const http = createHttp()
    try {
      await openProducts({
        baseUrl: sandbox.platformUrl('stripe'),
        settings: {},
        http,
        deadline: deadlineIn(120_000),
        signal: new AbortController().signal,
        log: silentLog,
        token: () => Promise.resolve('sandbox'),
      })
      await withClient(stage, async (client) => {
        const { rows } = await client.query(`insert into stripe.products (id, name)
          values ('my_product', 'Mine'), (null, 'Theirs') returning id, name`)
        assert.deepEqual(rows[0], { id: 'my_product', name: 'Mine' })
        assert.match(rows[1].id, /^prod_/)
        const kept = await client.query('select id, name from stripe.products order by name')
        assert.deepEqual(kept.rows, rows)
        const again = client.query(
          `insert into stripe.products (id, name) values ('my_product', 'x')`,
        )
        await assert.rejects(again, { code: '23505' })
        const renamed = client.query(`update stripe.products set id = 'other' where name = 'Mine'`)
        await assert.rejects(renamed, { code: '428C9' })
      })
      assert.equal(stage.sent.length, 1)
    } finally {
      await http.close()
      await sandbox.close()
    }
  })
})
