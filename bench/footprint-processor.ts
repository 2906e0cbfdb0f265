// Bench: processor time of a read and of a mutation, at the listener, the service and Postgres.

import type pg from 'pg'
import { freePort } from '../test/help/cluster.ts'
import { withListener } from './footprint-memory.ts'
import { processorMs } from './footprint-proc.ts'
import { openSessions, type Site } from './footprint-site.ts'

/** Milliseconds of processor time of one statement. */
export interface Work {
  readonly listener: number
  readonly service: number
  /** Of the customer's database, and of the store. */
  readonly database: number
  readonly store: number
}

/** A few, so that each backend works long enough for Linux's clock. */
const sessionsCount = 4
const reads = 8_000
const mutations = 600
/** Of either, before those that count: programs are compiled meanwhile. */
const warmUpShare = 0.25

/** Reads and updates one row by its key, as prepared statements. */
export async function measureProcessor(site: Site): Promise<{ read: Work; update: Work }> {
  return await withListener(
    site,
    { port: await freePort(), tls: false },
    async (child, options) => {
      const sessions = openSessions(site, options)
      try {
        await sessions.add(sessionsCount)
        const ids = await makeRows(sessions.clients)
        const listener = child.process.pid ?? 0
        const measure = async (count: number, name: string, text: string): Promise<Work> => {
          const run = (times: number) => runAll(sessions.clients, { ids, name, text, times })
          await run(count * warmUpShare)
          const before = await workSoFar(site, listener)
          await run(count)
          const after = await workSoFar(site, listener)
          const of = (part: keyof Work) => (after[part] - before[part]) / count
          return {
            listener: of('listener'),
            service: of('service'),
            database: of('database'),
            store: of('store'),
          }
        }
        return {
          read: await measure(reads, 'read', 'select * from salesforce.contacts where id = $1'),
          update: await measure(
            mutations,
            'change',
            `update salesforce.contacts set last_name = 'Changed again' where id = $1`,
          ),
        }
      } finally {
        await sessions.close()
      }
    },
  )
}

async function makeRows(clients: readonly pg.Client[]): Promise<string[]> {
  const text = 'insert into salesforce.contacts (last_name) values ($1) returning id'
  const made = clients.map((client) => client.query<{ id: string }>(text, ['Busy']))
  return (await Promise.all(made)).flatMap(({ rows }) => rows.map(({ id }) => id))
}

/** All clients at once, each with its own row; `times` of all together. */
async function runAll(
  clients: readonly pg.Client[],
  { ids, name, text, times }: {
    ids: readonly string[]
    name: string
    text: string
    times: number
  },
): Promise<void> {
  const runs = clients.map(async (client, at) => {
    const values = [ids[at]]
    for (let n = 0; n < times / clients.length; n++) await client.query({ name, text, values })
  })
  await Promise.all(runs)
}

/** The processor time of each part since its start, in milliseconds. */
async function workSoFar({ plant, service }: Site, listener: number): Promise<Work> {
  const backends = await plant.sql<{ pid: number; name: string }[]>`
    select pid, datname as name from pg_stat_activity
    where datname is not null and pid <> pg_backend_pid()`
  const of = (name: string) =>
    backends.filter((backend) => backend.name === name)
      .reduce((sum, { pid }) => sum + processorMs(pid), 0)
  return {
    listener: processorMs(listener),
    service: processorMs(service.process.pid ?? 0),
    database: of('customer'),
    store: of('store'),
  }
}
