// Goal: what became of a mutation at Airtable is told truly, or not at all. Method: the adapter against the sandbox, whose
// clock is moved, with replies lost on the way and requests that never arrive.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import {
  foundOut,
  inquireAfter,
  laterMs,
  longAgoMs,
  rowsOf,
  soonMs,
  writeInDoubt,
} from '../contract/doubts.ts'
import { type Stage, startStage } from '../contract/stage.ts'

let stage: Stage
before(async () => stage = await startStage())
after(async () => await stage.close())
beforeEach(async () => await stage.reset())

const at = (object: string) => ({
  adapter: airtable,
  object,
  settings: { base: 'appSandbox0000001' },
})
const contacts = at('Contacts')

describe('every table of airtable', () => {
  test('Contacts: values of every kind', async () => {
    const drafts = Array.from({ length: 10 }, (_, n) => ({
      name: `Row ${n}`,
      score: '1.50',
      stars: '3',
      tags: '["press","vip"]',
      active: n % 2 === 0 ? 'true' : 'false',
      birthday: '1990-02-03',
    }))
    await foundOut(stage, { place: contacts, drafts, change: { score: null, active: 'true' } })
  })

  test('Companies', async () => {
    const drafts = [{ name: 'CHOAM' }, { name: 'Ix' }]
    await foundOut(stage, { place: at('Companies'), drafts, change: { name: 'Changed' } })
  })
})

describe('a mutation at airtable', () => {
  test('files, which come back as others, do not stand in the way', async () => {
    const values = { name: 'Files', attachments: '[{"url":"https://example.com/a.pdf"}]' }
    const lost = await writeInDoubt(stage, contacts, {
      operation: 'insert',
      rows: [{ values }],
      mishap: 'lost-reply',
    })
    const { outcome } = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
  })

  test('an insert that says nothing is not told from another: unknown', async () => {
    const rows = [{ values: { name: null } }]
    const dropped = await writeInDoubt(stage, contacts, {
      operation: 'insert',
      rows,
      mishap: 'drop',
    })
    await stage.insert(contacts, [{ name: 'Anybody' }])
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
  })

  test('more than a page of records of that time are looked through', async () => {
    const lost = await writeInDoubt(stage, contacts, {
      operation: 'insert',
      rows: [{ values: { name: 'Needle' } }],
      mishap: 'lost-reply',
    })
    for (let made = 0; made < 120; made += 10) {
      await stage.insert(
        contacts,
        Array.from({ length: 10 }, (_, n) => ({ name: `Hay ${made + n}` })),
      )
    }
    const { outcome } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
    assert.equal(rowsOf(outcome)[0]?.values?.['name'], 'Needle')
  })

  test('a record that somebody changed otherwise since: unknown, and shown as it is', async () => {
    const [made] = await stage.insert(contacts, [{ name: 'Old' }])
    stage.clock.aheadMs += longAgoMs
    const update = (name: string) => [{ id: made?.id ?? '', values: { name } }]
    const lost = await writeInDoubt(stage, contacts, {
      operation: 'update',
      rows: update('New'),
      mishap: 'lost-reply',
    })
    await stage.accepted(contacts, await stage.write(contacts, 'update', { rows: update('Other') }))
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.equal(seen[0]?.values?.['name'], 'Other')
  })

  test('an update that is followed by another, or by a delete, cannot be told, arrived or not', async () => {
    const follow = {
      update: (id: string) => [{ id, values: { name: 'Newer' } }],
      delete: (id: string) => [{ id, values: {} }],
    }
    for (const operation of ['update', 'delete'] as const) {
      for (const mishap of ['lost-reply', 'drop'] as const) {
        const [made] = await stage.insert(contacts, [{ name: 'Old' }])
        stage.clock.aheadMs += longAgoMs
        const id = made?.id ?? ''
        const rows = [{ id, values: { name: 'New' } }]
        const doubted = await writeInDoubt(stage, contacts, { operation: 'update', rows, mishap })
        const later = { rows: follow[operation](id) }
        await stage.accepted(contacts, await stage.write(contacts, operation, later))
        const soon = await inquireAfter(stage, contacts, { ...doubted, afterMs: soonMs })
        assert.deepEqual([soon.outcome.state, soon.forGood], ['unknown', false], mishap)
        const end = await inquireAfter(stage, contacts, { ...doubted, afterMs: laterMs })
        assert.deepEqual([end.outcome.state, end.forGood], ['unknown', true], mishap)
        assert.equal(end.seen[0]?.values?.['name'], operation === 'update' ? 'Newer' : undefined)
      }
    }
  })

  test('a delete that never arrived is refused at the moment that the inquiry before has told', async () => {
    const [made] = await stage.insert(contacts, [{ name: 'Old' }])
    stage.clock.aheadMs += longAgoMs
    const rows = [{ id: made?.id ?? '', values: {} }]
    const dropped = await writeInDoubt(stage, contacts, {
      operation: 'delete',
      rows,
      mishap: 'drop',
    })
    const soon = await inquireAfter(stage, contacts, { ...dropped, afterMs: soonMs })
    assert.deepEqual([soon.outcome.state, soon.forGood], ['unknown', false])
    const afterMs = (soon.overAt ?? 0) - dropped.sentAt
    assert.equal(afterMs, 270_000)
    const before = await inquireAfter(stage, contacts, { ...dropped, afterMs: afterMs - 1 })
    assert.equal(before.outcome.state, 'unknown')
    const then = await inquireAfter(stage, contacts, { ...dropped, afterMs })
    assert.equal(then.outcome.state, 'refused')
  })

  test('an update that never arrived is not told by values that only resemble those sent', async () => {
    const files = '[{"url":"https://example.com/a.pdf"}]'
    const [made] = await stage.insert(contacts, [{ name: 'ann' }])
    for (const values of [{ name: 'Ann' }, { name: 'ann', attachments: files }]) {
      stage.clock.aheadMs += longAgoMs
      const rows = [{ id: made?.id ?? '', values }]
      const update = { operation: 'update', rows } as const
      const dropped = await writeInDoubt(stage, contacts, { ...update, mishap: 'drop' })
      const none = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
      assert.equal(none.outcome.state, 'refused', JSON.stringify(none))
      const lost = await writeInDoubt(stage, contacts, { ...update, mishap: 'lost-reply' })
      const found = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
      assert.equal(found.outcome.state, 'accepted', JSON.stringify(found))
      await stage.accepted(
        contacts,
        await stage.write(contacts, 'update', {
          rows: [{ id: made?.id ?? '', values: { name: 'ann' } }],
        }),
      )
    }
  })

  test('an upsert of which only the key can be compared is not told by its key', async () => {
    await stage.insert(contacts, [{ name: 'Ann' }])
    stage.clock.aheadMs += longAgoMs
    const rows = [{ values: { name: 'Ann', attachments: '[{"url":"https://example.com/a.pdf"}]' } }]
    const upsert = { operation: 'insert', rows, upsertBy: 'name' } as const
    const dropped = await writeInDoubt(stage, contacts, { ...upsert, mishap: 'drop' })
    const none = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(none.outcome.state, 'refused', JSON.stringify(none))
  })

  test('a change of the seconds before, by clocks that may differ, proves nothing either way', async () => {
    const [made] = await stage.insert(contacts, [{ name: 'Old' }])
    const rows = [{ id: made?.id ?? '', values: { name: 'New' } }]
    const state = async (aheadMs: number) => {
      stage.clock.aheadMs += aheadMs
      const dropped = await writeInDoubt(stage, contacts, {
        operation: 'update',
        rows,
        mishap: 'drop',
      })
      const asked = { ...dropped, afterMs: laterMs }
      return (await inquireAfter(stage, contacts, asked)).outcome.state
    }
    assert.equal(await state(9_000), 'unknown')
    assert.equal(await state(61_000), 'refused')
  })

  test('an upsert is found by its key, whatever stands in it', async () => {
    const key = 'He said "it\'s \\ {here}"'
    await stage.insert(contacts, [{ name: key }])
    stage.clock.aheadMs += longAgoMs
    const rows = [{ values: { name: key, score: '2' } }]
    const upsert = { operation: 'insert', rows, upsertBy: 'name' } as const
    const dropped = await writeInDoubt(stage, contacts, { ...upsert, mishap: 'drop' })
    const none = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(none.outcome.state, 'refused', JSON.stringify(none))
    const lost = await writeInDoubt(stage, contacts, { ...upsert, mishap: 'lost-reply' })
    const found = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
    assert.equal(rowsOf(found.outcome)[0]?.values?.['score'], '2', JSON.stringify(found))
  })
})
