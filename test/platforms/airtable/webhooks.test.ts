// Goal: Airtable's pings are believed when they are Airtable's and of now, and what they stand for is fetched whole; the
// webhook behind them is kept alive. Method: the adapter against the sandbox, which pings a server of ours.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Delivery, Registration, Webhooks } from '../../../src/platforms/platform.ts'
import { runsOf } from '../../help/property.ts'
import { ask } from '../../sandbox/client.ts'
import { Description, type OpenApi } from '../contract/openapi.ts'
import { noSpecs, readSpec } from '../contract/specs.ts'
import { type Post, type Rig, startReceiver, startRig } from './rig.ts'

let rig: Rig
let receiver: Awaited<ReturnType<typeof startReceiver>>
let contacts: SyncedTable
let companies: SyncedTable
let hooks: Required<Webhooks>
before(async () => [rig, receiver] = await Promise.all([startRig(), startReceiver()]))
after(async () => await Promise.all([rig.close(), receiver.close()]))
beforeEach(async () => {
  rig.reset()
  contacts = await rig.table('Contacts')
  companies = await rig.table('Companies')
  hooks = rig.follower.webhooks as Required<Webhooks>
})

const dayMs = 24 * 60 * 60_000

const register = (tables: readonly SyncedTable[] = [contacts, companies]): Promise<Registration> =>
  hooks.register({ url: receiver.url, secret: 'ours', tables }, rig.caller())

const listed = async () => (await ask(rig.sandbox, `${at}`)).json.webhooks
const at = '/airtable/v0/bases/appSandbox0000001/webhooks'
const hookUrl = ({ state }: Registration, part = '') => `${at}/${String(state['webhook'])}${part}`

const receive = (
  { headers, body }: Post,
  registration: Registration,
  now = rig.clock.ours,
): Delivery =>
  hooks.receive({
    headers,
    body,
    url: receiver.url,
    registration,
    tables: [contacts],
    settings: { base: 'appSandbox0000001' },
    now,
  })

const signed = (text: string, { secret }: Registration): Post => {
  const body = new TextEncoder().encode(text)
  const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(body).digest('hex')
  return { headers: new Map([['x-airtable-content-mac', `hmac-sha256=${mac}`]]), body }
}

const ping = ({ state }: Registration, timeMs = rig.clock.ours): string =>
  JSON.stringify({
    base: { id: state['base'] },
    webhook: { id: state['webhook'] },
    timestamp: new Date(timeMs).toISOString(),
  })

const collectAll = async (registration: Registration, tables: readonly SyncedTable[]) => {
  const touched: [string, string][] = []
  let [kept, requests] = [registration, 0]
  for (;;) {
    const collected = await hooks.collect(kept, tables, rig.caller())
    touched.push(...collected.touched.map(({ object, ref }): [string, string] => [object, ref.id]))
    kept = collected.registration
    requests += 1
    if (!collected.more) return { touched, registration: kept, requests }
  }
}

const isFault = (code: string, hint = /./) => (error: unknown) =>
  error instanceof Fault && error.code === code && hint.test(error.data.hint ?? '.')

describe('a webhook', () => {
  test('pings on every change, and brings which records were created, changed and deleted', async () => {
    const registration = await register()
    const [id = ''] = await rig.create('Contacts', { Name: 'Duncan' })
    const heard = receive(await receiver.next(), registration)
    assert.ok(heard.kind === 'heard')
    assert.deepEqual([heard.collect, heard.touched, heard.look, heard.answer], [
      true,
      [],
      [],
      undefined,
    ])
    const first = await collectAll(registration, [contacts, companies])
    assert.deepEqual([first.touched, first.requests], [[[contacts.object, id]], 1])
    await rig.update('Contacts', id, { Name: 'Hayt' })
    assert.equal(receive(await receiver.next(), registration).kind, 'heard')
    const second = await collectAll(first.registration, [contacts, companies])
    assert.deepEqual(second.touched, [[contacts.object, id]])
    await rig.remove('Contacts', id)
    assert.equal(receive(await receiver.next(), registration).kind, 'heard')
    const third = await collectAll(second.registration, [contacts, companies])
    assert.deepEqual(third.touched, [[contacts.object, id]])
    const quiet = await collectAll(third.registration, [contacts, companies])
    assert.deepEqual([quiet.touched, quiet.registration], [[], third.registration])
  })

  test('tells of a lookup that changes with another record, and of a link from its other end', async () => {
    const [company = ''] = await rig.create('Companies', {
      Name: 'Ix',
      Domain: 'https://old.example',
    })
    const registration = await register()
    const [contact = ''] = await rig.create('Contacts', { Name: 'Bronso', Company: [company] })
    await rig.update('Companies', company, { Domain: 'https://new.example' })
    await Promise.all([receiver.next(), receiver.next()])
    const { touched } = await collectAll(registration, [contacts, companies])
    assert.deepEqual(
      new Set(touched.map(([, id]) => id)),
      new Set([contact, company]),
    )
    const only = await collectAll(registration, [contacts])
    assert.deepEqual(only.touched, [[contacts.object, contact]])
  })

  test('of one table is told of that table alone', async () => {
    const registration = await register([companies])
    await rig.create('Contacts', { Name: 'Duncan' })
    const [id = ''] = await rig.create('Companies', { Name: 'Ix' })
    await receiver.next()
    const { touched } = await collectAll(registration, [contacts, companies])
    assert.deepEqual(touched, [[companies.object, id]])
    const [hook] = await listed()
    assert.equal(hook.cursorForNextPayload, 2)
  })

  test('with more than fifty payloads is asked again', async () => {
    const registration = await register()
    const made: string[] = []
    for (let n = 0; n < 60; n++) made.push(...await rig.create('Contacts', { Name: `${n}` }))
    await Promise.all(made.map(() => receiver.next()))
    const { touched, requests } = await collectAll(registration, [contacts])
    assert.deepEqual(touched.map(([, id]) => id), made)
    assert.equal(requests, 2)
  })

  test('that is there already for the address is replaced, and no other', async () => {
    const other = 'https://other.example/hook'
    await hooks.register({ url: other, secret: '', tables: [contacts] }, rig.caller())
    const first = await register()
    const second = await register()
    assert.notEqual(first.secret, second.secret)
    const urls = (await listed()).map((hook: { notificationUrl: string }) => hook.notificationUrl)
    assert.deepEqual(urls, [other, receiver.url])
    const post = signed(ping(second), first)
    assert.equal(receive(post, second).kind, 'refused')
  })

  test('is refused in words where the base has ten of them', async () => {
    for (let n = 0; n < 10; n++) {
      const url = `https://other.example/${n}`
      await hooks.register({ url, secret: '', tables: [contacts] }, rig.caller())
    }
    await assert.rejects(register(), isFault('not_permitted', /ten webhooks/))
  })

  test('is spoken of as the official description has it', async (context) => {
    const spec = readSpec<OpenApi>('airtable/webapi.derived.openapi.json')
    if (spec === null) return context.skip(noSpecs)
    rig.spoken.length = 0
    const registration = await hooks.renew(await register(), rig.caller())
    await rig.create('Contacts', { Name: 'Duncan' })
    await receiver.next()
    await collectAll(registration, [contacts])
    const description = new Description(spec)
    assert.equal(rig.spoken.length, 5)
    for (const one of rig.spoken) {
      assert.deepEqual([...description.request(one), ...description.response(one)], [], one.path)
    }
  })

  test('that is taken away twice is no error', async () => {
    const registration = await register()
    await hooks.unregister(registration, rig.caller())
    assert.deepEqual(await listed(), [])
    await hooks.unregister(registration, rig.caller())
  })
})

describe('renewing', () => {
  test('keeps a webhook alive for weeks', async () => {
    let registration = await register()
    const { webhook } = registration.state
    for (let day = 0; day < 15; day++) {
      assert.equal(registration.renewAt, rig.clock.ours + dayMs)
      rig.pass(dayMs)
      registration = await hooks.renew(registration, rig.caller())
    }
    assert.equal(registration.state['webhook'], webhook)
    assert.equal((await listed())[0].isHookEnabled, true)
  })

  test('lets a silenced webhook be heard again', async () => {
    const registration = await register()
    const silence = { method: 'POST', body: { enable: false } }
    await ask(rig.sandbox, hookUrl(registration, '/enableNotifications'), silence)
    assert.equal((await listed())[0].areNotificationsEnabled, false)
    assert.equal(await hooks.isRegistered(registration, rig.caller()), false)
    await hooks.renew(registration, rig.caller())
    assert.equal((await listed())[0].areNotificationsEnabled, true)
    assert.equal(await hooks.isRegistered(registration, rig.caller()), true)
    await rig.create('Contacts', { Name: 'Duncan' })
    assert.equal(receive(await receiver.next(), registration).kind, 'heard')
  })

  for (const passMs of [8 * dayMs, 15 * dayMs]) {
    test(`makes a webhook anew that was forgotten for ${passMs / dayMs} days`, async () => {
      const registration = await register()
      rig.pass(passMs)
      const renewed = await hooks.renew(registration, rig.caller())
      assert.notEqual(renewed.state['webhook'], registration.state['webhook'])
      assert.equal((await listed()).length, 1)
      const [id = ''] = await rig.create('Contacts', { Name: 'Duncan' })
      assert.equal(receive(await receiver.next(), renewed).kind, 'heard')
      const { touched } = await collectAll(renewed, [contacts])
      assert.deepEqual(touched, [[contacts.object, id]])
    })
  }

  test('is due at once when the webhook is found to be gone', async () => {
    const registration = await register()
    await ask(rig.sandbox, hookUrl(registration), { method: 'DELETE' })
    assert.equal(await hooks.isRegistered(registration, rig.caller()), false)
    const collected = await hooks.collect(registration, [contacts], rig.caller())
    assert.deepEqual([collected.touched, collected.more], [[], false])
    assert.equal(collected.registration.renewAt, 0)
    const renewed = await hooks.renew(collected.registration, rig.caller())
    assert.notEqual(renewed.state['webhook'], registration.state['webhook'])
  })

  test('what is kept of another base is no registration of this one', async () => {
    const registration = await register()
    const odd = { ...registration, state: { ...registration.state, base: 'appOther' } }
    const none = { ...registration, state: {} }
    for (const kept of [odd, none]) {
      await assert.rejects(hooks.renew(kept, rig.caller()), isFault('bad_request'))
      await assert.rejects(hooks.collect(kept, [contacts], rig.caller()), isFault('bad_request'))
    }
    await assert.rejects(hooks.unregister(none, rig.caller()), isFault('bad_request'))
    await hooks.unregister(registration, rig.caller({ settings: { base: 'appOther' } }))
    assert.deepEqual(await listed(), [])
  })
})

describe('a delivery', () => {
  const registered: Registration = {
    secret: Buffer.from('a secret of Airtable').toString('base64'),
    state: { base: 'appSandbox0000001', webhook: 'achSandbox', url: '', scope: null, cursor: 1 },
    renewAt: null,
  }

  test('that comes again has the same id, and another one another', () => {
    const one = receive(signed(ping(registered), registered), registered)
    const again = receive(signed(ping(registered), registered), registered)
    const other = receive(signed(ping(registered, rig.clock.ours + 1), registered), registered)
    assert.ok(one.kind === 'heard' && again.kind === 'heard' && other.kind === 'heard')
    assert.equal(one.id, again.id)
    assert.notEqual(one.id, other.id)
  })

  test('whose signature is missing, of another form, or wrong is refused', () => {
    const { headers, body } = signed(ping(registered), registered)
    const mac = headers.get('x-airtable-content-mac') ?? ''
    assert.equal(receive({ headers, body }, registered).kind, 'heard')
    const wrong = [
      undefined,
      '',
      mac.slice(0, -1),
      mac.slice('hmac-sha256='.length),
      mac.replace('hmac-sha256', 'hmac-sha512'),
      `hmac-sha256=${'0'.repeat(64)}`,
      `hmac-sha256=${createHmac('sha256', registered.secret).update(body).digest('hex')}`,
    ]
    for (const value of wrong) {
      const given = new Map(value === undefined ? [] : [['x-airtable-content-mac', value]])
      assert.equal(receive({ headers: given, body }, registered).kind, 'refused', value)
    }
    const tampered = body.with(body.length - 3, 48)
    assert.equal(receive({ headers, body: tampered }, registered).kind, 'refused')
  })

  test('that is old, of the future, too long, of another webhook or not readable is refused', () => {
    const { ours } = rig.clock
    const state = (more: object) => ({ ...registered, state: { ...registered.state, ...more } })
    const texts = [
      ping(registered, ours - 8 * dayMs),
      ping(registered, ours + dayMs),
      ping(state({ webhook: 'achOther' })),
      ping(state({ base: 'appOther' })),
      ping(registered).replace(/"timestamp":"[^"]*"/, '"timestamp":"yesterday"'),
      ping(registered).replace(/"timestamp":"[^"]*"/, '"timestamp":1'),
      ping(registered) + ' '.repeat(20_000),
      '',
      'null',
      '{"base":{},"webhook":{}}',
      '['.repeat(5_000),
    ]
    for (const text of texts) {
      assert.equal(
        receive(signed(text, registered), registered).kind,
        'refused',
        text.slice(0, 200),
      )
    }
    assert.equal(
      receive(signed(ping(registered, ours - 6 * dayMs), registered), registered).kind,
      'heard',
    )
    const bare = { ...registered, state: {} }
    assert.equal(receive(signed('{}', bare), bare).kind, 'refused')
    const empty = { ...registered, secret: '' }
    assert.equal(receive(signed(ping(registered), empty), empty).kind, 'refused')
  })

  test('of garbage never throws, and says nothing of it', () => {
    const headers = fc.oneof(fc.string(), fc.stringMatching(/^hmac-sha256=[0-9a-fA-F]{60,66}$/))
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 200 }), fc.boolean(), (mac, body, sign) => {
        const text = new TextDecoder().decode(body)
        const post = sign
          ? signed(text, registered)
          : { headers: new Map([['x-airtable-content-mac', mac]]), body }
        const heard = receive(post, registered)
        assert.ok(heard.kind === 'refused')
        assert.match(heard.why, /^[a-z ]+$/)
      }),
      runsOf(),
    )
  })
})
