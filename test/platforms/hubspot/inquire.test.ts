// Goal: what became of a mutation at HubSpot is told truly, or not at all. Method: the adapter against the sandbox, whose
// clock is moved, with replies lost on the way, requests that never arrive, and a search that is behind.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Http } from '../../../src/lib/http.ts'
import type { Doubt } from '../../../src/platforms/platform.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import {
  datedHttp,
  type Doubted,
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

const at = (object: string) => ({ adapter: hubspot, object, settings: { batchInsert: true } })
const contacts = at('contacts')
const companies = at('companies')

describe('every table of hubspot', () => {
  const when = '2026-11-22T10:20:30.123+00:00'
  const cases: Record<string, Record<string, string>[]> = {
    contacts: [{ email: 'A@Example.com' }, { email: 'b@example.com', firstname: 'B' }],
    companies: [{ name: 'CHOAM' }, { name: 'Ix', domain: 'ix.example' }],
    deals: [{ dealname: 'Spice', dealstage: 'appointmentscheduled', amount: '12.5' }],
    tickets: [{ subject: 'Help', hs_pipeline_stage: '1' }],
    products: [{ name: 'Stillsuit' }],
    line_items: [{ name: 'Two of them', quantity: '2' }],
    notes: [{ hs_timestamp: when, hs_note_body: 'Text' }],
    tasks: [{ hs_timestamp: when, hs_task_subject: 'Do' }],
    cars: [{ model: 'T', vin: 'VIN-1' }, { model: 'S', vin: 'VIN-2', features: '["airbags"]' }],
  }
  const changes: Record<string, Record<string, string | null>> = {
    contacts: { firstname: 'Changed', lastname: null },
    companies: { domain: 'changed.example' },
    deals: { amount: null },
    tickets: { content: 'Changed' },
    products: { price: '3' },
    line_items: { quantity: '3' },
    notes: { hs_note_body: 'Changed' },
    tasks: { hs_task_body: 'Changed' },
    cars: { features: '["sunroof","airbags"]' },
  }
  const unique = ['contacts', 'cars']
  for (const [object, drafts] of Object.entries(cases)) {
    test(`${object}: insert, update and delete`, async () => {
      const untold = unique.includes(object) ? [] : ['insert'] as const
      await foundOut(stage, { place: at(object), drafts, change: changes[object] ?? {}, untold })
    })
  }
})

const lostInsert = (
  place: typeof contacts,
  values: Record<string, string>,
  mishap: 'lost-reply' | 'drop' = 'lost-reply',
) => writeInDoubt(stage, place, { operation: 'insert', rows: [{ values }], mishap })

/** Asks while HubSpot's search does not yet know of anything. */
async function inquireBehind(doubted: Doubted, afterMs: number) {
  const real = stage.http
  const http = {
    close: () => real.close(),
    send: async (request: Parameters<Http['send']>[0]) => {
      const response = await real.send(request)
      if (!request.url.includes('/search')) return response
      return { ...response, body: JSON.stringify({ total: 0, results: [] }) }
    },
  }
  const doubt: Doubt = { ...doubted, now: doubted.sentAt + afterMs, others: new Set() }
  assert.ok(hubspot.inquire !== undefined)
  const table = await stage.table(companies)
  const caller = stage.caller(companies, { http: datedHttp(http, doubt.now) })
  return await hubspot.inquire(doubt, table, caller)
}

/** Answers every batch read so. */
function answering(body: unknown): Http {
  const real = stage.http
  return {
    close: () => real.close(),
    send: async (request) => {
      const response = await real.send(request)
      if (!request.url.includes('/batch/read')) return response
      return { ...response, status: 207, body: JSON.stringify(body) }
    },
  }
}

describe('an insert at hubspot', () => {
  test('what a search does not find proves nothing, however late', async () => {
    const lost = await lostInsert(companies, { name: 'Behind' })
    const { outcome, seen } = await inquireBehind(lost, 24 * 60 * laterMs)
    assert.equal(outcome.state, 'unknown')
    assert.match(faultOf(outcome).detail ?? '', /proves nothing/)
    assert.deepEqual(seen, [])
    const found = await inquireAfter(stage, companies, { ...lost, afterMs: laterMs })
    assert.equal(found.outcome.state, 'accepted', 'once the search knows of it')
  })

  test('an equal company of before is not found; of that time neither of two is taken', async () => {
    await stage.insert(companies, [{ name: 'Guild' }])
    stage.clock.aheadMs += longAgoMs
    const dropped = await lostInsert(companies, { name: 'Guild' }, 'drop')
    const none = await inquireAfter(stage, companies, { ...dropped, afterMs: laterMs })
    assert.equal(none.outcome.state, 'unknown')
    assert.deepEqual(none.seen, [])
    await stage.insert(companies, [{ name: 'Guild' }, { name: 'Guild' }])
    const torn = await inquireAfter(stage, companies, { ...dropped, afterMs: laterMs })
    assert.equal(torn.outcome.state, 'unknown')
    assert.equal(torn.seen.length, 2)
  })

  test('of a table that was described before columns were marked as unique HubSpot is asked', async () => {
    const dropped = await lostInsert(contacts, { email: 'x@example.com' }, 'drop')
    const table = await stage.table(contacts)
    const columns = table.columns.map((column) => {
      const { name, field, type, insertable, updatable, required } = column
      return { name, field, type, insertable, updatable, required }
    })
    const doubt = { ...dropped, now: dropped.sentAt + laterMs, others: new Set<string>() }
    assert.ok(hubspot.inquire !== undefined)
    for (const [columnsThen, requests] of [[table.columns, 1], [columns, 2]] as const) {
      await stage.quiet()
      const old = { ...table, columns: columnsThen }
      const caller = stage.caller(contacts, { http: datedHttp(stage.http, doubt.now) })
      const { outcome } = await hubspot.inquire(doubt, old, caller)
      assert.equal(outcome.state, 'refused')
      assert.equal((await stage.exchanges()).length, requests)
    }
  })

  test('a unique value that somebody had before: surely nothing was written', async () => {
    await stage.insert(contacts, [{ email: 'same@example.com' }])
    stage.clock.aheadMs += longAgoMs
    const dropped = await lostInsert(contacts, { email: 'Same@example.com' }, 'drop')
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'refused')
  })

  test('a record with the unique value and other values may be the row, changed since: unknown', async () => {
    const lost = await lostInsert(contacts, { email: 'x@example.com', firstname: 'Ann' })
    const page = (await stage.pages(contacts)).flatMap(({ rows }) => rows)
    const id = page.find(({ values }) => values['email'] === 'x@example.com')?.id ?? ''
    const rows = [{ id, values: { firstname: 'Bea' } }]
    await stage.accepted(contacts, await stage.write(contacts, 'update', { rows }))
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...lost, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    assert.deepEqual(seen.map((one) => one.id), [id])
  })

  test('rows with and without a unique value in one statement are each told by what is theirs', async () => {
    const rows = [{ email: 'one@example.com' }, { firstname: 'Nobody', lastname: 'Knows' }]
    const dropped = await writeInDoubt(stage, contacts, {
      operation: 'insert',
      rows: rows.map((values) => ({ values })),
      mishap: 'drop',
    })
    const { outcome } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(outcome.state, 'unknown')
    const report = JSON.parse(faultOf(outcome).detail ?? '') as { state: string }[]
    assert.deepEqual(report.map(({ state }) => state), ['refused', 'unknown'])
    // what is known by then stays known, though the outcome has no place for it but its DETAIL
    const again = await inquireAfter(stage, contacts, { ...dropped, outcome, afterMs: laterMs })
    assert.equal(again.outcome.state, 'unknown')
    assert.deepEqual(JSON.parse(faultOf(again.outcome).detail ?? ''), report)
  })
})

describe('an update, delete or upsert at hubspot', () => {
  test('each row is told for itself', async () => {
    const made = await stage.insert(contacts, [
      { email: 'a@example.com' },
      { email: 'b@example.com' },
      { email: 'c@example.com' },
    ])
    stage.clock.aheadMs += longAgoMs
    const rows = made.map(({ id }) => ({ id, values: { firstname: 'New' } }))
    const dropped = await writeInDoubt(stage, contacts, {
      operation: 'update',
      rows,
      mishap: 'drop',
    })
    await stage.accepted(
      contacts,
      await stage.write(contacts, 'update', { rows: rows.slice(0, 1) }),
    )
    await stage.accepted(
      contacts,
      await stage.write(contacts, 'delete', { rows: rows.slice(2) }),
    )
    const { outcome, seen } = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.ok(outcome.state === 'partial', JSON.stringify(outcome))
    assert.deepEqual(outcome.rows.map(({ ordinal }) => ordinal), [1])
    assert.deepEqual(outcome.others.map(({ state }) => state), ['refused', 'unknown'])
    assert.deepEqual(seen.map(({ values }) => values === null), [false, false, true])
  })

  test('what was known of some rows stays as it was', async () => {
    const made = await stage.insert(contacts, [{ email: 'a@example.com' }, { email: 'b@x.com' }])
    const rows = made.map(({ id }) => ({ id, values: { firstname: 'New' } }))
    const lost = await writeInDoubt(stage, contacts, {
      operation: 'update',
      rows,
      mishap: 'lost-reply',
    })
    const [first, second] = made
    assert.ok(first !== undefined && second !== undefined && lost.outcome.state === 'unknown')
    const { fault } = lost.outcome
    const outcome = {
      state: 'partial',
      rows: [{ ordinal: 1, id: first.id, values: { firstname: 'As it was told' } }],
      others: [{ state: 'unknown', ordinal: 2, id: second.id, fault }],
      fault,
    } as const
    await stage.quiet()
    const found = await inquireAfter(stage, contacts, { ...lost, outcome, afterMs: soonMs })
    assert.equal(found.outcome.state, 'accepted')
    assert.equal(rowsOf(found.outcome)[0]?.values?.['firstname'], 'As it was told')
    const [read] = await stage.exchanges()
    assert.ok(!read?.requestBody.includes(first.id), 'it is not asked for again')
  })

  test('what is missing in an answer is gone only where HubSpot says so', async () => {
    const [made] = await stage.insert(contacts, [{ email: 'a@example.com' }])
    const id = made?.id ?? ''
    stage.clock.aheadMs += longAgoMs
    const error = (category: string, ids: string[]) => ({
      numErrors: 1,
      errors: [{ status: 'error', category, message: 'Words', context: { ids } }],
    })
    const merged = { id: '987', properties: { email: 'a@example.com' }, archived: false }
    const answers = [
      [{ results: [] }, 'accepted', 'gone'],
      [{ results: [], ...error('OBJECT_NOT_FOUND', [id]) }, 'accepted', 'gone'],
      [{ results: [], ...error('OBJECT_NOT_FOUND', ['1']) }, 'unknown', 'unknown'],
      [{ results: [], ...error('INTERNAL_ERROR', [id]) }, 'unknown', 'unknown'],
      [{ results: [], numErrors: 1 }, 'unknown', 'unknown'],
      [{ results: [merged] }, 'unknown', 'unknown'],
      [{ results: ['no record'] }, 'unknown', 'unknown'],
    ] as const
    const rows = [{ id, values: { firstname: 'New' } }]
    for (const [at, operation] of (['delete', 'update'] as const).entries()) {
      const dropped = await writeInDoubt(stage, contacts, { operation, rows, mishap: 'drop' })
      for (const answer of answers) {
        const http = answering(answer[0])
        const asked = { ...dropped, afterMs: laterMs }
        const { outcome, seen, forGood } = await inquireAfter(stage, contacts, asked, { http })
        const gone = operation === 'update' && seen[0]?.values === null
        assert.equal(gone ? 'gone' : outcome.state, answer[at + 1], JSON.stringify(answer))
        assert.equal(forGood, gone, 'an update of a record that is gone can never be told')
      }
    }
  })

  test('an insert is not told as absent by an answer that does not speak of its unique value', async () => {
    const dropped = await lostInsert(contacts, { email: 'a@example.com' }, 'drop')
    const merged = { id: '987', properties: { email: 'other@example.com' }, archived: false }
    for (const [results, known] of [[[], 'refused'], [[merged], 'unknown']] as const) {
      const http = answering({ results })
      const asked = { ...dropped, afterMs: laterMs }
      const { outcome } = await inquireAfter(stage, contacts, asked, { http })
      assert.equal(outcome.state, known)
    }
  })

  test('an upsert by an email is not told as absent: it may be a contact’s second one', async () => {
    const rows = [{ values: { email: 'second@example.com', firstname: 'New' } }]
    const dropped = await writeInDoubt(stage, contacts, {
      operation: 'insert',
      rows,
      upsertBy: 'email',
      mishap: 'drop',
    })
    const asked = { ...dropped, afterMs: laterMs }
    const none = await inquireAfter(stage, contacts, asked)
    assert.equal(none.outcome.state, 'unknown', JSON.stringify(none))
    const first = { email: 'first@example.com', firstname: 'New' }
    const http = answering({ results: [{ id: '987', properties: first, archived: false }] })
    const stray = await inquireAfter(stage, contacts, asked, { http })
    assert.equal(stray.outcome.state, 'unknown', JSON.stringify(stray))
    assert.deepEqual(stray.seen.map(({ id }) => id), ['987'], 'it is shown')
  })

  test('an upsert by another unique property is', async () => {
    const rows = [{ values: { vin: 'VIN-9', model: 'T' } }]
    const dropped = await writeInDoubt(stage, at('cars'), {
      operation: 'insert',
      rows,
      upsertBy: 'vin',
      mishap: 'drop',
    })
    const asked = { ...dropped, afterMs: laterMs }
    assert.equal((await inquireAfter(stage, at('cars'), asked)).outcome.state, 'refused')
  })

  test('an upsert is found by its key', async () => {
    const [made] = await stage.insert(contacts, [{ email: 'key@example.com' }])
    stage.clock.aheadMs += longAgoMs
    const rows = [{ values: { email: 'Key@example.com', firstname: 'New' } }]
    const upsert = { operation: 'insert', rows, upsertBy: 'email' } as const
    const dropped = await writeInDoubt(stage, contacts, { ...upsert, mishap: 'drop' })
    const none = await inquireAfter(stage, contacts, { ...dropped, afterMs: laterMs })
    assert.equal(none.outcome.state, 'refused', JSON.stringify(none))
    const lost = await writeInDoubt(stage, contacts, { ...upsert, mishap: 'lost-reply' })
    const found = await inquireAfter(stage, contacts, { ...lost, afterMs: soonMs })
    assert.deepEqual(rowsOf(found.outcome).map(({ id }) => id), [made?.id])
  })
})
