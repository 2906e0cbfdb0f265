// Goal: what became of a mutation at Salesforce is told truly, or not at all. Method: the adapter against the sandbox, whose
// clock is moved, with replies lost on the way and requests that never arrive.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import { salesforce } from '../../../src/platforms/salesforce/index.ts'
import {
  foundOut,
  inquireAfter,
  laterMs,
  longAgoMs,
  rowsOf,
  soonMs,
  writeInDoubt,
} from '../contract/doubts.ts'
import { faultOf, type Stage, startStage } from '../contract/stage.ts'

let stage: Stage
before(async () => stage = await startStage())
after(async () => await stage.close())
beforeEach(async () => await stage.reset())

const at = (object: string) => ({ adapter: salesforce, object, settings: {} })
const contacts = at('Contact')

const insert = (values: Record<string, string | null>[], mishap: 'lost-reply' | 'drop') =>
  writeInDoubt(stage, contacts, {
    operation: 'insert',
    rows: values.map((one) => ({ values: one })),
    mishap,
  })

describe('every table of salesforce', () => {
  const cases = {
    Account: [{ name: 'CHOAM' }, { name: 'Ix', number_of_employees: '12' }],
    Contact: [{ last_name: 'Atreides' }, { last_name: 'Harkonnen', email: 'V@Example.com' }],
    Lead: [{ last_name: 'Kynes', company: 'Imperium' }],
    Opportunity: [{ name: 'Spice', stage_name: 'Prospecting', close_date: '2027-01-01' }],
    Project__c: [{ name: 'Water', budget__c: '12345678901234.5' }],
  }
  const changes: Record<string, Record<string, string | null>> = {
    Account: { name: 'Changed' },
    Contact: { first_name: 'Changed', email: null },
    Lead: { first_name: 'Changed' },
    Opportunity: { amount: '12.50' },
    Project__c: { budget__c: null },
  }
  for (const [object, drafts] of Object.entries(cases)) {
    test(`${object}: insert, update and delete`, async () => {
      const change = changes[object] ?? {}
      await foundOut(stage, { place: at(object), drafts, change })
    })
  }
})

describe('an insert at salesforce', () => {
  test('200 rows are found out with two requests, values kept in another form', async () => {
    const rows = Array.from({ length: 200 }, (_, n) => ({
      last_name: `  Row ${n} `,
      email: `ROW${n}@Example.com`,
      interests__c: '["Spice","Politics"]',
      birthdate: '1990-02-03',
      first_name: null,
    }))
    const lost = await insert(rows, 'lost-reply')
    await stage.quiet()
    const startedAt = performance.now()
    const { outcome } = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
    assert.ok(performance.now() - startedAt < 60_000)
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome).slice(0, 500))
    assert.equal((await stage.exchanges()).length, 2)
    for (const { ordinal, values } of rowsOf(outcome)) {
      assert.equal(values?.['last_name'], `Row ${ordinal - 1}`)
      assert.ok((values?.['created_date'] ?? null) !== null, 'read whole')
    }
  })

  test('a record that was changed since may be the row: unknown, and it is shown', async () => {
    const lost = await insert([{ last_name: 'Ghola', first_name: 'Teg' }], 'lost-reply')
    const page = (await stage.pages(contacts)).flatMap(({ rows }) => rows)
    const made = page.find(({ values }) => values['first_name'] === 'Teg')
    assert.ok(made !== undefined)
    const rows = [{ id: made.id, values: { first_name: 'Hayt' } }]
    await stage.accepted(contacts, await stage.write(contacts, 'update', { rows }))
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.match(faultOf(outcome).detail ?? '', new RegExp(made.id))
    assert.equal(seen[0]?.values?.['first_name'], 'Hayt')
  })

  test('a record that was deleted since is found in the bin: unknown, and shown as gone', async () => {
    const lost = await insert([{ last_name: 'Ghost', first_name: 'Leto' }], 'lost-reply')
    const page = (await stage.pages(contacts)).flatMap(({ rows }) => rows)
    const id = page.find(({ values }) => values['last_name'] === 'Ghost')?.id ?? ''
    const rows = [{ id, values: {} }]
    await stage.accepted(contacts, await stage.write(contacts, 'delete', { rows }))
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.deepEqual(seen, [{ id, values: null }])
  })

  test('an equal record of half a minute before may be the row where clocks differ: unknown', async () => {
    await stage.insert(contacts, [{ last_name: 'Twin' }])
    stage.clock.aheadMs += 30_000
    const dropped = await insert([{ last_name: 'Twin' }], 'drop')
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
  })

  test('a record that was made after the request was over is not the row', async () => {
    const dropped = await insert([{ last_name: 'Late' }], 'drop')
    stage.clock.aheadMs += laterMs
    await stage.insert(contacts, [{ last_name: 'Late' }])
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: 2 * laterMs })
    assert.equal(outcome.state, 'refused')
  })

  test('more than two thousand records of that time: nothing is told', async () => {
    const lost = await insert([{ last_name: 'Needle' }], 'lost-reply')
    for (let made = 0; made < 2_200; made += 200) {
      const hay = Array.from({ length: 200 }, (_, n) => ({ last_name: `Hay ${made + n}` }))
      await stage.insert(contacts, hay)
    }
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.match(faultOf(outcome).detail ?? '', /Too many records/)
    assert.deepEqual(seen, [])
  })

  test('one of two rows found and the other surely not there contradict each other: unknown', async () => {
    const dropped = await insert([{ last_name: 'One' }, { last_name: 'Two' }], 'drop')
    const [other] = await stage.insert(contacts, [{ last_name: 'One' }])
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown', JSON.stringify(outcome))
    assert.deepEqual(seen.map(({ id }) => id), [other?.id])
  })
})

describe('an update or delete at salesforce', () => {
  const madeLongAgo = async (count: number) => {
    const drafts = Array.from({ length: count }, (_, n) => ({ last_name: `Old ${n}` }))
    const rows = await stage.insert(contacts, drafts)
    stage.clock.aheadMs += longAgoMs
    return rows.map(({ id }) => id)
  }
  const writing = (operation: 'update' | 'delete', ids: string[], mishap: 'lost-reply' | 'drop') =>
    writeInDoubt(stage, contacts, {
      operation,
      rows: ids.map((id) => ({
        id,
        values: operation === 'update' ? { first_name: 'New' } : {},
      })),
      mishap,
    })
  const change = async (id: string, values: Record<string, string>) => {
    const rows = [{ id, values }]
    await stage.accepted(contacts, await stage.write(contacts, 'update', { rows }))
  }
  const remove = async (id: string) => {
    const rows = [{ id, values: {} }]
    await stage.accepted(contacts, await stage.write(contacts, 'delete', { rows }))
  }

  test('a value that was there already is accepted, sent or not: there is no difference', async () => {
    const [id = ''] = await madeLongAgo(1)
    await change(id, { first_name: 'New' })
    stage.clock.aheadMs += longAgoMs
    const dropped = await writing('update', [id], 'drop')
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: soonMs })
    assert.equal(outcome.state, 'accepted')
  })

  test('a record that somebody changed otherwise since: unknown', async () => {
    const [id = ''] = await madeLongAgo(1)
    const lost = await writing('update', [id], 'lost-reply')
    await change(id, { first_name: 'Other' })
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.equal(seen[0]?.values?.['first_name'], 'Other')
  })

  test('one of many rows that somebody changed since: the others are written', async () => {
    const ids = await madeLongAgo(3)
    const lost = await writing('update', ids, 'lost-reply')
    await change(ids[1] ?? '', { first_name: 'Other' })
    const { outcome } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome))
    assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [1, 3])
    assert.deepEqual(outcome.others.map(({ state }) => state), ['unknown'])
  })

  test('a record that was deleted since does not say whether it was updated before: unknown, for good', async () => {
    for (const mishap of ['lost-reply', 'drop'] as const) {
      const [id = ''] = await madeLongAgo(1)
      const doubted = await writing('update', [id], mishap)
      await remove(id)
      const soon = await inquireAfter(stage, contacts, { ...doubted, afterMs: soonMs })
      assert.deepEqual([soon.outcome.state, soon.forGood], ['unknown', false], mishap)
      const later = await inquireAfter(stage, contacts, { ...doubted, afterMs: laterMs })
      assert.deepEqual([later.outcome.state, later.forGood], ['unknown', true], mishap)
      assert.deepEqual(later.seen, [{ id, values: null }])
    }
  })

  test('a row that was updated and then deleted is not refused beside others that are written', async () => {
    const ids = await madeLongAgo(2)
    const lost = await writing('update', ids, 'lost-reply')
    await remove(ids[1] ?? '')
    const { outcome } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome))
    assert.deepEqual(outcome.others.map(({ state }) => state), ['unknown'])
  })

  test('an update that is followed by another of the same record: neither arrived nor lost can be told', async () => {
    for (const mishap of ['lost-reply', 'drop'] as const) {
      const [id = ''] = await madeLongAgo(1)
      const doubted = await writing('update', [id], mishap)
      await change(id, { first_name: 'Newer' })
      const soon = await inquireAfter(stage, contacts, { ...doubted, afterMs: soonMs })
      assert.deepEqual([soon.outcome.state, soon.forGood], ['unknown', false], mishap)
      const later = await inquireAfter(stage, contacts, { ...doubted, afterMs: laterMs })
      assert.deepEqual([later.outcome.state, later.forGood], ['unknown', true], mishap)
      assert.equal(later.seen[0]?.values?.['first_name'], 'Newer')
    }
  })

  test('a delete that never arrived is refused at the moment that the inquiry before has told', async () => {
    const dropped = await writing('delete', await madeLongAgo(1), 'drop')
    const soon = await inquireAfter(stage, contacts, { ...dropped, afterMs: soonMs })
    assert.deepEqual([soon.outcome.state, soon.forGood], ['unknown', false])
    const afterMs = (soon.overAt ?? 0) - dropped.sentAt
    assert.equal(afterMs, 280_000)
    const before = await inquireAfter(stage, contacts, { ...dropped, afterMs: afterMs - 1 })
    assert.equal(before.outcome.state, 'unknown')
    const then = await inquireAfter(stage, contacts, { ...dropped, afterMs })
    assert.equal(then.outcome.state, 'refused')
  })

  test('of a delete one record is still there: none was deleted by it, and the one gone is shown', async () => {
    const ids = await madeLongAgo(2)
    const dropped = await writing('delete', ids, 'drop')
    await remove(ids[0] ?? '')
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'refused', JSON.stringify(outcome))
    assert.deepEqual(seen.map(({ values }) => values === null), [true, false])
  })

  test('a platform that cannot be read now is a fault', async () => {
    const [id = ''] = await madeLongAgo(1)
    const lost = await writing('update', [id], 'lost-reply')
    await stage.mischief(contacts, '500')
    await assert.rejects(inquireAfter(stage, contacts, { ...lost, afterMs: soonMs }), Fault)
  })
})

describe('an upsert at salesforce', () => {
  const upsert = async (key: string, name: string, mishap: 'lost-reply' | 'drop') => {
    const rows = [{ values: { external_id__c: key, last_name: name } }]
    const doubted = await writeInDoubt(stage, contacts, {
      operation: 'insert',
      rows,
      mishap,
      upsertBy: 'external_id__c',
    })
    return doubted
  }

  test('its record is found by its key, whoever made it', async () => {
    const [made] = await stage.insert(contacts, [{ last_name: 'A', external_id__c: `o'k "1"` }])
    stage.clock.aheadMs += longAgoMs
    const dropped = await upsert(`o'k "1"`, 'B', 'drop')
    const soon = await inquireAfter(stage, contacts, { ...dropped, afterMs: soonMs })
    assert.equal(soon.outcome.state, 'unknown')
    const later = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(later.outcome.state, 'refused', JSON.stringify(later))
    const lost = await upsert(`o'k "1"`, 'B', 'lost-reply')
    const { outcome } = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
    assert.equal(rowsOf(outcome)[0]?.id, made?.id)
  })

  test('without a record of its key it was not carried out', async () => {
    const dropped = await upsert('nobody', 'B', 'drop')
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'refused')
    const lost = await upsert('nobody', 'B', 'lost-reply')
    const found = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
    assert.equal(found.outcome.state, 'accepted')
  })
})
