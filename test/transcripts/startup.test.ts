// Goal: what a client asks for in its StartupMessage it gets from Postgres itself: options, settings and replication
// connections, and Postgres's own words where it says no. Method: golden comparison on a cluster of its own, which may be
// replicated; mutations on a replication connection.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { Cluster } from '../../src/lib/cluster.ts'
import { DatabaseRefused } from '../../src/session/login.ts'
import { encodeQuery, sync, terminate } from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { clusterAt, startTestCluster } from '../help/cluster.ts'
import { inPieces, parse, query, render, run, type Turn } from '../help/golden.ts'
import { until } from '../help/stage-hooks.ts'
import { createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'
import { assertSame, lettersOf, withBoth } from './compare.ts'

const copyDone = encodeMessage('c', () => {})

/** Without positions in the log, which others write to meanwhile, nor the lengths that hang on them. */
const placeless = (frame: string): string =>
  frame.replace(/^D \d+/, 'D').replace(/[\s\S][0-9A-F]+\/[0-9A-F]+/g, '…')

/** A stage on a cluster of its own, which may be replicated and shut down. */
async function ownStage(): Promise<{ cluster: Cluster; stage: Stage }> {
  const cluster = await startTestCluster({
    settings: { wal_level: 'logical', max_wal_senders: '8' },
    hba: ['all', 'replication'].map((database) =>
      `host ${database} all 127.0.0.1/32 scram-sha-256`
    ),
  })
  // not by the environment, which on Deno all test files share that run at the same time
  return { cluster, stage: await createStage({ cluster: clusterAt(cluster.port) }) }
}

describe('startup', () => {
  let cluster: Cluster
  let stage: Stage
  before(async () => {
    const own = await ownStage()
    cluster = own.cluster
    stage = own.stage
  })
  after(async () => {
    await stage?.close()
    await cluster?.stop()
  })

  const settings = [
    'application_name',
    'statement_timeout',
    'datestyle',
    'search_path',
    'timezone',
    'extra_float_digits',
    'sluice.dry_run',
  ].map((name) => query(`select current_setting('${name}', true)`))

  const accepted: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'no parameters': {},
    'options with -c': { options: '-c statement_timeout=1234 -c datestyle=German,DMY' },
    'options with two dashes': { options: '--statement-timeout=99 --search_path=salesforce' },
    'options with an escaped blank': { options: '-c application_name=a\\ b\\\\c' },
    'settings by name': {
      application_name: 'golden “é”',
      TimeZone: 'Asia/Tokyo',
      extra_float_digits: '3',
      client_min_messages: 'debug1',
    },
    'a setting by name over one in options': {
      options: '-c application_name=one',
      application_name: 'two',
    },
    'replication that is off': { replication: 'off' },
  }
  for (const [what, parameters] of Object.entries(accepted)) {
    test(`${what}: the session is set as Postgres sets it`, async () => {
      await withBoth(stage, async (both) => {
        assert.deepEqual([...both.through.parameters], [...both.direct.parameters])
        await assertSame(both, settings)
      }, parameters)
    })
  }

  const refused: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'a setting that there is not': { nosuch: '1' },
    'a setting that is not the role’s to set': { options: '-c shared_buffers=1' },
    'a value that is none': { options: '-c statement_timeout=soon' },
    'an encoding that there is not': { client_encoding: 'klingon' },
    'options that are none': { options: '-Z' },
    'replication that is neither': { replication: 'perhaps' },
    'replication without the attribute': { replication: 'database' },
    'physical replication without the attribute': { replication: 'true' },
  }
  for (const [what, parameters] of Object.entries(refused)) {
    test(`${what} is refused in Postgres’s words`, async () => {
      const words = await Promise.all([stage.direct(), stage.through()].map(async (config) => {
        try {
          const client = await rawClient(config, parameters)
          client.destroy()
        } catch (error) {
          assert.ok(error instanceof DatabaseRefused, String(error))
          return render(error.frame)
        }
        assert.fail('it was accepted')
      }))
      assert.equal(words[1], words[0])
      assert.match(words[0] ?? '', /FATAL/)
    })
  }

  describe('replication connections', () => {
    before(() => stage.sql.unsafe(`alter role ${stage.role} replication`))

    const extended = 'extended query protocol not supported in a replication connection'

    for (const replication of ['database', 'true']) {
      const turns: Turn[] = [
        query('IDENTIFY_SYSTEM'),
        query('SHOW wal_level'),
        query('IDENTIFY_SYSTEM; SHOW wal_level'),
        query('CREATE_REPLICATION_SLOT "golden" TEMPORARY PHYSICAL'),
        query('READ_REPLICATION_SLOT "golden"'),
        query('DROP_REPLICATION_SLOT "golden"'),
        query('DROP_REPLICATION_SLOT "golden"'),
        query('START_REPLICATION SLOT "nosuch" LOGICAL 0/0'),
        query('TIMELINE_HISTORY 99'),
        query('select 1'),
        query('select count(*) from salesforce.contacts'),
        query('begin; select 1/0'),
        query('rollback'),
        { send: [...run('select 1'), sync], until: 1 },
        { send: [encodeMessage('F', (writer) => writer.int32(177)), sync], until: 2 },
      ]
      for (const [how, send] of [['whole', undefined], ['in pieces', inPieces]] as const) {
        test(`replication=${replication}: its commands pass, sent ${how}`, async () => {
          await withBoth(stage, async (both) => {
            const answers = await assertSame(both, turns, { send, seen: placeless })
            assert.equal(lettersOf(answers[0] ?? []), 'TDCZ')
            assert.ok(answers[13]?.[0]?.includes(extended))
          }, { replication })
        })
      }
    }

    test('changes stream through it, and it ends as with Postgres', async () => {
      await stage.sql`create publication golden for table public.plain`
      const seen: string[][] = []
      await withBoth(stage, async ({ direct, through }) => {
        for (const [index, client] of [direct, through].entries()) {
          const slot = `golden_${index}`
          client.send(encodeQuery(`CREATE_REPLICATION_SLOT "${slot}" TEMPORARY LOGICAL pgoutput`))
          await client.until('Z')
          const options = `proto_version '1', publication_names 'golden'`
          client.send(
            encodeQuery(`START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (${options})`),
          )
          assert.equal(lettersOf((await client.until('W')).map(render)), 'W')
        }
        await stage.sql`insert into public.plain values (1, 'streamed')`
        for (const client of [direct, through]) {
          const changes = await changesOf(client)
          client.send(copyDone)
          const end = (await client.until('Z')).filter((frame) => frame[0] !== 0x64)
          client.send(...query('select 1').send)
          seen.push([...changes, ...end.map(render), ...(await client.until('Z')).map(render)])
          client.send(terminate)
          assert.equal(await client.next(), null)
        }
      }, { replication: 'database' })
      assert.deepEqual(seen[1], seen[0])
      assert.ok(seen[0]?.some((frame) => frame.includes('streamed')))
      await stage.sql`delete from public.plain`
    })

    /** The changes up to the commit of a transaction, without their positions and times. */
    const changesOf = async (client: RawClient): Promise<string[]> => {
      const changes: string[] = []
      for (;;) {
        const frame = await client.next()
        assert.ok(frame, 'the connection has ended')
        // XLogData: type, two positions, a time; then the message
        if (frame[0] !== 0x64 || frame[5] !== 0x77) continue
        const message = Buffer.from(frame.subarray(30)).toString('latin1')
        if (message[0] === 'I') changes.push(message.slice(5)) // not the relation's number
        if (message[0] === 'C') return changes
      }
    }

    test('physical replication streams, whatever database the client names', async () => {
      const [{ lsn } = { lsn: '' }] = await stage.sql<{ lsn: string }[]>`
        select pg_current_wal_flush_lsn()::text as lsn`
      const named = {
        direct: () => stage.direct(),
        through: () => ({ ...stage.through(), database: 'replication' }),
      }
      await withBoth(named, async (both) => {
        for (const client of [both.direct, both.through]) {
          client.send(encodeQuery(`START_REPLICATION ${lsn}`))
          assert.equal(lettersOf((await client.until('W')).map(render)), 'W')
        }
        await stage.sql`select pg_logical_emit_message(false, 'golden', repeat('x', 100000))`
        for (const client of [both.direct, both.through]) {
          let size = 0
          while (size < 100_000) size += (await client.next())?.length ?? Infinity
          assert.ok(Number.isFinite(size))
        }
      }, { replication: 'true' })
    })

    test('a mutation there is refused in words that say so, and what follows is as in Postgres', async () => {
      const client = await rawClient(stage.through(), { replication: 'database' })
      const insert = `insert into salesforce.contacts (last_name) values ('x')`
      for (
        const [before, text] of [
          ['select 1', insert],
          ['select 1', `select 1; ${insert}`],
          ['select 1', `prepare p as ${insert}`],
          ['begin', insert],
        ]
      ) {
        client.send(encodeQuery(before ?? ''))
        await client.until('Z')
        client.send(encodeQuery(text ?? ''))
        const frames = (await client.until('Z')).map(render)
        assert.match(frames[0] ?? '', /^E .*C0A000.*replication connection/, text)
        assert.match(frames[1] ?? '', before === 'begin' ? /^Z 6 E/ : /^Z 6 I/)
      }
      client.send(parse(insert), sync)
      assert.match((await client.until('Z')).map(render)[0] ?? '', /^E .*C08P01/)
      client.send(encodeQuery(`rollback; ${insert}`))
      assert.match((await client.until('Z')).map(render)[0] ?? '', /^E .*C0A000/)
      client.destroy()
      assert.equal(stage.sent.length, 0)
      assert.equal((await stage.sql`select from salesforce.contacts`).length, 0)
    })
  })

  test('a setting that changes for all is told with the next answer', async () => {
    await withBoth(stage, async ({ direct, through }) => {
      await stage.sql`alter system set TimeZone = 'Asia/Tokyo'`
      await stage.sql`select pg_reload_conf()`
      const told: string[] = []
      for (const client of [direct, through]) {
        const frames: string[] = []
        await until(async () => {
          client.send(encodeQuery('select 1'))
          frames.splice(0, frames.length, ...(await client.until('Z')).map(render))
          return lettersOf(frames).includes('S')
        })
        told.push(frames.join('\n'))
      }
      assert.equal(told[1], told[0])
      assert.match(told[0] ?? '', /S \d+ TimeZone\0Asia\/Tokyo/)
      await stage.sql`alter system reset TimeZone`
      await stage.sql`select pg_reload_conf()`
    })
  })
})

const shutdowns = {
  fast: { signal: 'SIGINT', last: /^E .*FATAL.*C57P01/ },
  immediate: { signal: 'SIGQUIT', last: /^N .*WARNING.*C57P01/ },
} as const

for (const [how, { signal, last }] of Object.entries(shutdowns)) {
  test(`a ${how} shutdown of the server is told in its own words to whoever is idle, in a block or waits`, async () => {
    const { cluster, stage } = await ownStage()
    const open = async (config: ReturnType<Stage['direct']>) => {
      const [idle, inBlock, waiting] = [
        await rawClient(config),
        await rawClient(config),
        await rawClient(config),
      ]
      inBlock.send(encodeQuery('begin'))
      await inBlock.until('Z')
      waiting.send(encodeQuery('select pg_sleep(60)'))
      return [idle, inBlock, waiting]
    }
    try {
      const [direct, through] = [await open(stage.direct()), await open(stage.through())]
      await until(async () =>
        (await stage.sql`select from pg_stat_activity where wait_event = 'PgSleep'`).length === 2
      )
      const [pid = ''] = readFileSync(join(cluster.dataDir, 'postmaster.pid'), 'utf8').split('\n')
      process.kill(Number(pid), signal)
      const endsOf = (clients: readonly RawClient[]) =>
        Promise.all(clients.map(async (client) => (await client.until('!')).map(render)))
      const [expected, ends] = [await endsOf(direct), await endsOf(through)]
      assert.deepEqual(ends, expected)
      for (const end of expected) assert.match(end.at(-1) ?? '', last)
      await until(() => stage.listener.sessions === 0)
    } finally {
      await stage.close()
      await cluster.stop()
    }
  })
}
