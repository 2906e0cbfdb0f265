// Goal: no text that one client sends keeps the others waiting for long: 5 ms on a quiet machine. Method: the longest texts
// that are looked into, each made to take long, go through a real listener, outside and inside a transaction block, while a
// heartbeat measures how much time passes between two turns of the event loop. The best of several tries counts, and up to
// five times the promise passes: other processes, the collector and the compiler are at work too. A machine that is slower
// with everything is allowed as much more. What a regular expression that is quadratic would take is far beyond.

import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { shortest } from '../help/pace.ts'
import { slowTexts } from '../help/slow.ts'
import { createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

const stallMaxMs = 25
/** A quiet moment among many: on Deno the time is that of the wall, and other test files run beside this one. */
const triesMax = 100

/** Postgres itself takes minutes over the first, and answers the last with so much that the test is kept busy. */
const notSent = [
  'block comments',
  'nested comments',
  'an unclosed comment',
  'signs',
  'statements',
  'statements after the mutation',
]

let stage: Stage
let client: RawClient

before(async () => {
  stage = await createStage()
  client = await rawClient(stage.through())
})
after(async () => {
  client.destroy()
  await stage.close()
})

// Deno tells only of all threads of the process, those of other test files among them
const onDeno = process.versions['deno'] !== undefined

const processorMs = (): number => {
  if (onDeno) return performance.now()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

async function ask(bytes: Uint8Array): Promise<void> {
  client.send(bytes)
  await client.until('Z')
}

/** The longest turn of the event loop while the work goes on, in milliseconds (on Node of processor time). */
async function longestTurn(work: () => Promise<void>): Promise<number> {
  let [longest, last, over] = [0, processorMs(), false]
  const heartbeat = async (): Promise<void> => {
    while (!over) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      const now = processorMs()
      longest = Math.max(longest, now - last)
      last = now
    }
  }
  const beating = heartbeat()
  try {
    await work()
  } finally {
    over = true
    await beating
  }
  return longest
}

for (const place of ['outside a transaction block', 'inside a transaction block']) {
  test(`no text stalls the listener ${place}`, async () => {
    const block = place.startsWith('inside')
    for (const [name, text] of Object.entries(slowTexts('salesforce.contacts'))) {
      if (notSent.includes(name)) continue
      const bytes = encodeQuery(text)
      const { ms, allowedMs } = await shortest(async () => {
        if (block) await ask(encodeQuery('begin'))
        const longest = await longestTurn(() => ask(bytes))
        if (block) await ask(encodeQuery('rollback'))
        return longest
      }, { maxMs: stallMaxMs, triesMax, clock: processorMs })
      assert.ok(ms <= allowedMs, `${name}: ${ms.toFixed(1)} ms of ${allowedMs.toFixed(1)}`)
    }
  })
}
