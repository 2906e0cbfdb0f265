// The README's tables of Stripe's and GitHub's tables, made from the adapters' own descriptions. `deno run -A
// test/help/readme-platforms.ts stripe` prints one, to stand between `<!-- stripe -->` and `<!-- /stripe -->`;
// test/journeys/readme.test.ts compares.

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Column } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Caller, TableShape } from '../../src/platforms/platform.ts'
import { tables } from '../../src/platforms/github/tables.ts'
import { objects } from '../../src/platforms/stripe/objects.ts'

/** Platforms whose tables are data in the adapter; the others' come from the account. */
export const describedPlatforms = ['stripe', 'github'] as const
type Described = typeof describedPlatforms[number]

const names: Readonly<Record<Described, readonly string[]>> = {
  stripe: objects.map(({ name }) => name),
  github: [...tables.keys()],
}

const head = ['table', 'required', 'INSERT only', 'UPDATE only', 'read-only', 'refused']

/** The rows of the table, without its head. */
export async function platformRows(platform: Described): Promise<string[][]> {
  const shapes = await adapterFor(platform).describe(names[platform], offline)
  return shapes.map((shape) => rowOf(shape))
}

/** Describing these platforms asks nobody. */
const offline: Caller = {
  baseUrl: 'http://127.0.0.1:1',
  settings: {},
  http: {
    send: () => Promise.reject(new Error('The description of this platform asks nobody')),
    close: () => Promise.resolve(),
  },
  deadline: deadlineIn(60_000),
  signal: new AbortController().signal,
  log: silentLog,
  token: () => Promise.resolve('none'),
}

function rowOf({ name, columns, refuses = {} }: TableShape): string[] {
  const some = (keep: (column: Column) => boolean) => namesOf(columns.filter(keep))
  return [
    `\`${name}\``,
    some(({ required }) => required),
    some(({ insertable, updatable }) => insertable && !updatable),
    some(({ insertable, updatable }) => !insertable && updatable),
    some(({ insertable, updatable }) => !insertable && !updatable),
    Object.entries(refuses).map(([operation, { detail, hint }]) =>
      `${operation.toUpperCase()}: ${detail} ${hint}`
    ).join(' ').replaceAll('|', '\\|') || '–',
  ]
}

function namesOf(columns: readonly Column[]): string {
  return columns.map(({ name }) => name).join(', ') || '–'
}

/** The table in Markdown. */
export async function platformTable(platform: Described): Promise<string> {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rows = await platformRows(platform)
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(await platformTable(process.argv[2] as Described))
}
