// Bench: one part of Sluice's surroundings, on whatever host it is started: `regions-part.ts database ADDRESS CONNECTIONS`,
// `platform ADDRESS PUBLIC-URL` or `client CONNECTION-URL`. The first two say a line of JSON as soon as they run, the client
// one for each line that it reads. All end with their standard input.

import process from 'node:process'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { startSandbox } from '../src/sandbox/sandbox.ts'
import { startTestCluster } from '../test/help/cluster.ts'
import { play } from './regions-statements.ts'

const parts: Readonly<Record<string, (...args: string[]) => Promise<void>>> = {
  database: runDatabase,
  platform: runPlatform,
  client: runClient,
}

const [name = '', ...args] = process.argv.slice(2)
const run = parts[name]
if (run === undefined) throw new RangeError(`There is no part "${name}"`)
await run(...args)

async function runDatabase(host = '', connectionsMax = '200'): Promise<void> {
  const cluster = await startTestCluster({
    settings: { listen_addresses: host, max_connections: connectionsMax },
    hba: ['host all all samenet scram-sha-256'],
  })
  say({ port: cluster.port })
  await inputEnd()
  await cluster.stop()
}

async function runPlatform(host = '', publicUrl = ''): Promise<void> {
  const sandbox = await startSandbox({ port: 0, host, publicUrl })
  say({ port: sandbox.port })
  await inputEnd()
  await sandbox.close()
}

/** For each line, how long the statements take, one after the other. */
async function runClient(url = ''): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for await (const _ of createInterface({ input: process.stdin })) say(await play(client))
  await client.end()
}

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function inputEnd(): Promise<void> {
  process.stdin.resume()
  await new Promise<void>((resolve) => process.stdin.once('end', resolve))
}
