// Goal: a cluster starts where it is told to, also for root in a folder that nobody else may enter. Method: start one.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { startCluster } from '../../src/lib/cluster.ts'
import { freePort } from '../help/cluster.ts'

test('a cluster in a private folder keeps its data from one start to the next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-private-')) // mode 0700
  const options = { dataDir: join(folder, 'data'), password: 'secret', settings: { fsync: 'off' } }
  let used = ''
  try {
    for (const turn of [1, 2]) {
      const cluster = await startCluster({ ...options, port: await freePort() })
      used = cluster.dataDir
      const sql = postgres(cluster.url('postgres'), { max: 1, onnotice: () => {} })
      try {
        if (turn === 1) await sql`create table kept as select 42 as answer`
        assert.equal((await sql`select answer from kept`)[0]?.['answer'], 42)
      } finally {
        await sql.end()
        await cluster.stop()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(used, { recursive: true, force: true })
  }
})

test('a port that is taken is an error that says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-private-'))
  const options = { dataDir: join(folder, 'data'), password: 'secret', port: await freePort() }
  const cluster = await startCluster(options)
  try {
    await assert.rejects(
      startCluster({ ...options, dataDir: join(folder, 'other') }),
      /did not start.*(in use|could not bind)/s,
    )
  } finally {
    await cluster.stop('immediate')
    rmSync(folder, { recursive: true, force: true })
    rmSync(cluster.dataDir, { recursive: true, force: true })
  }
})

test('a cluster whose process is killed ends by itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-private-'))
  const script = fileURLToPath(new URL('../help/hold-cluster.ts', import.meta.url))
  const runtime = 'Deno' in globalThis ? ['run', '-A', '--no-check'] : []
  const args = [...runtime, script, join(folder, 'data'), String(await freePort())]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [chunk] = await once(child.stdout, 'data') as [Uint8Array]
    const pidFile = join(new TextDecoder().decode(chunk).trim(), 'postmaster.pid')
    assert.ok(existsSync(pidFile))
    child.kill('SIGKILL')
    const until = Date.now() + 90_000
    while (existsSync(pidFile)) {
      assert.ok(Date.now() < until, 'Postgres is still there')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    rmSync(dirname(pidFile), { recursive: true, force: true })
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
