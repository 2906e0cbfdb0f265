// Room lib: what every process tells of itself: memory, processor time, how late its event loop is, and what it is.

import process from 'node:process'
import { type Metrics, secondsBounds } from './metrics.ts'

export interface ProcessAbout {
  /** Of Sluice. */
  readonly version: string
  /** The runtime and its version, such as `node 24.11.0`. */
  readonly runtime: string
}

/** So often the event loop is looked at, in milliseconds. */
const lookEveryMs = 250

/**
 * Adds the metrics of this process. The names without `sluice_` are those that Prometheus's own clients use.
 * `stop` ends the looking at the event loop.
 */
export function addProcessMetrics(metrics: Metrics, about: ProcessAbout): { stop: () => void } {
  metrics.collected('gauge', {
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process that is in use.',
    collect: () => [{ value: process.memoryUsage.rss() }],
  })
  metrics.collected('counter', {
    name: 'process_cpu_seconds_total',
    help: 'Processor time that the process has used.',
    collect: () => {
      const { user, system } = process.cpuUsage()
      return [{ value: (user + system) / 1e6 }]
    },
  })
  const startedAt = Date.now() / 1000 - process.uptime()
  metrics.collected('gauge', {
    name: 'process_start_time_seconds',
    help: 'When the process began, in seconds since 1970.',
    collect: () => [{ value: startedAt }],
  })
  metrics.collected('gauge', {
    name: 'sluice_build_info',
    help: 'Always 1; the labels say what runs.',
    labels: { version: [about.version], runtime: [about.runtime] },
    collect: () => [{ labels: { ...about }, value: 1 }],
  })
  return { stop: watchLoop(metrics) }
}

/** A timer that is late by so much tells how long everything else had to wait. */
function watchLoop(metrics: Metrics): () => void {
  const delay = metrics.histogram({
    name: 'sluice_event_loop_delay_seconds',
    help: 'How late a timer was, looked at four times a second.',
    bounds: secondsBounds,
  })
  let due = performance.now() + lookEveryMs
  const timer = setInterval(() => {
    const now = performance.now()
    delay.observe({}, Math.max(0, now - due) / 1000)
    due = now + lookEveryMs
  }, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}
