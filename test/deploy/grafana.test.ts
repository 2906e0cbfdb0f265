// Goal: the dashboard asks for figures that there are. Method: the names in its queries against those of the code.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { metricsOf } from '../help/readme-metrics.ts'

const dashboard = JSON.parse(
  readFileSync(new URL('../../grafana.json', import.meta.url), 'utf8'),
) as { panels: { title: string; targets?: { expr: string }[] }[] }

test('every figure of the dashboard is one that a process gives', () => {
  const given = new Set(
    (['listener', 'service'] as const).flatMap((process) =>
      metricsOf(process).map(({ name }) => name)
    ),
  )
  const asked = dashboard.panels.flatMap(({ targets = [] }) => targets)
    .flatMap(({ expr }) => expr.match(/\b(?:sluice|process)_\w+/g) ?? [])
    .map((name) => name.replace(/_bucket$/, ''))
  assert.ok(asked.length >= 15, `${asked.length} figures are asked for`)
  assert.deepEqual(asked.filter((name) => !given.has(name)), [])
})
