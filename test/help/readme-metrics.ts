// The README's table of metrics, made from the code.

import { silentLog } from '../../src/lib/log.ts'
import { createMetrics, type MetricAbout } from '../../src/lib/metrics.ts'
import { addProcessMetrics } from '../../src/lib/process-metrics.ts'
import { createServiceMetrics } from '../../src/service/metrics.ts'
import { createListenerMetrics } from '../../src/session/listener-metrics.ts'
import { createSessionMetrics } from '../../src/session/metrics.ts'

/** The metrics of each process, as its worker makes them. */
export function metricsOf(process: 'listener' | 'service'): readonly MetricAbout[] {
  const metrics = createMetrics({ log: silentLog })
  addProcessMetrics(metrics, { version: '', runtime: '' }).stop()
  if (process === 'listener') createListenerMetrics(metrics)
  else {
    createServiceMetrics(metrics)
    createSessionMetrics(metrics)
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
  const [listener, service] = [metricsOf('listener'), metricsOf('service')]
  const all = new Map([...listener, ...service].map((about) => [about.name, about]))
  const names = (abouts: readonly MetricAbout[]) => new Set(abouts.map(({ name }) => name))
  const [atListener, atService] = [names(listener), names(service)]
  return [...all.values()].map(({ name, type, labels, help, seriesMax }) => [
    `\`${name}\``,
    type,
    Object.entries(labels).map(([label, values]) =>
      knownLabels.has(label) ? `\`${label}\`` : `\`${label}\`: ${values.join(', ')}`
    ).join('; ') || '–',
    atListener.has(name) ? (atService.has(name) ? 'both' : 'listener') : 'service',
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
