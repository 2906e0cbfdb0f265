// Goal: what GitHub does not count of an hour (304), our buckets do not count either, whichever process asked; so a quiet
// sync leaves the hour to mutations. Method: two callers of one store follow the sandbox for most of an hour, which the
// clocks of the store and of the sandbox are moved through.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { github } from '../../src/platforms/github/index.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Callers, createCallers } from '../../src/service/callers.ts'
import { limitOf } from '../../src/service/limits/limit.ts'
import { saveConnection } from '../../src/store/connections.ts'
import { readGauges } from '../../src/store/gauges.ts'
import type { Store } from '../../src/store/store.ts'
import { type TestCluster, testCluster } from '../help/cluster.ts'
import { tableOf } from '../platforms/github/fake.ts'
import { rest } from '../sandbox/github_client.ts'
import { testStore } from '../store/help.ts'
import { until } from './help.ts'

const connection = 'my_github'
const objects = [
  'issues',
  'issue_comments',
  'pull_requests',
  'labels',
  'milestones',
  'releases',
  'repositories',
]
const repositories = ['octo/hello', 'octo/world', 'octo/readonly', 'octo/no-issues']
const minuteMs = 60_000

let cluster: TestCluster
let store: Store
let sandbox: Sandbox
let http: Http
let passedMs = 0
const statuses: number[] = []

before(async () => {
  cluster = await testCluster()
  store = await testStore(await cluster.createDatabase())
  const from = Date.parse('2026-11-20T08:00:00Z')
  sandbox = await startSandbox({ port: 0, now: () => from + passedMs })
  http = createHttp()
  await saveConnection(store, {
    id: connection,
    platform: 'github',
    baseUrl: sandbox.platformUrl('github'),
    credential: { kind: 'key', key: 'sandbox' },
    settings: { repositories },
  })
})
after(async () => {
  await http?.close()
  await sandbox?.close()
  await store?.close()
  await cluster?.stop()
})

/** The clocks of the store and of GitHub. */
async function pass(ms: number): Promise<void> {
  passedMs += ms
  await store.sql.unsafe(`create or replace function sluice_store.clock_ms() returns bigint
    language sql volatile
    return floor(extract(epoch from clock_timestamp()) * 1000)::bigint + ${passedMs}`)
}

function processOf(): Callers {
  const send: Http['send'] = async (request) => {
    const response = await http.send(request)
    statuses.push(response.status)
    return response
  }
  const counting = { ...http, send }
  return createCallers({ store, http: counting, adapterFor: () => github, log: silentLog })
}

async function used(name: string): Promise<number> {
  const rule = github.rates.rules({}).find((one) => one.name === name) ?? assert.fail(name)
  const { windowGrains } = limitOf(rule).bucket
  const gauges = await readGauges(store, [{ connection, rule: name, windowGrains }])
  return gauges.reduce((sum, gauge) => sum + gauge.used, 0)
}

async function usedAtGithub(): Promise<number> {
  const { text } = await rest(sandbox, '/rate_limit', { method: 'GET' })
  return JSON.parse(text).resources.core.used
}

test('a quiet sync’s hour leaves the bucket where GitHub’s own count is, and nothing is refused', async () => {
  const follower = github.follow ?? assert.fail()
  const processes = [processOf(), processOf()]
  const callerOf = async (n: number) =>
    await (processes[n % 2] ?? assert.fail()).callerFor(connection, {
      deadline: deadlineIn(minuteMs),
    })
  const tables = await Promise.all(objects.map(async (object) => {
    const table = await tableOf(object)
    return { table, cursor: await follower.start(table, await callerOf(0)) }
  }))
  for (let minute = 0; minute < 55; minute += 1) {
    const before = statuses.length
    await Promise.all(tables.map(async (one, n) => {
      for (let more = true; more;) {
        const caller = await callerOf(minute + n)
        const changes = await follower.changes(one.table, one.cursor, caller)
        one.cursor = changes.next
        more = changes.more
      }
    }))
    const points = await used('rest_minute')
    assert.ok(points >= statuses.length - before, 'the limit of a minute counts all of them')
    await pass(minuteMs)
  }
  const unchanged = statuses.filter((status) => status === 304).length
  assert.ok(unchanged > 1_000, `${unchanged} answers 304`)
  assert.deepEqual(statuses.filter((status) => status === 403 || status === 429), [])
  const counted = await usedAtGithub()
  assert.ok(counted > 0 && counted < 100, `${counted} counted by GitHub`)
  await until(async () => await used('rest_hour') === counted)
  assert.ok(statuses.filter((status) => status === 410).length <= 4)
  for (const one of processes) await one.close()
})
