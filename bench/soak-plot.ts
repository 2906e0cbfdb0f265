// Bench: memory over time, as a picture.

import { mebibytes, type Sample } from './soak-memory.ts'

const size = { width: 900, height: 420, left: 70, right: 110, top: 20, bottom: 50 }
const colours = ['#0b6e4f', '#1f4e9c', '#b3541e', '#6b3fa0']
const gridLines = 5

/** An SVG of the samples; what came before `warmAt` milliseconds is shaded. */
export function plot(
  samples: readonly Sample[],
  { names, warmAt }: { names: readonly string[]; warmAt: number },
): string {
  const { width, height, left, right, top, bottom } = size
  const end = Math.max(samples.at(-1)?.at ?? 0, 1)
  const most = Math.max(1, ...samples.flatMap(({ bytes }) => [...bytes.values()])) * 1.1
  const x = (at: number) => left + (width - left - right) * at / end
  const y = (bytes: number) => height - bottom - (height - top - bottom) * bytes / most
  const grid = Array.from({ length: gridLines + 1 }, (_, n) => {
    const bytes = most * n / gridLines
    return `<line x1="${left}" x2="${width - right}" y1="${y(bytes)}" y2="${
      y(bytes)
    }" stroke="#ddd"/>` +
      text({ x: left - 8, y: y(bytes) + 4, anchor: 'end' }, `${mebibytes(bytes)}`) +
      text(
        { x: x(end * n / gridLines), y: height - bottom + 20, anchor: 'middle' },
        (end * n / gridLines / 60_000).toFixed(1),
      )
  })
  const lines = names.map((name, n) => {
    const points = samples.flatMap(({ at, bytes }) => {
      const value = bytes.get(name)
      return value === undefined ? [] : [{ x: x(at), y: y(value) }]
    })
    const colour = colours[n % colours.length] ?? '#000'
    const path = points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' ')
    const at = points.at(-1) ?? { x: left, y: top }
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>` +
      text({ x: at.x + 6, y: at.y + 4, anchor: 'start', colour }, name)
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
<rect x="${left}" y="${top}" width="${x(warmAt) - left}" height="${
      height - top - bottom
    }" fill="#f4f4f4"/>
${[...grid, ...lines].join('\n')}
${text({ x: (left + width - right) / 2, y: height - 10, anchor: 'middle' }, 'minutes')}
${text({ x: left, y: 14, anchor: 'end' }, 'MiB')}
</svg>
`
}

function text(
  { x, y, anchor, colour = '#333' }: { x: number; y: number; anchor: string; colour?: string },
  words: string,
): string {
  return `<text x="${x.toFixed(1)}" y="${
    y.toFixed(1)
  }" text-anchor="${anchor}" fill="${colour}">${words}</text>`
}
