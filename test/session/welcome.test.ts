// Goal: a session does not outlive what it came in with: its login, its password, its sync, its database; nor does a
// service that cannot be asked end one. Method: a listener on a real Postgres with a sync for each case, all of which
// change at once.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createLog } from '../../src/lib/log.ts'
import { fault } from '../../src/mutation/fault.ts'
import type { SyncConfig } from '../../src/mutation/config.ts'
import { type ListenerOptions, startListener } from '../../src/session/listener.ts'
import { encodeQuery } from '../../src/wire/frontend.ts'
import { makeVerifier } from '../../src/wire/scram.ts'
import { Knock, refusedBy } from '../help/knock.ts'
import { createStage, type Stage } from '../help/stage.ts'
import { until } from '../help/system.ts'

const insert = encodeQuery(`insert into salesforce.contacts (last_name) values ('Idaho')`)

interface Entrance {
  readonly stage: Stage
  /** What the service answers for each sync; the stage's own configuration unless the test says otherwise. */
  readonly answers: Map<string, () => Promise<SyncConfig | null>>
  /** Syncs that were asked for, in their order. */
  readonly asked: string[]
  readonly events: string[]
  readonly enter: (syncId: string) => Promise<Knock>
}

async function withEntrance(
  options: Partial<ListenerOptions>,
  work: (entrance: Entrance) => Promise<void>,
): Promise<void> {
  const stage = await createStage()
  const events: string[] = []
  const write = (line: string) => void events.push((JSON.parse(line) as { event: string }).event)
  const answers: Entrance['answers'] = new Map()
  const asked: string[] = []
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    tlsRequired: false,
    connectionsMax: 100,
    handshakeWaitMs: 30_000,
    mockSecret: randomBytes(32),
    log: createLog({ level: 'info', write }),
    ...options,
    service: {
      findSync: (id) => {
        asked.push(id)
        return answers.get(id)?.() ?? Promise.resolve({ ...stage.config, id })
      },
      send: (mutation, sending) => {
        stage.sent.push(mutation)
        return stage.carry(mutation, sending)
      },
      applied: () => {},
      settle: () => Promise.resolve(),
    },
  })
  const knocks: Knock[] = []
  const enter = async (syncId: string) => {
    const knock = await Knock.connect({ port: listener.port })
    knocks.push(knock)
    assert.equal(await knock.login({ user: `demo.${syncId}`, password: 'demo' }), null)
    return knock
  }
  try {
    await work({ stage, answers, asked, events, enter })
  } finally {
    for (const knock of knocks) knock.close()
    await listener.close({ graceMs: 5_000 })
    await stage.close()
  }
}

/** The next message, which is an error: what it says. */
async function errorOf(client: Knock) {
  const message = await client.message()
  assert.ok(message?.type === 'ErrorResponse', JSON.stringify(message))
  return refusedBy(message.fields)
}

test('a session ends with its login, password, sync or database, and is told so; not with the service', async () => {
  await withEntrance({}, async ({ stage, answers, asked, enter }) => {
    const { config } = stage
    const other = await makeVerifier('demo')
    const { host, port, ...rest } = config.database
    const changes: Record<string, [SyncConfig | null, string]> = {
      sync_login: [{ ...config, users: { other } }, 'The login was removed.'],
      sync_password: [
        { ...config, users: { demo: other } },
        'The password of the login was changed.',
      ],
      sync_paused: [{ ...config, state: 'disabled' }, 'The sync is paused.'],
      sync_gone: [null, 'There is no such sync any more, or this listener may not serve it.'],
      sync_moved: [
        { ...config, database: { host, port: port + 1, ...rest } },
        'The sync has moved to another database.',
      ],
    }
    const ending: [string, Knock][] = []
    for (const id of Object.keys(changes)) ending.push([id, await enter(id)])
    const [same, grown, dark, keyless] = [
      await enter('sync_same'),
      await enter('sync_grown'),
      await enter('sync_dark'),
      await enter('sync_keyless'),
    ]
    answers.set(
      'sync_grown',
      () => Promise.resolve({ ...config, users: { ...config.users, other } }),
    )
    answers.set('sync_dark', () => Promise.reject(fault('service_unreachable')))
    answers.set('sync_keyless', () => Promise.reject(fault('listener_key_refused')))
    for (const [id, [change]] of Object.entries(changes)) {
      answers.set(id, () => Promise.resolve(change === null ? null : { ...change, id }))
    }
    asked.length = 0
    for (const [id, client] of ending) {
      assert.deepEqual(await errorOf(client), {
        code: '57P01',
        message: 'terminating connection due to administrator command',
        detail: changes[id]?.[1],
        hint: undefined,
      })
      assert.equal(await client.message(), null, id)
    }
    assert.ok(asked.includes('sync_dark') && asked.includes('sync_keyless'))
    const refused = await enter('sync_keyless').then(() => 'let in', String)
    assert.match(refused, /58030.*the mutation service refuses the key of this listener/s)
    for (const client of [same, grown, dark, keyless]) {
      client.send(insert)
      const types = (await client.until('ReadyForQuery')).map(({ type }) => type)
      assert.deepEqual(types, ['CommandComplete', 'ReadyForQuery'])
    }
  })
})

test('whose login is removed finishes a mutation, and no more when the time is over; the rest is cut', async () => {
  await withEntrance({ expelWaitMs: 0 }, async ({ stage, answers, events, enter }) => {
    const accept = stage.carry
    let release = (): void => {}
    const released = new Promise<void>((resolve) => release = resolve)
    stage.carry = async (mutation, options) => {
      await released
      return await accept(mutation, options)
    }
    const [busy, slow, block] = [
      await enter('sync_login'),
      await enter('sync_login'),
      await enter('sync_login'),
    ]
    slow.send(encodeQuery('select pg_sleep(600)'))
    block.send(encodeQuery('begin'))
    await block.until('ReadyForQuery')
    busy.send(insert, insert)
    await until('the mutation is sent', () => stage.sent.length === 1)
    answers.set('sync_login', () => Promise.resolve({ ...stage.config, users: {} }))
    assert.equal((await errorOf(block)).detail, 'The login was removed.', 'in a block, but idle')
    assert.equal(events.filter((event) => event === 'session_not_welcome').length, 3)
    assert.equal(await slow.message(), null)
    release()
    const answer = await busy.until('Other')
    assert.deepEqual(
      answer.map((message) =>
        message.type === 'ErrorResponse' ? refusedBy(message.fields).detail : message.type
      ),
      [
        'CommandComplete',
        'ReadyForQuery',
        'Nothing was sent.',
        'ReadyForQuery',
        'The login was removed.',
      ],
    )
    assert.equal(stage.sent.length, 1)
    assert.equal((await stage.sql`select from salesforce.contacts`).length, 1)
  })
})
