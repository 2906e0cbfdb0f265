// Goal: with the customer's database behind a bastion the whole system does what it promises: a mutation that the platform
// accepted while the bastion died is in the table once it is back, once. Method: listener, service, store and the sandbox's
// Salesforce in this process, a real OpenSSH server that is killed between the request and its answer.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { processTunnels } from '../../src/session/tunnel.ts'
import { noBastion, startBastion, type TestBastion } from '../help/bastion.ts'
import { countMutations, type Ground } from '../help/ground.ts'
import type { Action } from '../help/relay.ts'
import { until } from '../help/stage-hooks.ts'
import { subjects } from '../help/subjects.ts'
import { startWired } from '../help/wired.ts'

let bastion: TestBastion
let ground: Ground

before(async () => {
  if (noBastion !== false) return
  bastion = await startBastion()
  const salesforce = subjects.filter(({ platform }) => platform === 'salesforce')
  ground = await startWired({ subjects: salesforce, storeWaitMs: 5_000, ssh: bastion.ssh })
})
after(async () => {
  await ground?.close()
  processTunnels.close()
  await bastion?.stop()
})

const insert = 'insert into salesforce.contacts (last_name) values ($1) returning id'

async function statement(sql: string, values: unknown[] = []): Promise<string> {
  const client = new pg.Client({ connectionString: ground.plant.url('salesforce', ground.port) })
  client.on('error', () => {})
  try {
    await client.connect()
    return `ok ${(await client.query(sql, values)).rowCount}`
  } catch (error) {
    return (error as pg.DatabaseError).code ?? String(error)
  } finally {
    await client.end().catch(() => {})
  }
}

const named = async (name: string): Promise<number> => {
  const [row] = await ground.plant.sql.unsafe(
    'select count(*)::int as n from salesforce.contacts where last_name = $1',
    [name],
  )
  return row?.['n'] as number
}

test('what the platform accepted while the bastion died is recovered through it, once', {
  skip: noBastion,
}, async () => {
  assert.equal(await statement(insert, ['Before']), 'ok 1')
  // the platform's answer is held back until the bastion is dead
  const of = (action: Action) => action.link === 'platform' && action.way === 'back'
  ground.ledger.restart({ at: 1, deed: 'stall', of })
  const told = statement(insert, ['Between'])
  await until(() => ground.ledger.struck !== null)
  assert.equal(await countMutations(ground.plant, ['sent']), 1)
  await bastion.kill()
  ground.ledger.release()
  assert.equal(await told, 'SL001')
  assert.equal(await named('Between'), 0)
  assert.equal(await countMutations(ground.plant, ['accepted']), 1)
  assert.equal(await statement('select 1'), '58030', 'reads are told, too')
  await bastion.start()
  await until(async () => (await statement('select 1')) === 'ok 1')
  await ground.recover()
  assert.equal(await named('Between'), 1)
  assert.equal(await countMutations(ground.plant, ['accepted']), 0)
  assert.equal(await statement(insert, ['After']), 'ok 1')
  await ground.recover()
  assert.equal(await named('Between'), 1)
})
