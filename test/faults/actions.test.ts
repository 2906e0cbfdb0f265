// Goal: whichever outside action of a mutation fails, nothing is lost, nothing is written twice, and the client is told
// the truth. Method: the whole system in this process, a relay on every link that counts what passes and cuts the
// connection at the n-th action, before or after it, or holds it back; then recovery; then the sandbox's records, the
// table, the journal, the sandbox's log and the client's answer are compared.
//
// A run plays a sample. SLUICE_FAULTS=all plays every action of every statement, SLUICE_FAULTS_SEED another sample.

import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import type { Ground } from '../help/ground.ts'
import { subjects } from '../help/subjects.ts'
import { startWired } from '../help/wired.ts'
import { clean, runCase, type Script, type Verdict } from './case.ts'
import { casesOf, sample, scriptsOf, summary, wrongs } from './cases.ts'

const all = process.env['SLUICE_FAULTS'] === 'all'
const seed = Number(process.env['SLUICE_FAULTS_SEED'] ?? 1)
/** Cases of a platform that a run plays. */
const casesMax = all ? Infinity : 50
/** Each case looks at all records that those before it have made: so often all is begun anew. */
const freshEvery = 200
/** A store that is slow is not one that fails. */
const storeWaitMs = 20_000

for (const subject of subjects) {
  describe(`${subject.platform}: an outside action of a mutation fails`, () => {
    let ground: Ground
    const renew = async () => {
      await ground?.close()
      ground = await startWired({ subjects: [subject], storeWaitMs })
    }
    before(renew)
    after(() => ground?.close())

    test('the connection is cut before or after it: the truth is told, and kept', async () => {
      const counts: [Script, number][] = []
      for (const script of scriptsOf(subject)) {
        counts.push([script, (await clean(ground, script)).actions.length])
      }
      const cases = casesOf(counts)
      const verdicts: Verdict[] = []
      for (const [n, { script, at, harm }] of sample(cases, { most: casesMax, seed }).entries()) {
        if (n > 0 && n % freshEvery === 0) await renew()
        verdicts.push(await runCase(ground, { script, plan: { at, deed: harm } }))
      }
      console.log(`${summary(subject, verdicts)} (of ${cases.length})`)
      assert.deepEqual(wrongs(verdicts), [])
      const struck = verdicts.filter((verdict) => verdict.struck !== null)
      assert.ok(struck.length > verdicts.length / 2, 'most of the faults came about')
      assert.ok(verdicts.some(({ told }) => told.kind !== 'done'), 'some were felt')
    })
  })
}
