// Goal: an answer that is not what it should be is a fault, never "nothing has changed" or "it is gone". Method: the follower
// against an API that answers what the test tells it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Fault } from '../../../src/mutation/fault.ts'
import { airtable } from '../../../src/platforms/airtable/index.ts'
import type { Caller, Registration, Webhooks } from '../../../src/platforms/platform.ts'
import { type Answer, type FakeApi, fakeApi } from '../../help/fake-api.ts'
import { base, contacts, idAt, records, refusal, settings } from './help.ts'

let api: FakeApi
before(async () => api = await fakeApi())
after(async () => await api.close())

const follower = airtable.follow
assert.ok(follower)
const hooks = follower.webhooks as Required<Webhooks>

const caller = (): Caller => api.caller({ settings })

/** Answers these, in turn; the last one again and again. */
const play = (...answers: Answer[]) => api.play(...answers.map((answer) => () => answer))

const failed = (error: unknown) => error instanceof Fault && error.code === 'platform_failed'

const cursor = JSON.stringify({ since: 0, until: 0, walk: null })
const walking = JSON.stringify({
  since: 0,
  until: 0,
  walk: { since: 1, until: 1, offset: 'itr1/rec1' },
})

const oddPages: Readonly<Record<string, Answer>> = {
  'no JSON': { body: '<html>' },
  'cut off': { body: '{"records":[{"id":"rec00000000000001","fields":{}}' },
  'no records': { body: {} },
  'records of another kind': { body: { records: {} } },
  'a record without an id': { body: { records: [{ fields: {} }] } },
  'a record with an id of something else': {
    body: { records: [{ id: 'tbl00000000000001', createdTime: '', fields: {} }] },
  },
  'an offset that is none': { body: { records: [], offset: 7 } },
  'a failure': { status: 500, body: { error: { type: 'SERVER_ERROR', message: '' } } },
  'a redirect': { status: 302, body: '' },
}

describe('an odd page', () => {
  for (const [title, answer] of Object.entries(oddPages)) {
    test(`${title}: no changes can be told`, async () => {
      play(answer)
      await assert.rejects(follower.changes(contacts, cursor, caller()), failed)
      await assert.rejects(follower.changes(contacts, walking, caller()), failed)
    })

    test(`${title}: nothing can be read by its id`, async () => {
      play(answer)
      const refs = [{ id: idAt(1), keys: {} }]
      await assert.rejects(follower.read(contacts, refs, caller()), failed)
    })
  }
})

describe('a read', () => {
  const refs = [1, 2].map((n) => ({ id: idAt(n), keys: {} }))
  const one = records({})
  const absent: Answer = { status: 404, body: { error: 'NOT_FOUND' } }

  test('believes that a record is gone when it is asked for alone and is not there', async () => {
    const forbidden = refusal(403, 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND')
    for (const gone of [absent, forbidden, refusal(404, 'MODEL_ID_NOT_FOUND')]) {
      play(one, gone)
      const read = await follower.read(contacts, refs, caller())
      assert.deepEqual(read.map(({ id, values }) => [id, values === null]), [
        [idAt(1), false],
        [idAt(2), true],
      ])
      assert.equal(api.asked[1]?.url, `/v0/${base}/${contacts.object}/${idAt(2)}`)
    }
  })

  test('does not believe a list that lacks what is there', async () => {
    play({ body: { records: [] } }, { body: { id: idAt(1), createdTime: '', fields: {} } })
    await assert.rejects(follower.read(contacts, refs, caller()), failed)
  })

  test('does not take another refusal for an absence', async () => {
    const refusals = [
      [refusal(401, 'AUTHENTICATION_REQUIRED'), 'credential_refused'],
      [refusal(403, 'NOT_AUTHORIZED'), 'not_permitted'],
      [refusal(429, 'RATE_LIMIT_REACHED'), 'rate_limited'],
      [{ status: 404, body: '<html>' }, 'not_found'],
      [{ status: 500, body: '' }, 'platform_failed'],
    ] as const
    for (const [answer, code] of refusals) {
      play(one, answer)
      await assert.rejects(
        follower.read(contacts, refs, caller()),
        (error) => error instanceof Fault && error.code === code,
        code,
      )
    }
  })

  test('does not believe a list of other records, of more, or of one twice', async () => {
    const [record] = (one.body as { records: object[] }).records
    const others = [
      { records: [record, { ...record, id: idAt(9) }] },
      { records: [record, record] },
      { records: [record], offset: 'itr1/rec1' },
    ]
    for (const body of others) {
      play({ body }, absent)
      await assert.rejects(follower.read(contacts, refs, caller()), failed)
    }
  })
})

describe('an odd answer about a webhook', () => {
  const registration: Registration = {
    secret: 'c2VjcmV0',
    state: { base, webhook: 'achTest', url: 'https://us.example/hook', scope: null, cursor: 7 },
    renewAt: null,
  }
  const change = (table: unknown): Answer => ({
    body: {
      payloads: [{ changedTablesById: { [contacts.object]: table } }],
      cursor: 8,
      mightHaveMore: false,
    },
  })
  const odd: Readonly<Record<string, Answer>> = {
    'no JSON': { body: '<html>' },
    'no payloads': { body: { cursor: 8, mightHaveMore: false } },
    'no cursor': { body: { payloads: [], mightHaveMore: false } },
    'a cursor of text': { body: { payloads: [], cursor: '8', mightHaveMore: false } },
    'a cursor that goes back': { body: { payloads: [], cursor: 6, mightHaveMore: false } },
    'nothing about more': { body: { payloads: [], cursor: 8 } },
    'a payload of text': { body: { payloads: ['x'], cursor: 8, mightHaveMore: false } },
    'a table of text': change('x'),
    'records in a list': change({ createdRecordsById: [] }),
    'destroyed records in an object': change({ destroyedRecordIds: {} }),
    'destroyed records that are none': change({ destroyedRecordIds: ['x'] }),
    'changed records that are none': change({ changedRecordsById: { x: {} } }),
    'a failure': { status: 503, body: '' },
  }
  for (const [title, answer] of Object.entries(odd)) {
    test(`${title}: nothing is collected, and the place is kept`, async () => {
      play(answer)
      await assert.rejects(hooks.collect(registration, [contacts], caller()), failed)
      assert.equal(api.asked[0]?.url, `/v0/bases/${base}/webhooks/achTest/payloads?cursor=7`)
    })
  }

  test('a payload that Airtable could not make is passed over', async () => {
    const good = { changedTablesById: { [contacts.object]: { destroyedRecordIds: [idAt(1)] } } }
    const bad = { error: true, code: 'INTERNAL_ERROR', payloadFormat: 'v0' }
    play({ body: { payloads: [bad, good], cursor: 9, mightHaveMore: false } })
    const { touched, registration: { state } } = await hooks.collect(
      registration,
      [contacts],
      caller(),
    )
    assert.deepEqual(touched, [{ object: contacts.object, ref: { id: idAt(1), keys: {} } }])
    assert.equal(state['cursor'], 9)
  })

  test('records that came with a table that was brought back are told', async () => {
    const back = { [contacts.object]: { recordsById: { [idAt(3)]: {} } }, tblOther: {} }
    const payloads = [{ createdTablesById: back }, { unknown: true }]
    play({ body: { payloads, cursor: 9, mightHaveMore: false } })
    const { touched } = await hooks.collect(registration, [contacts], caller())
    assert.deepEqual(touched.map(({ ref }) => ref.id), [idAt(3)])
  })

  test('one that says that there is more, and does not go on, is not asked for ever', async () => {
    play({ body: { payloads: [], cursor: 7, mightHaveMore: true } })
    const { more } = await hooks.collect(registration, [contacts], caller())
    assert.equal(more, false)
  })

  test('what makes a webhook and is odd is a fault', async () => {
    const list: Answer = { body: { webhooks: [] } }
    const made = [
      { body: {} },
      { body: { id: 'achNew' } },
      { body: { id: 'achNew', macSecretBase64: '' } },
      { body: { id: '../x', macSecretBase64: 'c2VjcmV0' } },
      { body: '{' },
    ]
    const register = () =>
      hooks.register({ url: 'https://us.example/hook', secret: '', tables: [] }, caller())
    for (const answer of made) {
      play(list, answer)
      await assert.rejects(register(), failed)
    }
    for (const body of [{}, { webhooks: {} }, { webhooks: [{ id: 'x' }] }]) {
      play({ body })
      await assert.rejects(register(), failed)
    }
    play(refusal(403, 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND'))
    await assert.rejects(
      register(),
      (error) => error instanceof Fault && /webhook:manage/.test(error.data.hint ?? ''),
    )
  })

  test('a webhook is made for the tables that are synced, and told only of records', async () => {
    play({ body: { webhooks: [] } }, { body: { id: 'achNew', macSecretBase64: 'c2VjcmV0' } })
    const url = 'https://us.example/hook'
    const { secret, state, renewAt } = await hooks.register(
      { url, secret: 'ours', tables: [contacts] },
      caller(),
    )
    const scope = contacts.object
    assert.deepEqual([secret, state], [
      'c2VjcmV0',
      { base, webhook: 'achNew', url, scope, cursor: 1 },
    ])
    assert.ok(renewAt !== null && Math.abs(renewAt - Date.now() - 86_400_000) < 60_000)
    assert.deepEqual(JSON.parse(api.asked[1]?.body ?? ''), {
      notificationUrl: url,
      specification: {
        options: {
          filters: {
            dataTypes: ['tableData'],
            changeTypes: ['add', 'remove', 'update'],
            recordChangeScope: scope,
          },
        },
      },
    })
  })

  test('taking away what may not be seen is a fault, and what is not there is none', async () => {
    const unclear = refusal(403, 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND')
    play(unclear, { body: { webhooks: [] } })
    await hooks.unregister(registration, caller())
    play(unclear, { body: { webhooks: [{ id: 'achTest' }] } })
    await assert.rejects(
      hooks.unregister(registration, caller()),
      (error) => error instanceof Fault && error.code === 'not_permitted',
    )
    play({ status: 500, body: '' })
    await assert.rejects(hooks.unregister(registration, caller()), failed)
  })
})

test('requests about webhooks take from what the base takes', () => {
  const url = `https://api.airtable.com/v0/bases/${base}/webhooks/achTest/payloads?cursor=1`
  const charges = airtable.rates.charges({ method: 'GET', url }, { baseUrl: '', settings })
  assert.deepEqual(charges, [{ rule: 'base', key: base, units: 1 }, { rule: 'user', units: 1 }])
})
