// Goal: whatever others do at HubSpot is told as the pace promises. Method: the sandbox's portal, changed by another client;
// the answers that no portal gives come from a server of a few lines.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import { standardObjects } from '../../../src/platforms/hubspot/objects.ts'
import { apiError, batch, contacts, type FakePortal, fakePortal, idAt, record } from './fake.ts'
import { allIds, createTestPortal, poll, type Portal } from './portal.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const objects = (table: SyncedTable) =>
  `/crm/v3/objects/${table.object === 'cars' ? 'p_cars' : table.object}`

/** What a new record of the object needs, and a change of it. */
const drafts: Readonly<Record<string, readonly [object, object]>> = {
  contacts: [{ email: 'leto@atreides.example' }, { firstname: 'Leto' }],
  companies: [{ name: 'Ix' }, { city: 'Ix' }],
  deals: [{ dealname: 'Spice', dealstage: 'closedwon' }, { amount: '5' }],
  tickets: [{ subject: 'Worm', hs_pipeline_stage: '1' }, { content: 'big' }],
  products: [{ name: 'Stillsuit' }, { price: '4' }],
  line_items: [{ name: 'Stillsuit' }, { quantity: '2' }],
  notes: [{ hs_timestamp: '2026-01-05T09:00:00Z' }, { hs_note_body: 'He is' }],
  tasks: [{ hs_timestamp: '2026-01-05T09:00:00Z' }, { hs_task_subject: 'Call' }],
  calls: [{ hs_timestamp: '2026-01-05T09:00:00Z' }, { hs_call_title: 'Call' }],
  meetings: [{ hs_timestamp: '2026-01-05T09:00:00Z' }, { hs_meeting_title: 'Meet' }],
  emails: [
    { hs_timestamp: '2026-01-05T09:00:00Z', hs_email_direction: 'EMAIL' },
    { hs_email_subject: 'Fear' },
  ],
  cars: [{ model: 'Ornithopter' }, { mileage: '9' }],
}

async function started(object = 'contacts', portal = createTestPortal()) {
  const table = await portal.table(object)
  const cursor = await portal.follower.start(table, portal.caller)
  portal.heard.length = 0
  return { portal, table, cursor }
}

/** What the follower reads of a record. */
async function readOne(portal: Portal, table: SyncedTable, id: string) {
  const [row, ...others] = await portal.follower.read(table, [{ id, keys: {} }], portal.caller)
  assert.deepEqual(others, [])
  assert.equal(row?.id, id)
  return row.values
}

describe('following hubspot', () => {
  for (const object of [...standardObjects, 'cars']) {
    test(`a record of ${object} is told when it is made, changed and archived`, async () => {
      const { portal, table, cursor } = await started(object)
      const pace = portal.follower.pace(table)
      assert.deepEqual([pace.changes, pace.deletions], [true, false])
      const [draft, change] = drafts[object] ?? [{}, {}]

      portal.nowMs += pace.everyMs
      const { id } = portal.ask('POST', objects(table), { properties: draft })
      const made = await poll(portal, table, cursor)
      assert.deepEqual(made.touched, [id])
      assert.deepEqual(await readOne(portal, table, id), (await portal.records(table)).get(id))

      portal.nowMs += pace.everyMs
      portal.ask('PATCH', `${objects(table)}/${id}`, { properties: change })
      const changed = await poll(portal, table, made.next)
      assert.deepEqual(changed.touched, [id])
      const [field, value] = Object.entries(change)[0] ?? []
      assert.equal((await readOne(portal, table, id))?.[field ?? ''], value)
      assert.ok((await allIds(portal, table)).has(id))

      portal.nowMs += pace.everyMs
      portal.ask('DELETE', `${objects(table)}/${id}`)
      const archived = await poll(portal, table, changed.next)
      assert.deepEqual(archived.touched, [id])
      assert.equal(await readOne(portal, table, id), null)
      assert.ok(!(await allIds(portal, table)).has(id))

      // once more, since another change of the same moment might have come
      portal.nowMs += pace.everyMs
      const again = await poll(portal, table, archived.next)
      portal.nowMs += pace.everyMs
      assert.deepEqual((await poll(portal, table, again.next)).touched, [])
    })
  }

  test('what was there at the start is not told, and a quiet table costs two requests a look', async () => {
    const { portal, table, cursor } = await started()
    let at = cursor
    for (let i = 0; i < 5; i++) {
      portal.nowMs += 30_000
      const { touched, next } = await poll(portal, table, at)
      assert.deepEqual(touched, [])
      at = next
    }
    assert.equal(portal.heard.length, 10)
    // for an hour and more: a second look, every ten minutes
    portal.heard.length = 0
    for (let i = 0; i < 240; i++) {
      portal.nowMs += 30_000
      at = (await poll(portal, table, at)).next
    }
    assert.ok(portal.heard.length <= 480 + 12, String(portal.heard.length))
  })

  test('a change is told once, though the time is looked at again', async () => {
    const { portal, table, cursor } = await started()
    portal.nowMs += 30_000
    for (let n = 0; n < 20; n++) portal.ask('POST', objects(table), { properties: { city: 'Ix' } })
    portal.nowMs += 2_000
    let at = cursor
    const told: string[] = []
    for (let i = 0; i < 300; i++) {
      const { touched, next } = await poll(portal, table, at)
      told.push(...touched)
      at = next
      portal.nowMs += 30_000
    }
    assert.equal(told.length, 20)
    assert.equal(new Set(told).size, 20)
    assert.ok(at.length < 1_000, 'what is not looked at again is forgotten')
  })

  test('what the same answer brought is asked for again when it could not be written', async () => {
    const { portal, table, cursor } = await started()
    portal.nowMs += 30_000
    const { id } = portal.ask('POST', objects(table), { properties: { city: 'Ix' } })
    assert.deepEqual((await poll(portal, table, cursor)).touched, [id])
    assert.deepEqual((await poll(portal, table, cursor)).touched, [id])
  })

  test('hundreds that changed in one moment are told, each once', async () => {
    const { portal, table, cursor } = await started()
    portal.nowMs += 30_000
    assert.ok(portal.platform.seed?.('contacts', 950))
    portal.nowMs += 2_000
    const { touched, next, pages } = await poll(portal, table, cursor)
    assert.equal(touched.length, 950)
    assert.equal(new Set(touched).size, 950)
    assert.ok(pages <= 10, String(pages))
    portal.nowMs += 30_000
    assert.deepEqual((await poll(portal, table, next)).touched, [])
  })

  test('more than a search can page through are told after a long pause', async () => {
    const { portal, table, cursor } = await started('companies')
    for (let n = 0; n < 12; n++) {
      portal.nowMs += 20 * minuteMs
      portal.platform.seed?.('companies', 1_000)
    }
    portal.nowMs += 2_000
    const { touched } = await poll(portal, table, cursor)
    assert.equal(new Set(touched).size, 12_000)
    assert.ok(touched.length < 12_400, 'a second look does not tell everything again')
  })

  test('records that change while they are paged through hide no other', async () => {
    const { portal, table, cursor } = await started()
    portal.pageRows = 5
    const ids: string[] = []
    for (let n = 0; n < 40; n++) {
      portal.nowMs += 1_000
      ids.push(portal.ask('POST', objects(table), { properties: { city: 'Ix' } }).id)
    }
    const told = new Set<string>()
    let changes = await portal.follower.changes(table, cursor, portal.caller)
    for (let n = 0; changes.more; n++) {
      for (const { id } of changes.touched) told.add(id)
      portal.nowMs += 10
      // each time one that was told and one that was not goes to the end
      for (const id of [ids[n], ids[39 - n]]) {
        if (n < 15) portal.ask('PATCH', `${objects(table)}/${id}`, { properties: { city: `${n}` } })
      }
      changes = await portal.follower.changes(table, changes.next, portal.caller)
    }
    for (const { id } of changes.touched) told.add(id)
    assert.deepEqual(ids.filter((id) => !told.has(id)), [])
  })

  for (const pauseMs of [2 * minuteMs, 2 * hourMs]) {
    test(`a record that is shown newer than it was found hides no other (${pauseMs} ms)`, async () => {
      const search = { lagMs: 20_000, shows: 'record' } as const
      const { portal, table, cursor } = await started('contacts', createTestPortal({ search }))
      portal.pageRows = 12
      const ids: string[] = []
      for (let n = 0; n < 40; n++) {
        portal.nowMs += 1_000
        ids.push(portal.ask('POST', objects(table), { properties: { city: 'Ix' } }).id)
      }
      portal.nowMs += pauseMs
      // the last on the first page, and one before it
      for (const id of [ids[11], ids[8]]) {
        portal.ask('PATCH', `${objects(table)}/${id}`, { properties: { city: 'Tleilax' } })
      }
      const { touched, until } = await poll(portal, table, cursor)
      assert.deepEqual(ids.filter((id) => !touched.includes(id)), [])
      assert.equal(until, portal.nowMs - 30_000)
    })
  }

  test('what the search did not find at one look is told by the next', async () => {
    const search = { lagMs: 25_000, shows: 'index' } as const
    const { portal, table, cursor } = await started('contacts', createTestPortal({ search }))
    portal.nowMs += minuteMs
    const { id } = portal.ask('POST', objects(table), { properties: { city: 'Ix' } })
    portal.nowMs += 20_000
    const early = await poll(portal, table, cursor)
    assert.deepEqual(early.touched, [])
    portal.nowMs += 30_000
    const late = await poll(portal, table, early.next)
    assert.deepEqual(late.touched, [id])
  })

  for (const shows of ['index', 'record'] as const) {
    test(`what the search finds only after forty minutes is told then (it shows the ${shows})`, async () => {
      const search = { lagMs: 40 * minuteMs, shows }
      const { portal, table, cursor } = await started('contacts', createTestPortal({ search }))
      portal.nowMs += 30_000
      const { id } = portal.ask('POST', objects(table), { properties: { city: 'Ix' } })
      let at = cursor
      const told = new Map<number, string[]>()
      const from = portal.nowMs
      for (let i = 0; i < 90; i++) {
        portal.nowMs += minuteMs
        const { touched, next } = await poll(portal, table, at)
        if (touched.length > 0) told.set(portal.nowMs - from, touched)
        at = next
      }
      assert.deepEqual([...told.values()], [[id]])
      const [afterMs = 0] = told.keys()
      assert.ok(afterMs > 40 * minuteMs && afterMs < 80 * minuteMs, String(afterMs))
    })
  }

  test('a merge tells of the new record and of both that it was made of', async () => {
    const { portal, table, cursor } = await started()
    const [a, b] = [...(await portal.records(table)).keys()]
    portal.nowMs += 30_000
    const { id } = portal.ask('POST', `${objects(table)}/merge`, {
      primaryObjectId: a,
      objectIdToMerge: b,
    })
    const { touched } = await poll(portal, table, cursor)
    assert.deepEqual(touched.toSorted(), [a ?? '', b ?? '', String(id)].toSorted())
    const refs = [id, a ?? '', b ?? ''].map((id) => ({ id, keys: {} }))
    const rows = new Map(
      (await portal.follower.read(table, refs, portal.caller)).map((
        { id, values },
      ) => [id, values]),
    )
    assert.deepEqual(rows.get(id), (await portal.records(table)).get(id))
    assert.deepEqual([rows.get(a ?? ''), rows.get(b ?? '')], [null, null])
    // each by itself, too
    assert.equal(await readOne(portal, table, a ?? ''), null)
    assert.equal(await readOne(portal, table, b ?? ''), null)
  })

  test('what is erased for privacy is missing from the ids, and read as gone', async () => {
    const { portal, table, cursor } = await started()
    const [id = ''] = (await portal.records(table)).keys()
    portal.nowMs += 30_000
    portal.ask('POST', `${objects(table)}/gdpr-delete`, { objectId: id })
    assert.deepEqual((await poll(portal, table, cursor)).touched, [])
    assert.ok(!(await allIds(portal, table)).has(id))
    assert.equal(await readOne(portal, table, id), null)
  })

  test('archived records beyond the first page are told within some looks', async () => {
    const portal = createTestPortal()
    portal.platform.seed?.('contacts', 250)
    portal.nowMs += hourMs
    const { table, cursor } = await started('contacts', portal)
    const ids = [...(await portal.records(table)).keys()]
    const archive = (some: readonly string[]) => {
      for (const id of some) portal.ask('DELETE', `${objects(table)}/${id}`)
    }
    portal.nowMs -= 24 * hourMs
    archive(ids.slice(0, 240)) // long ago, and before the others in the list
    portal.nowMs += 24 * hourMs + 30_000
    const late = ids.slice(240, 250)
    archive(late)
    let at = cursor
    const told: string[] = []
    for (let look = 0; look < 3; look++) {
      const { touched, next } = await poll(portal, table, at)
      told.push(...touched)
      at = next
      portal.nowMs += 30_000
    }
    assert.deepEqual(told.toSorted(), late.toSorted())
  })

  test('records are read a hundred at a time, and an id that is no number is gone', async () => {
    const { portal, table } = await started()
    portal.platform.seed?.('contacts', 120)
    const ids = [...await allIds(portal, table)]
    const { follower } = portal
    assert.equal(follower.readMax, 100)
    portal.heard.length = 0
    const refs = [...ids.slice(0, 98), '404404', '../x'].map((id) => ({ id, keys: {} }))
    const rows = await follower.read(table, refs, portal.caller)
    assert.equal(portal.heard.length, 1)
    assert.equal(rows.length, 100)
    const gone = rows.filter(({ values }) => values === null).map(({ id }) => id)
    assert.deepEqual(gone.toSorted(), ['../x', '404404'])
    assert.equal(await follower.count?.(table, portal.caller), ids.length)
  })

  test('the clocks of HubSpot and of this service may differ', async () => {
    for (const skewMs of [-7 * hourMs, 7 * hourMs]) {
      const portal = createTestPortal({ skewMs })
      const { table, cursor } = await started('contacts', portal)
      portal.nowMs += 30_000
      const { id } = portal.ask('POST', objects(table), { properties: { city: 'Ix' } })
      const { touched, until } = await poll(portal, table, cursor)
      assert.deepEqual(touched, [id])
      // by this service's clock, and half a minute for the search
      assert.ok(until <= portal.nowMs + skewMs && until >= portal.nowMs + skewMs - minuteMs)
    }
  })

  test('a cursor that is none, or of another version, is a bad request', async () => {
    const { portal, table, cursor } = await started()
    const other = JSON.stringify({ ...JSON.parse(cursor), version: 0 })
    const broken = JSON.stringify({ ...JSON.parse(cursor), seen: [['1']] })
    for (const text of ['', 'null', '{}', '[]', cursor.slice(1), other, broken]) {
      await assert.rejects(
        portal.follower.changes(table, text, portal.caller),
        (error) => error instanceof Fault && error.code === 'bad_request',
        text,
      )
    }
    assert.deepEqual(portal.heard, [])
  })
})

describe('answers that cannot be believed', () => {
  let fake: FakePortal
  let cursor: string
  before(async () => {
    fake = await fakePortal()
    fake.play(() => ({ body: { total: 0, results: [] } }))
    cursor = await followed().start(contacts, fake.caller())
  })
  after(() => fake.close())

  function followed() {
    assert.ok(hubspot.follow)
    return hubspot.follow
  }
  const changed = () => followed().changes(contacts, cursor, fake.caller())
  const isFault = (code: string) => (error: unknown) =>
    error instanceof Fault && error.code === code

  test('are faults, never "no changes"', async () => {
    const good = record(1, { lastmodifieddate: '2026-11-25T12:00:00.000Z' })
    const bodies = [
      '',
      '{"results":[',
      '[]',
      {},
      { results: {} },
      { results: [null] },
      { results: [{ ...good, id: 7 }] },
      { results: [{ ...good, id: 'seven' }] },
      { results: [{ ...record(1, { lastmodifieddate: 'never' }) }] },
      { results: [], paging: { next: { after: '200' } } },
      { results: [good], paging: [] },
    ]
    for (const body of bodies) {
      fake.play(() => ({ body }), () => ({ body: { results: [] } }))
      await assert.rejects(changed(), isFault('platform_failed'), JSON.stringify(body))
    }
    fake.play(() => ({ status: 502, body: '<html>' }))
    await assert.rejects(changed(), isFault('platform_failed'))
    fake.play((_, response) => void response.destroy())
    await assert.rejects(changed(), isFault('platform_failed'))
    fake.play(() => ({
      status: 429,
      body: { status: 'error', errorType: 'RATE_LIMIT', message: 'no' },
    }))
    await assert.rejects(changed(), isFault('rate_limited'))
  })

  test('the archived list is needed, but not one that HubSpot does not give', async () => {
    const none = () => ({ body: { total: 0, results: [] } })
    fake.play(none, () => ({ body: { results: [{}] } }))
    await assert.rejects(changed(), isFault('platform_failed'))
    fake.play(none, () => ({ status: 500, body: apiError('INTERNAL', 'internal error') }))
    await assert.rejects(changed(), isFault('platform_failed'))
    fake.play(none, () => ({ status: 400, body: apiError('VALIDATION_ERROR', 'no archived here') }))
    assert.deepEqual((await changed()).touched, [])
  })

  test('a list of ids by id that is not in their order is a fault', async () => {
    const at = '2026-11-25T12:00:00.000Z'
    const tie = (n: number) => record(n, { lastmodifieddate: at })
    const page = (...results: object[]) => ({
      body: { total: 9, results, paging: { next: { after: '2' } } },
    })
    fake.play(
      () => page(tie(1), tie(2)),
      () => ({ body: { results: [] } }),
      () => page(tie(2), tie(1)),
    )
    const look = JSON.parse(cursor) as Record<string, unknown>
    const from = Date.parse(at)
    const start = JSON.stringify({ ...look, floor: from, recent: from, settled: from })
    const first = await followed().changes(contacts, start, fake.caller())
    assert.equal(first.more, true)
    await assert.rejects(
      followed().changes(contacts, first.next, fake.caller()),
      isFault('platform_failed'),
    )
    // the second page asked for those of that one moment, beyond no id
    const asked = JSON.parse(fake.asked[2]?.body ?? '') as Record<string, unknown>
    assert.deepEqual(asked['sorts'], ['hs_object_id'])
    assert.deepEqual(asked['filterGroups'], [{
      filters: [
        {
          propertyName: 'lastmodifieddate',
          operator: 'BETWEEN',
          value: `${from}`,
          highValue: `${from}`,
        },
        { propertyName: 'hs_object_id', operator: 'GT', value: '0' },
      ],
    }])
  })

  test('a read says nothing of a record of which HubSpot says nothing', async () => {
    const read = (...ids: string[]) =>
      followed().read(contacts, ids.map((id) => ({ id, keys: {} })), fake.caller())
    const failed = apiError('INTERNAL', 'one shard is away')
    fake.play(() => ({ status: 207, body: batch([record(1, {})], [failed]) }))
    assert.deepEqual((await read(idAt(1), idAt(2))).map(({ id }) => id), [idAt(1)])
    // an error that is counted and not shown
    fake.play(() => ({ body: { ...batch([]), numErrors: 1 } }))
    assert.deepEqual(await read(idAt(2)), [])
    const missing = apiError('OBJECT_NOT_FOUND', 'Could not get some CONTACT objects', {
      context: { ids: [idAt(2)] },
    })
    fake.play(() => ({ status: 207, body: batch([], [missing]) }))
    assert.deepEqual(await read(idAt(2)), [{ id: idAt(2), values: null }])
    for (const body of [{}, { results: [] }, batch([{}]), { ...batch([]), status: 'PENDING' }]) {
      fake.play(() => ({ body }))
      await assert.rejects(read(idAt(2)), isFault('platform_failed'), JSON.stringify(body))
    }
  })
})
