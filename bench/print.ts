// Bench: one readable table.

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

/** A ratio against its mark: `0.85 (mark 0.80)`, and whether it was met. */
export function formatMark(
  ratio: number,
  { least, most }: { least?: number; most?: number },
): string {
  const met = ratio >= (least ?? -Infinity) && ratio <= (most ?? Infinity)
  const mark = least === undefined ? `at most ${most?.toFixed(2)}` : `at least ${least.toFixed(2)}`
  return `${mark}: ${met ? 'met' : 'MISSED'}`
}
