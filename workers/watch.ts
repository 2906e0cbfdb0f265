// Workers: what a process counts and who may read it: SLUICE_METRICS_TOKEN. And how long it says that it is about to end
// before it begins to: SLUICE_DRAIN_NOTICE_MS (0).

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../src/lib/log.ts'
import { createMetrics, type Metrics } from '../src/lib/metrics.ts'
import { addProcessMetrics } from '../src/lib/process-metrics.ts'
import { numberEnv, optionalEnv } from './environment.ts'

export interface Watch {
  readonly registry: Metrics
  readonly token?: string
  /** Waits, so that whoever asks at /readyz hears of the end before connections are refused. */
  giveNotice(): Promise<void>
}

/** The figures of this process, those that every process has among them. */
export function createWatch(log: Log): Watch {
  const noticeMs = numberEnv('SLUICE_DRAIN_NOTICE_MS', { otherwise: 0, max: 600_000 })
  const token = optionalEnv('SLUICE_METRICS_TOKEN')
  const registry = createMetrics({ log })
  addProcessMetrics(registry, { version: version(), runtime: runtime() })
  return {
    registry,
    ...(token === undefined ? {} : { token }),
    giveNotice: async () => {
      if (noticeMs > 0) await pause(noticeMs)
    },
  }
}

function version(): string {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function runtime(): string {
  const { deno, node } = process.versions
  return deno === undefined ? `node ${node}` : `deno ${deno}`
}
