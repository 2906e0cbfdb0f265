// Clients of a run: node-postgres, each with rows of its own, doing one statement after the other: inserts, updates,
// deletes, reads of what they know, transactions, and statements that the platform refuses.

import pg from 'pg'
import { withDeadline } from '../../src/lib/deadline.ts'
import {
  deleteOf,
  insertOf,
  markOf,
  type Statement,
  type Subject,
  updateOf,
  upsertOf,
} from '../help/subjects.ts'
import { type Entry, isVague, type Operation, type Part, type Told, truthOf } from './log.ts'
import { pause } from './processes.ts'
import type { Random } from './random.ts'

export interface ClientOptions {
  readonly subject: Subject
  /** Letters and digits without y and z; no two clients have the same. */
  readonly name: string
  readonly random: Random
  /** Connection URL of one of the listeners. */
  readonly url: string
  /** Longest pause between statements, in milliseconds. */
  readonly thinkMs: number
  /** statement_timeout of a connection: one of these, in milliseconds. */
  readonly timeoutsMs: readonly number[]
  readonly log: ClientLog
  readonly since: number
}

/** What all clients write to. */
export interface ClientLog {
  readonly entries: Entry[]
  /** What no client may ever see. */
  readonly violations: string[]
  /** How often a client met what: `57P01`, `connection ended`. */
  readonly met: Map<string, number>
  /** The same one by one, in milliseconds since 1970. */
  readonly metAt: { readonly what: string; readonly at: number }[]
  reads: number
}

export function createClientLog(): ClientLog {
  return { entries: [], violations: [], met: new Map(), metAt: [], reads: 0 }
}

/** Longer than every wait of the system, also where the machine stands still now and then. */
const hungMs = 90_000
const connectWaitMs = 60_000
const connectAgainMs = 50
const rowsKept = 40
/** So many inserts are upserts, of records that are new. */
const upsertShare = 0.3
const rowsMax = 3

/** A row that this client made. `mark` null: it does not know which it bears. */
interface Row {
  readonly id: string
  readonly mark: string | null
}

/** What is asked of a connection after its last words is heard by nobody. */
const unheard: Told = { kind: 'error', code: '57P01', message: 'asked after the last words' }

/** How often a client goes on with a row of which it was not told what became of its update. */
const onwardShare = 0.5

/** Runs statements until `until` is aborted; the one under way is finished. */
export async function runClient(options: ClientOptions, until: AbortSignal): Promise<void> {
  await new Client(options, until).run()
}

class Client {
  readonly #options: ClientOptions
  readonly #until: AbortSignal
  #rows: Row[] = []
  #count = 0
  #connection: pg.Client | null = null
  /** The connection was told that it ends: that it does then is no news. */
  #dismissed = false

  constructor(options: ClientOptions, until: AbortSignal) {
    this.#options = options
    this.#until = until
  }

  async run(): Promise<void> {
    const { random, thinkMs } = this.#options
    while (!this.#until.aborted) {
      const client = this.#connection ?? await this.#connect()
      if (client === null) continue
      await this.#act(client)
      await pause(random.within(0, thinkMs))
    }
    await this.#connection?.end().catch(() => {})
  }

  async #connect(): Promise<pg.Client | null> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      connectionTimeoutMillis: connectWaitMs,
    })
    this.#dismissed = false
    client.on('error', (error) => this.#met(error)).on('end', () => {
      if (this.#connection === client) this.#connection = null
    })
    try {
      await client.connect()
      const timeoutMs = this.#options.random.pick(this.#options.timeoutsMs)
      await client.query(`set statement_timeout = ${timeoutMs}`)
      this.#connection = client
      return client
    } catch (error) {
      this.#met(error)
      await client.end().catch(() => {})
      await pause(connectAgainMs)
      return null
    }
  }

  /** Counts what was met, and says what must not be. */
  #met(error: unknown): void {
    const { met, metAt, violations } = this.#options.log
    const known = error instanceof pg.DatabaseError
    if (!known && this.#dismissed) return
    if (known && error.severity === 'FATAL') this.#dismissed = true
    const what = known ? error.code ?? '' : 'connection ended'
    met.set(what, (met.get(what) ?? 0) + 1)
    metAt.push({ what, at: Date.now() })
    if (known && isVague({ code: error.code ?? '', message: error.message })) {
      violations.push(`vague: ${error.code} "${error.message}"`)
    }
    if (!known && /timeout|expired/i.test(String(error))) violations.push(`hung: ${String(error)}`)
  }

  async #act(client: pg.Client): Promise<void> {
    const { random } = this.#options
    const kind = random.weighed(
      [
        ['insert', this.#rows.length < rowsKept ? 5 : 1],
        ['update', this.#rows.length > 0 ? 6 : 0],
        ['delete', this.#rows.length > rowsMax ? 3 : 0],
        ['read', 4],
        ['block', 3],
        ['refused', 1],
      ] as const,
    )
    switch (kind) {
      case 'insert':
      case 'update':
      case 'delete':
        return void await this.#mutate(client, kind)
      case 'read':
        return await this.#read(client)
      case 'block':
        return await this.#block(client)
      case 'refused':
        return await this.#refused(client)
    }
  }

  /** One mutation. Rows of which nobody knows whether they are there are left alone from then on. */
  async #mutate(
    client: pg.Client,
    operation: Operation,
    { refused = false }: { refused?: boolean } = {},
  ): Promise<Told> {
    const { subject, name, random, log, since } = this.#options
    const statementName = `${name}n${++this.#count}`
    const mine = operation === 'insert' ? [] : this.#take(random.within(1, rowsMax))
    const made = random.within(1, Math.min(rowsMax, subject.insertMax))
    const upserts = !refused && subject.upsert !== undefined && random.next() < upsertShare
    const written = { operation, name: statementName, mine, made, refused, upserts }
    const { statement, parts } = write(subject, written)
    const at = Date.now() - since
    const entry: Entry = {
      name: statementName,
      platform: subject.platform,
      operation,
      parts,
      at,
      told: { kind: 'lost' },
      tookMs: 0,
    }
    log.entries.push(entry)
    const { told, rows } = await this.#ask(client, statement)
    entry.told = told
    entry.tookMs = Date.now() - since - at
    this.#learn(entry, { mine, rows })
    return told
  }

  /** A value that the platform does not take: an error of its kind, unless something else comes first. */
  async #refused(client: pg.Client): Promise<void> {
    const { violations } = this.#options.log
    const told = await this.#mutate(client, 'insert', { refused: true })
    if (told.kind === 'done') {
      violations.push('told that a value is written that the platform refuses')
    }
  }

  #take(count: number): Row[] {
    const { random } = this.#options
    const taken: Row[] = []
    for (let left = count; left > 0 && this.#rows.length > 0; left--) {
      taken.push(...this.#rows.splice(random.within(0, this.#rows.length - 1), 1))
    }
    return taken
  }

  #learn(entry: Entry, { mine, rows }: { mine: readonly Row[]; rows: readonly Row[] }): void {
    const { log } = this.#options
    const what = `${entry.platform} ${entry.operation} ${entry.name}`
    switch (truthOf(entry.told)) {
      case 'not done':
        this.#rows.push(...mine)
        return
      case 'perhaps':
        if (entry.operation === 'update' && this.#options.random.next() < onwardShare) {
          this.#rows.push(...mine.map(({ id }) => ({ id, mark: null })))
        }
        return
      case 'done':
        break
    }
    if (entry.told.kind !== 'done') return
    if (rows.length !== entry.parts.length) {
      log.violations.push(`${what}: ${rows.length} rows came back of ${entry.parts.length}`)
    }
    for (const part of entry.parts) {
      const row = rows.find(({ id, mark }) =>
        part.id === null ? mark === part.mark : id === part.id
      )
      if (row === undefined) {
        log.violations.push(`${what}: ${part.mark ?? part.id} did not come back`)
      } else if (entry.operation === 'delete') continue
      else if (row.mark !== part.mark) {
        log.violations.push(`${what}: ${row.mark ?? 'null'} came back`)
      } else this.#rows.push(row)
      part.id ??= row?.id ?? null
    }
  }

  /** What this client has written is what it reads, by whatever listener. */
  async #read(client: pg.Client): Promise<void> {
    const { subject: { platform, table, column }, log } = this.#options
    const text = `select id::text, ${column} as mark from ${platform}.${table} where id = any($1)`
    const known = [...this.#rows]
    const { told, rows } = await this.#ask(client, {
      text,
      values: [known.map(({ id }) => id)],
    })
    if (told.kind !== 'done') return
    log.reads += 1
    const found = new Map(rows.map(({ id, mark }) => [id, mark]))
    for (const { id, mark } of known) {
      if (mark === null || found.get(id) === mark) continue
      log.violations.push(`${platform} ${id} was written as ${mark}, and read as ${found.get(id)}`)
    }
  }

  /** A mutation escapes its transaction; what else was done in it does not. */
  async #block(client: pg.Client): Promise<void> {
    const { random, log } = this.#options
    const note = `${this.#options.name}b${++this.#count}`
    const steps = [
      'begin',
      `insert into public.local_notes values ('chaos', '${note}')`,
    ]
    for (const text of steps) {
      const { told } = await this.#ask(client, { text, values: [] })
      if (told.kind !== 'done') return
    }
    const operation = this.#rows.length > 0 && random.next() < 0.5 ? 'update' : 'insert'
    const told = await this.#mutate(client, operation)
    const end = told.kind === 'done' && random.next() < 0.5 ? 'commit' : 'rollback'
    const { told: ended } = await this.#ask(client, { text: end, values: [] })
    if (ended.kind !== 'done') return
    const looked = await this.#ask(client, {
      text: `select body as id, '' as mark from public.local_notes where body = $1`,
      values: [note],
    })
    if (looked.told.kind !== 'done') return
    const wanted = end === 'commit' ? 1 : 0
    if (looked.rows.length !== wanted) {
      log.violations.push(`after ${end} there are ${looked.rows.length} of its local notes`)
    }
  }

  async #ask(client: pg.Client, statement: Statement): Promise<{ told: Told; rows: Row[] }> {
    const work = client.query<{ id: unknown; mark: string }>(statement).then(
      ({ rows }): { told: Told; rows: Row[] } => ({
        told: { kind: 'done' },
        rows: rows.map(({ id, mark }) => ({ id: String(id), mark })),
      }),
      (error: unknown): { told: Told; rows: Row[] } => {
        this.#met(error)
        if (!(error instanceof pg.DatabaseError)) {
          return { told: this.#dismissed ? unheard : { kind: 'lost' }, rows: [] }
        }
        const { code = '', message } = error
        return { told: { kind: 'error', code, message }, rows: [] }
      },
    )
    return await withDeadline(work, { waitMs: hungMs, what: 'A statement' }).catch(() => {
      this.#options.log.violations.push(`hung: no answer in ${hungMs} ms to ${statement.text}`)
      this.#connection = null
      void client.end().catch(() => {})
      return { told: { kind: 'hung' }, rows: [] }
    })
  }
}

function write(
  subject: Subject,
  { operation, name, mine, made, refused, upserts }: {
    operation: Operation
    name: string
    mine: readonly Row[]
    made: number
    refused: boolean
    upserts: boolean
  },
): { statement: Statement; parts: Part[] } {
  const ids = mine.map(({ id }) => id)
  switch (operation) {
    case 'insert':
      return {
        statement: upserts
          ? upsertOf(subject, { name, keys: `${name}k`, rows: made })
          : insertOf(subject, { name, rows: made, refused }),
        parts: Array.from({ length: made }, (_, row) => ({ id: null, mark: markOf(name, row) })),
      }
    case 'update':
      return {
        statement: updateOf(subject, { name, ids }),
        parts: ids.map((id) => ({ id, mark: markOf(name, id) })),
      }
    case 'delete':
      return { statement: deleteOf(subject, { ids }), parts: ids.map((id) => ({ id, mark: null })) }
  }
}
