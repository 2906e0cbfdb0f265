// Goal: no text keeps the event loop from other clients for long: 5 ms on a quiet machine. Method: the longest texts that are
// looked into, each made to take long, are timed; the best of several runs counts, and up to five times the promise passes,
// since the machine is shared. One that is slower with everything is allowed as much more. A loop that is quadratic would
// take far longer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createNameFilter,
  describeMutation,
  mayMutate,
  recognise,
  recogniseMutation,
} from '../../src/sql/index.ts'
import { corpus } from './corpus.ts'
import { shortest } from '../help/pace.ts'
import { slowTexts } from '../help/slow.ts'

const on = { standardConformingStrings: true }
const stallMaxMs = 25
const triesMax = 100

/** Throws when the work takes long each time that it is tried. */
async function assertQuick(name: string, work: () => unknown): Promise<void> {
  const clock = () => performance.now()
  const measure = () => {
    const started = clock()
    work()
    return clock() - started
  }
  const { ms, allowedMs } = await shortest(measure, { maxMs: stallMaxMs, triesMax, clock })
  assert.ok(ms <= allowedMs, `${name}: ${ms.toFixed(1)} ms of ${allowedMs.toFixed(1)}`)
}

const texts = slowTexts('contacts')

test('no text keeps the recogniser long', async () => {
  for (const text of corpus) recognise(text, on) // warm
  for (const [name, text] of Object.entries(texts)) {
    assert.ok(text.length <= 524_288, name)
    await assertQuick(name, () => recognise(text, on))
  }
})

test('no text keeps the two filters long, with a thousand tables', async () => {
  const names = Array.from({ length: 1_000 }, (_, index) => `contact${index}__c`)
  const mentions = createNameFilter([...names, 'accounts'])
  const mention = fillWith('conta ')
  for (const [name, text] of [...Object.entries(texts), ['names', mention] as const]) {
    await assertQuick(name, () => {
      mayMutate(text)
      mentions(text)
    })
  }
})

const fillWith = (unit: string): string => unit.repeat(Math.floor(524_288 / unit.length))

test('the second opinion is not kept long by what passes its gate', async () => {
  const times = 58
  const statements = [
    `update t set a = ${'1+'.repeat(times - 4)}1`,
    `delete from t where ${'a and '.repeat(times - 4)}a`,
    `delete from t where a in (${'1,'.repeat(times - 5)}1)`,
    `delete from t where ${'a between 1 and 2 and '.repeat(times / 3 - 3)}a`,
    `delete from t where ${'not '.repeat(times * 2 - 10)}a`,
    `delete from t where ${'- '.repeat(times * 2 - 10)}a`,
    `delete from t where case ${'when a then b '.repeat(times / 2 - 4)}end`,
    `delete from t where ${`${'('.repeat(12)}a${')'.repeat(12)}+`.repeat(3)}a`,
    `insert into t values (${`'x',`.repeat(times - 5)}'x')`,
    `insert into t values ('${'x'.repeat(4_000)}')`,
    `insert into t values ('${`''`.repeat(2_000)}')`,
    `insert into t ${'select 1 union '.repeat(times / 2 - 4)}select 1`,
    `insert into t select * from a ${'join b on true '.repeat(times / 3)}`,
    `update t set ${'a=1,'.repeat(times / 2 - 4)}b=1`,
  ]
  const unheard: string[] = []
  for (const text of statements) {
    const recognition = recognise(text, on)
    assert.ok(recognition.certain, text)
    const [statement] = recognition.statements
    assert.ok(statement !== undefined, text)
    if (describeMutation(text, statement).agrees !== true) unheard.push(text)
    await assertQuick(text, () => describeMutation(text, statement))
  }
  assert.deepEqual(unheard, [])
})

test('a text that passes the memory takes no more than 5 ms either', async () => {
  for (const [name, text] of Object.entries(texts)) {
    await assertQuick(name, () => recogniseMutation(text, on))
  }
})
