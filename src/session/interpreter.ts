// Room session: what a text means in this session: classification, with Postgres itself asked where only it knows.

import type { SyncedTable } from '../mutation/table.ts'
import { type Classified, classify } from './classify.ts'
import { queryLink } from './conduit.ts'
import { clientEncoding, decoderFor } from './encoding.ts'
import type { Link } from './link.ts'

export interface InterpreterOptions {
  readonly link: Link
  readonly tables: () => ReadonlyMap<string, SyncedTable>
  /** Views over synced tables. */
  readonly views: () => ReadonlyMap<string, SyncedTable>
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: ReadonlySet<string>
}

/** What a statement is once no name in it needs looking up. */
export type Meaning = Extract<Classified, { kind: 'pass' | 'mutation' | 'refuse' }>

/** What a text means; `prepare`: the text of the PREPARE that its EXECUTE refers to. */
export interface Read {
  readonly meaning: Meaning | Extract<Classified, { kind: 'several' }>
  readonly prepare: string | null
  /** The name of a PREPARE that may stand for a mutation. */
  readonly prepares: string | null
}

const pass: Read = { meaning: { kind: 'pass' }, prepare: null, prepares: null }

const resolveSql = `select n.nspname || '.' || c.relname from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = pg_catalog.to_regclass($1)`

const preparedSql = `select statement from pg_catalog.pg_prepared_statements
  where name = $1 and from_sql`

/**
 * Postgres cannot be asked now: the client's transaction or pipeline has failed, or a COPY waits for its data. Waits
 * until the link is quiet.
 */
export async function cannotAsk(link: Link): Promise<boolean> {
  await link.quiet()
  return link.status === 'E' || link.tracker.failed || link.tracker.copying
}

const namesSql = `select name from pg_catalog.pg_prepared_statements where not from_sql`

const longText = 65_536

export class Interpreter {
  readonly #options: InterpreterOptions

  constructor(options: InterpreterOptions) {
    this.#options = options
  }

  /** A text that cannot be read or looked up passes: it is forwarded, and the triggers guard. */
  async read(text: string): Promise<Read> {
    const classified = await this.#classify(text)
    switch (classified.kind) {
      case 'prepare':
        return { ...pass, prepares: classified.name }
      case 'execute':
        return await this.#execute(classified)
      default:
        return { ...pass, meaning: classified }
    }
  }

  async #classify(text: string): Promise<Classified> {
    const { link, prepared, tables, views } = this.#options
    // reading a long text takes milliseconds: others come first, after what it took to decode it
    if (text.length > longText) await new Promise<void>((resolve) => setImmediate(resolve))
    const readable = decoderFor(clientEncoding(link)) !== null
    if (!readable || await cannotAsk(link)) return pass.meaning
    const conforming = link.parameters.get('standard_conforming_strings')
    return await classify(text, {
      standardConformingStrings: conforming === undefined ? undefined : conforming === 'on',
      tables: tables(),
      views: views(),
      prepared,
      resolve: (name) => this.#resolve(name),
    })
  }

  /** What an EXECUTE stands for, as Postgres itself remembers the PREPARE. */
  async #execute({ name, form }: Extract<Classified, { kind: 'execute' }>): Promise<Read> {
    const [row] = await queryLink(this.#options.link, preparedSql, [name])
    const prepare = row?.[0] ?? null
    const found = prepare === null ? null : await this.#classify(prepare)
    if (prepare === null || found?.kind !== 'prepare') return pass
    const { inner } = found
    if (inner.kind === 'refuse') return { ...pass, meaning: inner }
    return inner.kind === 'mutation' ? { ...pass, meaning: { ...inner, form }, prepare } : pass
  }

  /** Names of the statements that the protocol has prepared, as Postgres has them. */
  async preparedNames(): Promise<string[]> {
    const rows = await queryLink(this.#options.link, namesSql)
    return rows.map(([name]) => name ?? '')
  }

  /** The `schema.name` that an unqualified name stands for. */
  async #resolve(name: string): Promise<string | null> {
    const quoted = `"${name.replaceAll('"', '""')}"`
    const rows = await queryLink(this.#options.link, resolveSql, [quoted])
    return rows[0]?.[0] ?? null
  }
}
