// A listener in a process of its own, for the test that abuses it. It answers on stdout what it is asked on stdin, one
// line of JSON for each line: `look`: its sessions, its memory after the collector has run, and the connections that the
// database has of it. It ends with its stdin.

import process from 'node:process'
import { createInterface } from 'node:readline'
import { selfSignedCertificate } from '../../src/lib/certificate.ts'
import { createStage } from '../help/stage.ts'

const collect = (globalThis as { gc?: () => void }).gc

const tls = selfSignedCertificate({ hosts: ['localhost'], days: 1 })
const stage = await createStage({ tls, connectionsMax: 30, handshakeWaitMs: 2_000 })

async function look(): Promise<unknown> {
  for (let count = 0; count < 4; count += 1) {
    collect?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const backends = await stage.sql`select from pg_stat_activity where usename = ${stage.role}`
  return {
    sessions: stage.listener.sessions,
    backends: backends.length,
    sent: stage.sent.length,
    applied: stage.applied.length,
    heapBytes: heapUsed + external,
    rssBytes: rss,
  }
}

const say = (value: unknown) => void process.stdout.write(`${JSON.stringify(value)}\n`)

const { port } = stage.listener
say({ port, database: stage.through().database, cert: tls.cert })
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'look') say(await look())
}
await stage.close()
