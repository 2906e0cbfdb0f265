// Goal: only HubSpot is heard, and everything that it says. Method: deliveries signed by hand as HubSpot's page on
// validating requests says, those that the sandbox sends over real sockets, and garbage.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { hubspot } from '../../../src/platforms/hubspot/index.ts'
import type { Delivery } from '../../../src/platforms/platform.ts'
import { startSandbox } from '../../../src/sandbox/sandbox.ts'
import { runsOf } from '../../help/property.ts'
import { contacts } from './fake.ts'

const webhooks = hubspot.follow?.webhooks
assert.ok(webhooks)
const receive = (delivery: Parameters<typeof webhooks.receive>[0]) => webhooks.receive(delivery)

const url = 'https://sluice.example/webhooks/hubspot/sync_test'
const secret = 'the client secret of the app'
const now = Date.UTC(2026, 10, 25, 12)

const tableOf = (object: string): SyncedTable => ({ ...contacts, object, name: object })
const tables = ['contacts', 'companies', 'notes', 'p_cars', '2-777'].map(tableOf)

interface Sent {
  readonly body?: string | Uint8Array
  readonly at?: number
  readonly with?: string
  /** The address that is signed. */
  readonly signed?: string
  readonly headers?: Record<string, string>
  readonly url?: string
  readonly secret?: string
  readonly tables?: readonly SyncedTable[]
}

function send({ body = '[]', at = now, signed = url, ...sent }: Sent = {}): Delivery {
  const hmac = createHmac('sha256', sent.with ?? secret)
  const signature = hmac.update(`POST${signed}`).update(body).update(String(at)).digest('base64')
  const headers = {
    'x-hubspot-signature-v3': signature,
    'x-hubspot-request-timestamp': String(at),
    ...sent.headers,
  }
  return receive({
    headers: new Map(Object.entries(headers)),
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    url: sent.url ?? url,
    registration: { secret: sent.secret ?? secret, state: {}, renewAt: null },
    tables: sent.tables ?? tables,
    settings: {},
    now,
  })
}

const event = (subscriptionType: string, more: object = {}) => ({
  eventId: 100,
  subscriptionId: 7,
  portalId: 44237313,
  appId: 1160452,
  occurredAt: now,
  subscriptionType,
  attemptNumber: 0,
  objectId: 171590000001,
  changeSource: 'CRM_UI',
  ...more,
})

function heard(...events: object[]) {
  const delivery = send({ body: JSON.stringify(events) })
  assert.ok(delivery.kind === 'heard', JSON.stringify(delivery))
  assert.equal(delivery.collect, false)
  return {
    touched: delivery.touched.map(({ object, ref }) => `${object} ${ref.id}`),
    look: delivery.look,
  }
}

const isRefused = (delivery: Delivery, why: RegExp) => {
  assert.ok(delivery.kind === 'refused', JSON.stringify(delivery))
  assert.match(delivery.why, why)
}

describe('what HubSpot sends is heard', () => {
  test('every event names its record', () => {
    for (const type of ['creation', 'propertyChange', 'deletion', 'restore', 'privacyDeletion']) {
      const { touched } = heard(
        event(`contact.${type}`, { propertyName: 'email', propertyValue: 'x' }),
      )
      assert.deepEqual(touched, ['contacts 171590000001'], type)
    }
  })

  test('a merge names all records that it was made of, and the one that it made', () => {
    const merge = { primaryObjectId: 5, mergedObjectIds: [6, 7], newObjectId: 8, objectId: 8 }
    assert.deepEqual(heard(event('company.merge', merge)).touched.toSorted(), [
      'companies 5',
      'companies 6',
      'companies 7',
      'companies 8',
    ])
  })

  test('generic events name the object by its type id', () => {
    const generic = (objectTypeId: string) => event('object.propertyChange', { objectTypeId })
    assert.deepEqual(heard(generic('0-46')).touched, ['notes 171590000001'])
    assert.deepEqual(heard(generic('2-777')).touched, ['2-777 171590000001'])
  })

  test('a custom object whose type id no table has is looked at', () => {
    const { touched, look } = heard(event('object.creation', { objectTypeId: '2-123456' }))
    assert.deepEqual([touched, look], [[], ['p_cars']])
  })

  test('what has no table, and what is no record, is passed over', () => {
    const passed = heard(
      event('deal.creation'),
      event('object.creation', { objectTypeId: '0-421' }),
      event('conversation.creation'),
      event('contact.associationChange', { objectId: undefined, fromObjectId: 1, toObjectId: 2 }),
      event('contact.creation', { objectId: 'x/../y' }),
      { ...event(''), subscriptionType: 7 },
    )
    assert.deepEqual(passed, { touched: [], look: [] })
  })

  test('a record is told once however many of its properties changed; large ids keep their digits', () => {
    const body = `[${
      Array.from({ length: 100 }, () =>
        `{"subscriptionType":"contact.propertyChange",
      "objectId":18446744073709551615}`).join()
    }]`
    const delivery = send({ body })
    assert.ok(delivery.kind === 'heard')
    assert.deepEqual(delivery.touched, [
      { object: 'contacts', ref: { id: '18446744073709551615', keys: {} } },
    ])
  })

  test('a delivery that comes again has the same id, another has another', () => {
    const body = JSON.stringify([event('contact.creation')])
    const [first, again, later] = [send({ body }), send({ body }), send({ body, at: now + 1 })]
    assert.ok(first.kind === 'heard' && again.kind === 'heard' && later.kind === 'heard')
    assert.equal(first.id, again.id)
    assert.notEqual(first.id, later.id)
  })

  test('an address is signed with some of its signs decoded', () => {
    const given = 'https://sluice.example/webhooks/hubspot/a%3Ab%20c%2fd?x=%40'
    const signed = 'https://sluice.example/webhooks/hubspot/a:b%20c/d?x=@'
    assert.equal(send({ url: given, signed }).kind, 'heard')
    assert.equal(send({ url: given, signed: given }).kind, 'heard')
    isRefused(send({ url: given, signed: decodeURIComponent(given) }), /signature/)
  })
})

describe('anything else is refused', () => {
  test('a wrong signature', () => {
    isRefused(send({ with: 'another secret' }), /signature/)
    isRefused(send({ signed: `${url}2` }), /signature/)
    isRefused(send({ headers: { 'x-hubspot-request-timestamp': String(now - 1) } }), /signature/)
    for (const signature of ['AAAA', 'x'.repeat(10_000), 'é', '='.repeat(44), ' ']) {
      isRefused(send({ headers: { 'x-hubspot-signature-v3': signature } }), /signature/)
    }
  })

  test('a body with one byte changed', () => {
    const body = JSON.stringify([event('contact.creation')])
    const signature = createHmac('sha256', secret).update(`POST${url}${body}${now}`).digest(
      'base64',
    )
    const headers = { 'x-hubspot-signature-v3': signature }
    assert.equal(send({ body, headers }).kind, 'heard')
    isRefused(send({ body: body.replace('171590000001', '171590000002'), headers }), /signature/)
  })

  test('no signature, or only one of the older versions', () => {
    isRefused(send({ headers: { 'x-hubspot-signature-v3': '' } }), /no signature of version 3/)
  })

  test('no secret', () => {
    isRefused(send({ secret: '', with: '' }), /no client secret/)
  })

  test('one that is older than five minutes, or from the future', () => {
    const fiveMs = 5 * 60_000
    assert.equal(send({ at: now - fiveMs }).kind, 'heard')
    isRefused(send({ at: now - fiveMs - 1 }), /too old/)
    isRefused(send({ at: now + fiveMs + 1 }), /too old/)
    for (const timestamp of ['', 'x', '1e3', '-5', '9'.repeat(400)]) {
      isRefused(send({ headers: { 'x-hubspot-request-timestamp': timestamp } }), /no timestamp/)
    }
  })

  test('one that is too long', () => {
    const most = 16 * 1024 * 1024
    const padded = (size: number) => `[${' '.repeat(size - 2)}]`
    assert.equal(send({ body: padded(most) }).kind, 'heard')
    isRefused(send({ body: padded(most + 1) }), /too long/)
    const many = (count: number) => JSON.stringify(Array.from({ length: count }, () => ({})))
    assert.equal(send({ body: many(1_000) }).kind, 'heard')
    isRefused(send({ body: many(1_001) }), /not a list of events/)
  })

  test('one that is signed and no list of events', () => {
    for (const body of ['', '7', '"x"', 'null', '[7]', '[[]]', '[', '{"a":', '['.repeat(200_000)]) {
      isRefused(send({ body }), /not a list of events/)
    }
    isRefused(send({ body: Uint8Array.of(0xff, 0xfe, 0x00) }), /not a list of events/)
  })
})

test('garbage never throws, signed or not', () => {
  const json = fc.json({ maxDepth: 4 })
  const loose = fc.array(
    fc.record({
      subscriptionType: fc.oneof(
        fc.jsonValue(),
        fc.constantFrom('contact.merge', 'object.creation'),
      ),
      objectTypeId: fc.oneof(fc.jsonValue(), fc.constantFrom('0-1', '2-777', '2-1')),
      objectId: fc.jsonValue(),
      mergedObjectIds: fc.jsonValue(),
      newObjectId: fc.jsonValue(),
    }),
  ).map((events) => JSON.stringify(events))
  fc.assert(
    fc.property(
      fc.oneof(json, loose, fc.string(), fc.uint8Array()),
      fc.dictionary(
        fc.constantFrom('x-hubspot-signature-v3', 'x-hubspot-request-timestamp', 'x'),
        fc.string(),
      ),
      (body, headers) => {
        for (const more of [{}, { headers }]) {
          const { kind } = send({ body, ...more })
          assert.ok(kind === 'heard' || kind === 'refused')
        }
      },
    ),
    runsOf(500),
  )
})

test('what the sandbox sends for every kind of change is heard', async () => {
  const deliveries: Delivery[] = []
  let target = ''
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      const headers = Object.entries(request.headers).map(([name, value]) =>
        [name, String(value)] as const
      )
      deliveries.push(receive({
        headers: new Map(headers),
        body: Buffer.concat(chunks),
        url: target,
        registration: { secret, state: {}, renewAt: null },
        tables,
        settings: {},
        now: Date.now(),
      }))
      response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  target = `http://127.0.0.1:${address.port}/webhooks/hubspot/sync%5Ftest%3A1`
  const sandbox = await startSandbox({ port: 0 })
  const ask = async (method: string, path: string, body: unknown) => {
    const response = await fetch(`${sandbox.platformUrl('hubspot')}${path}`, {
      method,
      body: JSON.stringify(body),
      headers: { authorization: 'Bearer sandbox', 'content-type': 'application/json' },
    })
    assert.ok(response.ok, `${method} ${path}: ${response.status}`)
    return response.status === 204 ? null : await response.json()
  }
  const told = async (count: number) => {
    const until = Date.now() + 60_000
    while (deliveries.length < count && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.equal(deliveries.length, count)
    const last = deliveries.at(-1)
    assert.ok(last?.kind === 'heard', JSON.stringify(last))
    return last.touched.map(({ object, ref }) => `${object} ${ref.id}`).toSorted()
  }
  try {
    const throttling = { maxConcurrentRequests: 10 }
    await ask('PUT', '/webhooks/v3/77/settings?hapikey=sandbox', {
      targetUrl: target,
      throttling,
      clientSecret: secret,
    })
    const subscribe = (eventType: string, more: object = {}) =>
      ask('POST', '/webhooks/v3/77/subscriptions?hapikey=sandbox', {
        eventType,
        active: true,
        ...more,
      })
    for (const happening of ['creation', 'deletion', 'merge', 'privacyDeletion']) {
      await subscribe(`contact.${happening}`)
    }
    await subscribe('contact.propertyChange', { propertyName: 'firstname' })
    await subscribe('object.creation', { objectTypeId: '0-46' })

    const contactsPath = '/crm/v3/objects/contacts'
    const a = await ask('POST', contactsPath, { properties: { city: 'Ix' } })
    assert.deepEqual(await told(1), [`contacts ${a.id}`])
    await ask('PATCH', `${contactsPath}/${a.id}`, { properties: { firstname: 'Leto' } })
    assert.deepEqual(await told(2), [`contacts ${a.id}`])
    const b = await ask('POST', contactsPath, { properties: { city: 'Ix' } })
    await told(3)
    const c = await ask('POST', `${contactsPath}/merge`, {
      primaryObjectId: a.id,
      objectIdToMerge: b.id,
    })
    assert.deepEqual(await told(4), [a, b, c].map(({ id }) => `contacts ${id}`).toSorted())
    await ask('POST', `${contactsPath}/batch/archive`, { inputs: [{ id: c.id }] })
    assert.deepEqual(await told(5), [`contacts ${c.id}`])
    const d = await ask('POST', contactsPath, { properties: { city: 'Ix' } })
    await told(6)
    await ask('POST', `${contactsPath}/gdpr-delete`, { objectId: d.id })
    assert.deepEqual(await told(7), [`contacts ${d.id}`])
    const note = await ask('POST', '/crm/v3/objects/notes', {
      properties: { hs_timestamp: '2026-01-05T09:00:00Z' },
    })
    assert.deepEqual(await told(8), [`notes ${note.id}`])
  } finally {
    await sandbox.close()
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
})
