// Goal: whatever a client sends, the listener answers as Postgres does. Method: random sessions of both protocols, mutations
// among them, are held with Postgres and, cut anywhere, with the listener; the frames that come back must be the same. 50,000
// messages, other ones on each runtime. `npm run fuzz -- --seed 1 --messages 1000000` goes on.

import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { type Arena, openArena, runSession } from './fuzz.ts'

const messagesMin = 50_000
const turnsMax = 100
const seedFirst = process.versions['deno'] === undefined ? 1_000_000 : 2_000_000

let arena: Arena

before(async () => {
  arena = await openArena()
})
after(() => arena.close())

test('random sessions are answered through the listener as Postgres answers them', async () => {
  let [messages, mutations, seed] = [0, 0, seedFirst]
  for (; messages < messagesMin; seed++) {
    const done = await runSession({ arena, seed, turnsMax })
    assert.deepEqual(done.difference, null, `seed ${seed}`)
    messages += done.messages
    mutations += arena.stage.sent.length
  }
  assert.ok(mutations > 200, `only ${mutations} mutations were among them`)
})
