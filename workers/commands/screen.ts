// Workers: what `sluice` prints: tables that programs can cut at tabs and people can read, colours and progress bars on a
// terminal only. NO_COLOR and FORCE_COLOR are heeded.

import process from 'node:process'
import colors from 'picocolors'
import type { Answer, Progress, Rows } from './command.ts'

/** Where to print: `stdout` of the process, or what a caller has. */
export interface Screen {
  readonly isTerminal: boolean
  readonly json: boolean
}

/** The lines of an answer. As JSON, where that is asked for, rows are one array of objects. */
export function linesOf(answer: Answer, screen: Screen): readonly string[] {
  if (!('rows' in answer)) {
    const lines = 'lines' in answer ? answer.lines : answer
    return screen.isTerminal && !screen.json ? lines.map(painted) : lines
  }
  if (screen.json) return [JSON.stringify(answer.rows, null, 2)]
  if (answer.rows.length === 0 && screen.isTerminal) return [colors.dim('None.')]
  return screen.isTerminal ? aligned(answer) : tabbed(answer)
}

function tabbed(answer: Rows): string[] {
  return [answer.titles, ...answer.cells].map((cells) => cells.map(oneLine).join('\t'))
}

/** Columns below each other. */
function aligned({ titles, cells }: Rows): string[] {
  const texts = cells.map((row) => row.map(oneLine))
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...texts.map((row) => (row[index] ?? '').length))
  )
  const line = (row: readonly string[]) =>
    row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ').trimEnd()
  return [colors.bold(line(titles)), ...texts.map(line)]
}

/** What comes from a platform must not steer a terminal, nor end a line or a cell. */
export function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}

const paints: readonly [RegExp, (text: string) => string][] = [
  [/^ok {4}/, colors.green],
  [/^warn {2}/, colors.yellow],
  [/^FAIL {2}/, colors.red],
  [/^ *→ /, colors.cyan],
  [/^ +! /, colors.yellow],
]

function painted(line: string): string {
  const [found, paint] = paints.find(([pattern]) => pattern.test(line)) ?? []
  if (found === undefined || paint === undefined) return line
  return line.replace(found, (mark) => paint(mark))
}

/** `████████░░░░` of so many characters. */
export function bar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

const barWidth = 24
/** Between two drawings of a bar, in milliseconds. */
const drawEveryMs = 80

/**
 * A bar that is drawn in place on a terminal, and nothing at all elsewhere: what is printed for programs stays the same.
 * It is on stderr, so that the answer can be piped on.
 */
export function createProgress(out: NodeJS.WriteStream = process.stderr): Progress {
  if (out.isTTY !== true) return { show: () => {}, end: () => {} }
  let drawnAt = 0
  return {
    show: ({ what, done, total }) => {
      if (Date.now() - drawnAt < drawEveryMs) return
      drawnAt = Date.now()
      const share = total === null || total === 0 ? null : done / total
      const count = total === null ? String(done) : `${done}/${total}`
      const drawn = share === null ? '' : `${colors.cyan(bar(share, barWidth))} `
      out.write(`\r\x1b[K${drawn}${count} ${what}`)
    },
    end: () => {
      if (drawnAt > 0) out.write('\r\x1b[K')
      drawnAt = 0
    },
  }
}

/** An error for people, on stderr. */
export function tellError(lines: readonly string[]): void {
  const [first = '', ...rest] = lines
  const head = process.stderr.isTTY === true ? colors.red(first) : first
  process.stderr.write(`${[head, ...rest].join('\n')}\n`)
}
