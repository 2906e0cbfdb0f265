// Bench: what is written through. The same inserts through the proxy and by a script of one's own, one after the other.

import pg from 'pg'
import postgres from 'postgres'
import { quoteIdent } from '../src/lib/quote.ts'
import { contactColumns, makeContacts, type NewContact } from './contacts.ts'
import type { Options } from './options.ts'
import { formatMark, formatRatio, formatTable } from './print.ts'
import { createFaithfulScript, createScript, type MirroredColumn } from './script.ts'
import type { Address, Stack } from './stack.ts'
import { type Figures, median, ratioOf, takeTurns } from './statistics.ts'

/** Writes the contacts and gives their ids. */
type Write = (contacts: readonly NewContact[]) => Promise<string[]>

interface Writers {
  readonly script: Write
  readonly faithful: Write
  readonly sluice: Write
  close(): Promise<void>
}

interface Load {
  /** Rows of one statement. */
  readonly rows: number
  /** How late the sandbox answers. */
  readonly latencyMs: number
  /** Statements of one turn. */
  readonly statements: number
  /** Of the script's time, at most so much. */
  readonly most: number
}

const loads: readonly Load[] = [
  { rows: 1, latencyMs: 0, statements: 40, most: 1.5 },
  { rows: 200, latencyMs: 0, statements: 6, most: 1.5 },
  { rows: 1, latencyMs: 50, statements: 15, most: 1.1 },
  { rows: 200, latencyMs: 50, statements: 6, most: 1.1 },
]
/** Turns before those that count: programs of all processes are compiled meanwhile. */
const warmRounds = 2

/** Measures, and gives the table. */
export async function measureWrites(stack: Stack, { rounds }: Options): Promise<string> {
  const columns = await makePlainTable(stack)
  const writers = await openWriters(stack, columns)
  try {
    const rows: string[][] = []
    for (const load of loads) {
      await setLatency(stack.sandboxUrl, load.latencyMs)
      const turn = (write: Write) => () => statementMs(write, load)
      const { script, faithful, sluice } = writers
      const variants = { script: turn(script), faithful: turn(faithful), sluice: turn(sluice) }
      await takeTurns(variants, { rounds: warmRounds })
      rows.push(row(load, await takeTurns(variants, { rounds })))
    }
    const title = 'Writes: milliseconds per INSERT (medians of ' +
      `${rounds} rounds), and ratios within a round (median, quartiles)`
    const heads = ['', 'script', 'script, read back', 'Sluice', 'Sluice / read back']
    return `${title}\n\n${formatTable([...heads, 'Sluice / script', ''], rows)}`
  } finally {
    await writers.close()
  }
}

function row(
  { rows, latencyMs, most }: Load,
  { script, faithful, sluice }: Figures<'script' | 'faithful' | 'sluice'>,
): string[] {
  const ratio = ratioOf(sluice, script)
  return [
    `${rows} ${rows === 1 ? 'row' : 'rows'}, sandbox at ${latencyMs} ms`,
    ...[script, faithful, sluice].map((figures) => median(figures).toFixed(1)),
    formatRatio(ratioOf(sluice, faithful)),
    formatRatio(ratio),
    formatMark(ratio.median, { most }),
  ]
}

/** Milliseconds that a statement takes: the median of a turn. */
async function statementMs(write: Write, { rows, statements }: Load): Promise<number> {
  const times: number[] = []
  for (let statement = 0; statement < statements; statement++) {
    const contacts = makeContacts(rows)
    const start = performance.now()
    const ids = await write(contacts)
    times.push(performance.now() - start)
    if (new Set(ids).size !== rows) throw new Error(`${ids.length} ids came for ${rows} contacts`)
  }
  return median(times)
}

async function openWriters(
  stack: Stack,
  columns: readonly MirroredColumn[],
): Promise<Writers> {
  const sql = connectPostgres(stack.direct)
  const client = new pg.Client(stack.listener)
  client.on('error', () => {}) // the statement that runs, or the next one, rejects with it
  await client.connect()
  const baseUrl = `${stack.sandboxUrl}/salesforce`
  const options = { baseUrl, accessToken: 'sandbox', sql }
  return {
    script: createScript(options),
    faithful: createFaithfulScript(options, columns),
    sluice: (contacts) => insert(client, contacts),
    close: async () => {
      await Promise.all([sql.end(), client.end()])
    },
  }
}

function connectPostgres({ user, ...rest }: Address): postgres.Sql {
  return postgres({ ...rest, username: user, max: 1, onnotice: () => {} })
}

/** One statement, as most programs send it. */
async function insert(client: pg.Client, contacts: readonly NewContact[]): Promise<string[]> {
  const width = contactColumns.length
  const tuples = contacts.map((_, i) =>
    `(${contactColumns.map((_name, at) => `$${i * width + at + 1}`).join(', ')})`
  )
  const { rows } = await client.query<{ id: string }>(
    `insert into salesforce.contacts (${contactColumns.join(', ')})
    values ${tuples.join(', ')} returning id`,
    contacts.flatMap((contact) => contactColumns.map((name) => contact[name])),
  )
  return rows.map(({ id }) => id)
}

/** The plain table: the same columns, key and rows, and no triggers. Gives its columns. */
async function makePlainTable({ superuser, direct }: Stack): Promise<MirroredColumn[]> {
  const sql = connectPostgres(superuser)
  try {
    await sql.unsafe(`
      create schema bench;
      create table bench.contacts (like salesforce.contacts including all);
      insert into bench.contacts select * from salesforce.contacts;
      grant usage on schema bench to ${quoteIdent(direct.user)};
      grant select, insert on bench.contacts to ${quoteIdent(direct.user)}`)
    const columns = await sql<MirroredColumn[]>`
      select column_name as name, data_type as type,
        regexp_replace(col_description('salesforce.contacts'::regclass, ordinal_position),
          ' [(]((read-only|insert only|update only|required)(, )?)+[)]$', '') as field
      from information_schema.columns
      where table_schema = 'salesforce' and table_name = 'contacts' order by ordinal_position`
    return [...columns]
  } finally {
    await sql.end()
  }
}

/** From now on the sandbox answers so much later. */
async function setLatency(sandboxUrl: string, latencyMs: number): Promise<void> {
  const url = `${sandboxUrl}/_mischief`
  const mischief = { platform: 'salesforce', kind: 'latency', times: 1_000_000, latencyMs }
  const answers = [
    await fetch(url, { method: 'DELETE' }),
    ...latencyMs === 0 ? [] : [
      await fetch(url, { method: 'POST', body: JSON.stringify(mischief) }),
    ],
  ]
  for (const answer of answers) {
    const text = await answer.text()
    if (!answer.ok) throw new Error(`The sandbox answered ${answer.status}: ${text}`)
  }
}
