// Goal: whichever outside action of a mutation a process dies at, nothing is lost, nothing is written twice, and the client
// is told the truth. Method: as actions.test.ts, but with a listener and a service in processes of their own, of which
// one is killed with SIGKILL at the n-th action and started again.
//
// A run plays a sample. SLUICE_FAULTS=all plays every action of one platform, and more of the others;
// SLUICE_FAULTS_SEED another sample.

import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import type { Action, Plan } from '../help/relay.ts'
import { subjects } from '../help/subjects.ts'
import { runCase, type Script, type Verdict } from './case.ts'
import { casesOf, nameOf, onceAnswered, sample, scriptsOf } from './cases.ts'
import { type KilledGround, startKilledGround } from './killed.ts'

const all = process.env['SLUICE_FAULTS'] === 'all'
const seed = Number(process.env['SLUICE_FAULTS_SEED'] ?? 1)
/** Of the platform of which every action is played, and of each other, when all are asked for. */
const wholly = 'stripe'
const othersMax = 60
const casesMax = 5
/** Actions after the client has its answer: the service is told what is applied. */
const toldActions = 15
const recoveryCasesMax = 5
const recoveryActionsMin = 10
const triesMax = 6
const kinds = ['listener', 'service'] as const

let ground: KilledGround
before(async () => {
  ground = await startKilledGround(subjects)
})
after(() => ground?.close())

function wrongs(kind: string, { script, plan, struck, told, violations }: Verdict): string[] {
  const { subject: { platform }, operation, rows } = script
  const heard = told.kind === 'error' ? `${told.code} ${told.message}` : told.kind
  return violations.map((violation) =>
    `${kind} killed at ${plan?.at} (${struck && nameOf(struck)}) of ${platform} ${operation} ` +
    `of ${rows}, told ${heard}: ${violation}`
  )
}

for (const subject of subjects) {
  test(`${subject.platform}: a process dies at an action: the truth is told, and kept`, async () => {
    const counts: [Script, number][] = []
    const scripts = all ? scriptsOf(subject) : scriptsOf(subject).filter(({ rows }) => rows === 1)
    for (const script of scripts) {
      await runCase(ground, { script })
      const verdict = await runCase(ground, { script })
      assert.deepEqual(verdict.violations, [])
      counts.push([script, verdict.answered + toldActions])
    }
    // cut-after stands for nothing here: a process dies before an action, the next one is after it
    const cases = casesOf(counts).filter(({ harm }) => harm === 'cut-before')
      .flatMap(({ script, at }) => kinds.map((kind) => ({ script, at, kind })))
    const most = !all ? casesMax : subject.platform === wholly ? Infinity : othersMax
    const told = new Map<string, number>()
    const found: string[] = []
    for (const { script, at, kind } of sample(cases, { most, seed })) {
      const plan: Plan = { at, deed: ground.kill(kind) }
      const verdict = await runCase(ground, { script, plan })
      found.push(...wrongs(kind, verdict))
      const heard = verdict.told.kind === 'error' ? verdict.told.code : verdict.told.kind
      told.set(heard, (told.get(heard) ?? 0) + 1)
    }
    const list = [...told].map(([heard, count]) => `${count} ${heard}`).join(', ')
    console.log(
      `${subject.platform}: ${Math.min(most, cases.length)} deaths of ${cases.length}: ${list}`,
    )
    assert.deepEqual(found, [])
  })
}

test('recovery is cut, or dies, as well: it ends what it began, once', async () => {
  const [, , subject] = subjects
  assert.ok(subject)
  const script: Script = { subject, operation: 'update', rows: 1 }
  // the platform has accepted, and the listener loses the database before it can apply
  const plan = (): Plan => ({ at: 1, deed: 'cut-before', of: onceAnswered() })
  const of = ({ link }: Action) => link === 'database'
  const isRecovery = (action: Action) => of(action) && action.name === 'sluice recovery'
  let count = 0
  for (let tries = 0; count <= recoveryActionsMin && tries < triesMax; tries++) {
    const verdict = await runCase(ground, { script, plan: plan(), patient: true })
    const { actions, recovered, told, struck, violations } = verdict
    const heard = told.kind === 'error' ? told.code : told.kind
    assert.equal(heard, 'SL001', `cut at ${JSON.stringify(struck)}`)
    assert.deepEqual(violations, [])
    // on a busy machine it may begin before all else is quiet
    count = [...actions, ...recovered].filter(isRecovery).length
  }
  assert.ok(count > recoveryActionsMin, `recovery has only ${count} actions`)
  const plans = Array.from(
    { length: count },
    (_, n) =>
      (['cut-before', 'cut-after', ground.kill('service')] as const).map((deed): Plan => ({
        at: n + 1,
        deed,
        of,
      })),
  ).flat()
  const found: string[] = []
  const states = new Set<string>()
  for (const recovery of sample(plans, { most: all ? Infinity : recoveryCasesMax, seed })) {
    const verdict = await runCase(ground, { script, plan: plan(), recovery, patient: true })
    found.push(...wrongs(`recovery harmed at ${recovery.at}, nobody`, verdict))
    for (const state of verdict.journal) states.add(state)
  }
  assert.deepEqual(found, [])
  assert.deepEqual(states, new Set(['applied']))
})
