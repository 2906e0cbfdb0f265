// Bench: one readable table.

import type { Ratio } from './statistics.ts'

/** The rows under their heads; the first column to the left, figures to the right. */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [heads, ...rows]
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length))
  )
  const cell = (text: string, column: number) => {
    const width = widths[column] ?? 0
    return column === 0 ? text.padEnd(width) : text.padStart(width)
  }
  const [head, ...body] = lines.map((line) => `  ${line.map(cell).join('  ').trimEnd()}`)
  const rule = `  ${widths.map((width) => '-'.repeat(width)).join('  ')}`
  return [head, rule, ...body].join('\n')
}

/** `0.85 (0.80–0.91)` */
export function formatRatio({ median, low, high }: Ratio): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
}

/** The mark of a ratio, and whether it was met: `at least 0.80: met`. */
export function formatMark(
  ratio: number,
  { least, most }: { least?: number; most?: number },
): string {
  const met = ratio >= (least ?? -Infinity) && ratio <= (most ?? Infinity)
  const mark = least === undefined ? `at most ${most?.toFixed(2)}` : `at least ${least.toFixed(2)}`
  return `${mark}: ${met ? 'met' : 'MISSED'}`
}
