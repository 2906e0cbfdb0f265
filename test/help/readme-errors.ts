// The README's table of errors, made from the catalogue. `deno run -A test/help/readme-errors.ts` prints it, to stand
// between `<!-- errors -->` and `<!-- /errors -->`; test/journeys/readme.test.ts compares.

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { catalogue, type CatalogueEntry } from '../../src/mutation/fault.ts'

const head = ['fault', 'SQLSTATE', 'what it means']

/** The rows of the table, without its head: fault, SQLSTATE, the message and what to do. */
export function errorRows(): string[][] {
  const entries: [string, CatalogueEntry][] = Object.entries(catalogue)
  return entries.map(([code, { sqlstate, message, about }]) => [
    `\`${code}\``,
    sqlstate,
    `\`${message.replaceAll('{platform}', 'platform')}\`. ${about}`,
  ])
}

/** The table in Markdown, aligned as `deno fmt` aligns it. */
export function errorTable(): string {
  const rows = [head, ...errorRows()]
  const widths = head.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const rule = line(widths.map((width) => '-'.repeat(width)))
  const [first = head, ...others] = rows
  return [line(first), rule, ...others.map(line)].join('\n')
}

/** The cells of a Markdown table, its head and rule included. */
export function tableCells(markdown: string): string[][] {
  return markdown.split('\n').map((line) => line.trim()).filter((line) => line.startsWith('|')).map(
    (line) => line.slice(1, -1).split('|').map((cell) => cell.trim()),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(errorTable())
