// Goal: the right password is right whatever the way to the store went through. Method: the whole system; the store's answer is
// cut off after its first row, again and again, while somebody logs in (src/lib/driver.ts says what the driver made of that).

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import type { Ground } from '../help/ground.ts'
import { subjects } from '../help/subjects.ts'
import { until } from '../help/system.ts'
import type { Action } from '../help/relay.ts'
import { startWired } from '../help/wired.ts'

const [subject = assert.fail()] = subjects
const cuts = 4
let ground: Ground
before(async () => {
  ground = await startWired({ subjects: [subject], storeWaitMs: 20_000 })
})
after(() => ground?.close())

async function logIn(): Promise<string> {
  const connectionString = ground.plant.url(subject.platform, ground.port)
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 60_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return 'in'
  } catch (error) {
    return error instanceof pg.DatabaseError ? String(error.code) : String(error)
  } finally {
    await client.end().catch(() => {})
  }
}

const isRow = ({ link, way, label }: Action) => link === 'store' && way === 'back' && label === 'D'

test('a login after the store was lost in the middle of its rows is let in', async () => {
  // the sync is known from now on, so that nobody need hear that the store is away (58030)
  const told = [await logIn()]
  const logInUntil = (what: string, come: () => boolean) =>
    until(what, async () => {
      told.push(await logIn())
      return come()
    })
  for (let cut = 1; cut <= cuts; cut += 1) {
    ground.ledger.restart({ at: 1, deed: 'cut-after', of: isRow })
    await logInUntil('the store is cut', () => ground.ledger.struck !== null)
    const rows = () => ground.ledger.actions.filter(isRow).length
    const before = rows()
    await logInUntil('the store has answered again', () => rows() >= before + 2)
  }
  assert.deepEqual([...new Set(told)], ['in'])
})
