// Goal: where somebody says nothing any more, and no connection ends, a client has an answer in bounded time, and a true
// one. Method: as actions.test.ts; the first message of a mutation on a link, in one direction, and all that follow it
// there are held back until the client has its answer, and pass then.
//
// SLUICE_FAULTS=all plays every platform; inserts, updates and deletes.

import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import type { Action } from '../help/relay.ts'
import { type Subject, subjects } from '../help/subjects.ts'
import { startWired } from '../help/wired.ts'
import { clean, operations, runCase, type Script, type Verdict } from './case.ts'
import { summary, wrongs } from './cases.ts'

const all = process.env['SLUICE_FAULTS'] === 'all'
const links = ['service', 'platform', 'store'] as const
const ways = ['out', 'back'] as const
/** Long enough for a machine that stands still for a moment; the silence of the store is waited for. */
const storeWaitMs = 6_000
const triesMax = 10

async function stall(
  script: Script,
  { link, way }: { link: string; way: string },
): Promise<Verdict> {
  const ground = await startWired({ subjects: [script.subject], storeWaitMs })
  try {
    await clean(ground, script)
    const of = (action: Action) => action.link === link && action.way === way
    for (let tries = 1;; tries++) {
      const verdict = await runCase(ground, { script, plan: { at: 1, deed: 'stall', of } })
      // a machine that stands still may use up the client's time before it comes to the action
      if (verdict.struck !== null || verdict.violations.length > 0 || tries === triesMax) {
        return verdict
      }
    }
  } finally {
    await ground.close()
  }
}

async function playAll(subject: Subject): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const operation of all ? operations.slice(0, 3) : ['insert'] as const) {
    const script: Script = { subject, operation, rows: 1 }
    const places = links.flatMap((link) => ways.map((way) => ({ link, way })))
    // each waits for its deadlines, all at the same time
    verdicts.push(...await Promise.all(places.map((place) => stall(script, place))))
  }
  return verdicts
}

for (const subject of all ? subjects : subjects.slice(0, 1)) {
  test(`${subject.platform}: silence on any link: the client has an answer, and it is true`, async () => {
    const verdicts = await playAll(subject)
    console.log(`${summary(subject, verdicts)} (silence)`)
    assert.deepEqual(wrongs(verdicts), [])
    assert.ok(verdicts.every(({ struck }) => struck !== null))
  })
}
