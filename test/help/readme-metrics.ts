// The README's table of metrics, made from the code.

import { silentLog } from '../../src/lib/log.ts'
import { createMetrics, type MetricAbout } from '../../src/lib/metrics.ts'
import { addProcessMetrics } from '../../src/lib/process-metrics.ts'
import { createPlatformMetrics, createServiceMetrics } from '../../src/service/metrics.ts'
import { createListenerMetrics } from '../../src/session/listener-metrics.ts'
import { createSessionMetrics } from '../../src/session/metrics.ts'
import { createSyncMetrics } from '../../src/sync/sync-metrics.ts'

const processes = ['listener', 'service', 'sync'] as const
type Process = typeof processes[number]

/** The metrics of each process, as its worker makes them. */
export function metricsOf(process: Process): readonly MetricAbout[] {
  const metrics = createMetrics({ log: silentLog })
  addProcessMetrics(metrics, { version: '', runtime: '' }).stop()
  if (process === 'listener') createListenerMetrics(metrics)
  else if (process === 'service') {
    createServiceMetrics(metrics)
    createSessionMetrics(metrics)
  } else {
    createPlatformMetrics(metrics)
    createSyncMetrics(metrics)
  }
  return metrics.about()
}

/** Values of these are told elsewhere: the platforms, the operations, the catalogue of faults. */
const knownLabels: ReadonlySet<string> = new Set([
  'platform',
  'operation',
  'code',
  'version',
  'runtime',
])

/** The rows of the table, without its head. */
export function metricRows(): string[][] {
  const abouts = processes.map((process) => ({ process, known: metricsOf(process) }))
  const all = new Map(abouts.flatMap(({ known }) => known.map((about) => [about.name, about])))
  const at = (name: string) =>
    abouts.filter(({ known }) => known.some((about) => about.name === name))
      .map(({ process }) => process)
  return [...all.values()].map(({ name, type, labels, help, seriesMax }) => [
    `\`${name}\``,
    type,
    Object.entries(labels).map(([label, values]) =>
      knownLabels.has(label) ? `\`${label}\`` : `\`${label}\`: ${values.join(', ')}`
    ).join('; ') || '–',
    at(name).length === processes.length ? 'all' : at(name).join(', '),
    String(seriesMax),
    help,
  ])
}

/** The table in Markdown. */
export function metricsTable(): string {
  const head = ['metric', 'type', 'labels', 'at', 'series at most', 'what it tells']
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...metricRows().map(line)].join('\n')
}
