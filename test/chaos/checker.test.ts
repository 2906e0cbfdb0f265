// Goal: the judgement sees a doubt that was given up too early, and lets pass one that nobody can tell any more. Method:
// mutations in a journal in a real Postgres.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import { createJournal, requestHash } from '../../src/store/journal.ts'
import { readSync } from '../../src/store/syncs.ts'
import { testCluster } from '../help/cluster.ts'
import { seed, testStore, update } from '../store/help.ts'
import { earlyEnds } from './checker.ts'

const row = { ordinal: 1, values: { email: 'paul@dune.co' } }
const insert: Partial<Mutation> = { operation: 'insert', rows: [{ ...row, id: null }] }

interface Case {
  readonly about: string
  readonly fields?: Partial<Mutation>
  readonly inquiries?: number
  readonly ageSeconds?: number
  /** Is it given up? */
  readonly ended?: boolean
  readonly early: boolean
}

const cases: readonly Case[] = [
  { about: 'an update whose request was over', early: false },
  {
    about: 'an upsert whose request was over',
    fields: { ...insert, upsertBy: 'email' },
    early: false,
  },
  { about: 'an insert, of which more may become known', fields: insert, early: true },
  { about: 'a delete, of which the record tells', fields: { operation: 'delete' }, early: true },
  { about: 'an update whose request may be under way', ageSeconds: 209, early: true },
  { about: 'an update that nobody has inquired about', inquiries: 0, early: true },
  { about: 'an insert that is inquired about', fields: insert, ended: false, early: false },
]

test('a doubt that is given up sooner than it may be is a violation', async () => {
  const cluster = await testCluster()
  const store = await testStore(await cluster.createDatabase())
  try {
    await seed(store)
    const journal = createJournal(store, { service: 1 })
    const { version: syncVersion } = await readSync(store, 'sync_test01')
    for (const { about, fields, inquiries = 3, ageSeconds = 211, ended = true, early } of cases) {
      const mutation = update(fields)
      const { id } = mutation
      const hash = requestHash(mutation)
      await journal.begin(mutation, { hash, syncVersion, state: 'sent' })
      await journal.settle(id, { state: 'unknown', fault: faultData('outcome_unknown') })
      const before = await earlyEnds(store.sql)
      assert.deepEqual(before.filter((line) => line.includes(id)), [], about)
      await store.sql`
        update sluice_store.mutations set inquiries = ${inquiries},
          sent_at = now() - ${ageSeconds + 3_600} * interval '1 second',
          inquired_at = case when ${inquiries} > 0 then now() - interval '1 hour' end,
          next_inquiry_at = case when ${ended} then null else now() + interval '1 hour' end
        where id = ${id}`
      const lines = (await earlyEnds(store.sql)).filter((line) => line.includes(id))
      assert.equal(lines.length, early ? 1 : 0, `${about}: ${lines.join()}`)
    }
  } finally {
    await store.close()
    await cluster.stop()
  }
})
