// Bench: from the start of a listener's process to the first answer of a query, and what it loads for that.

import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/help/cluster.ts'
import { makeClient, type Site } from './footprint-site.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Milliseconds to the first answer. */
export async function coldStart(site: Site): Promise<number> {
  const options = { port: await freePort(), tls: false }
  const start = performance.now()
  const child = site.startListener(options)
  try {
    for (;;) {
      const client = makeClient(site, options)
      try {
        await client.connect()
        await client.query('select 1')
        return performance.now() - start
      } catch (error) {
        if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), child.ended])
      } finally {
        await client.end().catch(() => {})
      }
    }
  } finally {
    await child.stop()
  }
}

/** Milliseconds of a program that says it is there and ends, on the same runtime. */
export function bareStart(): number {
  const args = 'Deno' in globalThis ? ['eval', 'console.log(1)'] : ['-e', 'console.log(1)']
  const start = performance.now()
  execFileSync(process.execPath, args)
  return performance.now() - start
}

/** Size of what `deno info` finds from the listener's file on, without types. */
export function codeBytes(): number {
  const deno = join(root, 'node_modules', '.bin', 'deno')
  const text = execFileSync(deno, ['info', '--json', join(root, 'workers', 'listener.ts')], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    cwd: root,
  })
  const { modules } = JSON.parse(text) as { modules: { local?: string }[] }
  const files = modules.flatMap(({ local }) => local === undefined ? [] : local)
  return files.filter((file) => !file.endsWith('.d.ts'))
    .reduce((sum, file) => sum + statSync(file).size, 0)
}
