// Goal: the dashboard asks for figures that there are, by labels that they have, and leaves none out. Method: its queries
// against the metrics of the code.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { metricsOf } from '../help/readme-metrics.ts'

interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const { panels } = JSON.parse(
  readFileSync(new URL('../../grafana.json', import.meta.url), 'utf8'),
) as { panels: readonly Panel[] }
const targets = panels.flatMap(({ targets = [] }) => targets)

/** The metrics of all processes, by name. */
const given = new Map(
  (['listener', 'service', 'sync'] as const).flatMap(metricsOf).map((about) => [about.name, about]),
)

function metricsIn(expr: string): string[] {
  const names = expr.match(/\b(?:sluice|process)_\w+/g) ?? []
  return names.map((name) => name.replace(/_bucket$/, ''))
}

test('every figure of the dashboard is one that a process gives', () => {
  const asked = targets.flatMap(({ expr }) => metricsIn(expr))
  assert.ok(asked.length >= 15, `${asked.length} figures are asked for`)
  assert.deepEqual(asked.filter((name) => !given.has(name)), [])
})

test('every figure that a process gives is on the dashboard', () => {
  const asked = new Set(targets.flatMap(({ expr }) => metricsIn(expr)))
  assert.deepEqual([...given.keys()].filter((name) => !asked.has(name)), [])
})

test('figures are grouped, chosen and named by labels that they have', () => {
  for (const { expr, legendFormat } of targets) {
    const had = new Set(
      metricsIn(expr).flatMap((name) => Object.keys(given.get(name)?.labels ?? {})),
    )
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) =>
      names.split(', ')
    )
    const chosen = [...expr.matchAll(/(\w+)="/g)].map(([, name = '']) => name)
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name)
    const unknown = [...grouped, ...chosen, ...named].filter((name) =>
      !had.has(name) && name !== 'instance' && !(name === 'le' && /_bucket\b/.test(expr))
    )
    assert.deepEqual(unknown, [], expr)
    for (const [, name = '', value = ''] of expr.matchAll(/(\w+)="(\w+)"/g)) {
      const known = metricsIn(expr).flatMap((metric) => given.get(metric)?.labels[name] ?? [])
      assert.ok(known.includes(value), `${expr}: ${name} is never ${value}`)
    }
  }
})

test('no panel hides another, and none is wider than the page', () => {
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const taken = new Map<string, string>()
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x >= 0 && x + w <= 24, title)
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const place = `${column} ${line}`
        assert.equal(taken.get(place), undefined, `${title} lies on another`)
        taken.set(place, title)
      }
    }
  }
})
