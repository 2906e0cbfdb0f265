// Goal: a simple query with a mutation runs in the middle of the extended protocol too: asyncpg, for one, prepares with a
// Flush and sends the next Query without a Sync between. Method: raw frames through a real listener to a real Postgres.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fault } from '../../src/mutation/fault.ts'
import { decodeBackend } from '../../src/wire/backend.ts'
import { encodeDescribe, encodeQuery, flush, sync } from '../../src/wire/frontend.ts'
import { bind, execute, parse, run } from '../help/golden.ts'
import { acceptAll, createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

const insert = `insert into salesforce.contacts (last_name) values ('Idaho') returning id`

/** Types of the frames; of an error its code, of ReadyForQuery its status. */
function codes(frames: readonly Uint8Array[]): string[] {
  return frames.map((bytes) => {
    const message = decodeBackend({ tag: bytes[0] ?? 0, bytes })
    if (message.type === 'ErrorResponse') return message.fields.get('C') ?? ''
    if (message.type === 'ReadyForQuery') return message.status
    return String.fromCharCode(bytes[0] ?? 0)
  })
}

describe('a Query with a mutation after messages without a Sync', () => {
  let stage: Stage
  before(async () => {
    stage = await createStage()
  })
  after(() => stage.close())
  beforeEach(async () => {
    stage.sent.length = 0
    stage.carry = acceptAll()
    await stage.empty()
  })

  async function withRaw(work: (client: RawClient) => Promise<void>): Promise<void> {
    const client = await rawClient(stage.through())
    try {
      await work(client)
    } finally {
      client.destroy()
    }
  }

  const answer = async (client: RawClient, ...messages: Uint8Array[]): Promise<string[]> => {
    client.send(...messages)
    return codes(await client.until('Z'))
  }

  /** Prepares without a Sync, as asyncpg does. */
  const prepare = async (client: RawClient, sql: string): Promise<void> => {
    client.send(parse(sql, 's'), encodeDescribe('statement', 's'), flush)
    await client.until('T')
  }

  const refuse = (): void => {
    const data = fault('validation_error', { platform: 'salesforce', column: 'last_name' }).data
    stage.carry = () => Promise.resolve({ state: 'refused', fault: data })
  }

  const notes = async (): Promise<number> => {
    const [row] = await stage.sql`select count(*)::int as count from public.local_notes`
    return Number(row?.['count'])
  }

  test('after a Parse it is a mutation, and the prepared statement stays', async () => {
    await withRaw(async (client) => {
      await prepare(client, 'select 1')
      assert.deepEqual(await answer(client, encodeQuery(insert)), ['T', 'D', 'C', 'I'])
      const reuse = [bind([], { s: 's' }), execute(), sync]
      assert.deepEqual(await answer(client, ...reuse), ['2', 'D', 'C', 'I'])
    })
    assert.equal(stage.sent.length, 1)
  })

  test('after a Parse it sees temporary tables: it runs on the client’s own connection', async () => {
    await withRaw(async (client) => {
      await answer(client, encodeQuery(`create temp table names as select 'Idaho' as name`))
      await prepare(client, 'select 1')
      const text = 'insert into salesforce.contacts (last_name) select name from names'
      assert.deepEqual(await answer(client, encodeQuery(text)), ['C', 'I'])
    })
    assert.equal(stage.sent[0]?.rows[0]?.values['last_name'], 'Idaho')
  })

  test('after the Parse of a mutation both are sent', async () => {
    await withRaw(async (client) => {
      await prepare(client, insert)
      assert.deepEqual(await answer(client, encodeQuery(insert)), ['T', 'D', 'C', 'I'])
      const reuse = [bind([], { s: 's' }), execute(), sync]
      assert.deepEqual(await answer(client, ...reuse), ['2', 'D', 'C', 'I'])
    })
    assert.equal(stage.sent.length, 2)
  })

  test('in a transaction block the block stays open', async () => {
    await withRaw(async (client) => {
      await answer(client, encodeQuery('begin'))
      await prepare(client, 'select 1')
      assert.deepEqual(await answer(client, encodeQuery(insert)), ['T', 'D', 'C', 'T'])
      assert.deepEqual(await answer(client, encodeQuery('commit')), ['C', 'I'])
    })
    assert.equal(stage.sent.length, 1)
  })

  test('a refused form says so, and the connection goes on', async () => {
    await withRaw(async (client) => {
      await prepare(client, 'select 1')
      const truncate = encodeQuery('truncate salesforce.contacts')
      assert.deepEqual(await answer(client, truncate), ['0A000', 'I'])
      assert.deepEqual(await answer(client, encodeQuery('select 1')), ['T', 'D', 'C', 'I'])
    })
  })

  test('it commits what was executed before it', async () => {
    await withRaw(async (client) => {
      client.send(...run(`insert into public.local_notes values ('a', 'b')`), flush)
      await client.until('C')
      assert.deepEqual(await answer(client, encodeQuery(insert)), ['T', 'D', 'C', 'I'])
      assert.equal(await notes(), 1)
      assert.deepEqual(await answer(client, sync), ['I'])
    })
    assert.equal(stage.sent.length, 1)
  })

  test('what cannot be committed before it is told after it', async () => {
    await stage.sql.unsafe(
      `create table if not exists public.once (n int unique deferrable initially deferred);
      grant all on public.once to public`,
    )
    await withRaw(async (client) => {
      client.send(...run('insert into public.once values (1), (1)'), flush)
      await client.until('C')
      assert.deepEqual(await answer(client, encodeQuery(insert)), ['T', 'D', 'C', '23505', 'I'])
      assert.deepEqual(await answer(client, encodeQuery('values (1)')), ['T', 'D', 'C', 'I'])
    })
  })

  test('its refusal rolls back what was executed before it, as any error does', async () => {
    refuse()
    for (const config of [stage.direct(), stage.through()]) {
      const client = await rawClient(config)
      client.send(...run(`insert into public.local_notes values ('a', 'b')`), flush)
      await client.until('C')
      const through = config.port === stage.listener.port
      const expected = [through ? '23514' : '22012', 'I']
      const sent = await answer(client, encodeQuery(through ? insert : 'select 1/0'))
      assert.deepEqual(sent, expected)
      assert.equal(await notes(), 0)
      assert.deepEqual(await answer(client, encodeQuery('values (1)')), ['T', 'D', 'C', 'I'])
      client.destroy()
    }
  })

  test('after an error it is skipped until Sync', async () => {
    await withRaw(async (client) => {
      client.send(parse('selec'), flush)
      await client.until('E')
      assert.deepEqual(await answer(client, encodeQuery(insert), sync), ['I'])
    })
    assert.equal(stage.sent.length, 0)
  })
})
