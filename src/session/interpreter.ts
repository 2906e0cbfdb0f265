// Room session: what a text means in this session: classification, with Postgres itself asked where only it knows.

import type { SyncedTable } from '../mutation/table.ts'
import { type Classified, classify } from './classify.ts'
import { queryLink } from './conduit.ts'
import { clientEncoding, decoderFor } from './encoding.ts'
import type { Link } from './link.ts'

export interface InterpreterOptions {
  readonly link: Link
  readonly tables: () => ReadonlyMap<string, SyncedTable>
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: ReadonlySet<string>
}

/** What a statement is once no name in it needs looking up. */
export type Meaning = Exclude<Classified, { kind: 'prepare' | 'execute' }>

const pass: { mutation: Meaning; prepare: null } = { mutation: { kind: 'pass' }, prepare: null }

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

export class Interpreter {
  readonly #options: InterpreterOptions

  constructor(options: InterpreterOptions) {
    this.#options = options
  }

  /** Null where the text cannot be read or looked up: it is forwarded, and the triggers guard. */
  async classify(text: string): Promise<Classified | null> {
    const { link, prepared, tables } = this.#options
    const readable = decoderFor(clientEncoding(link)) !== null
    if (!readable || await cannotAsk(link)) return null
    const conforming = link.parameters.get('standard_conforming_strings')
    return await classify(text, {
      standardConformingStrings: conforming === undefined ? undefined : conforming === 'on',
      tables: tables(),
      prepared,
      resolve: (name) => this.#resolve(name),
    })
  }

  /** What an EXECUTE stands for, as Postgres itself remembers the PREPARE; `prepare` is that one's text. */
  async meaning(classified: Classified): Promise<{ mutation: Meaning; prepare: string | null }> {
    if (classified.kind === 'prepare') return pass
    if (classified.kind !== 'execute') return { mutation: classified, prepare: null }
    const [row] = await queryLink(this.#options.link, preparedSql, [classified.name])
    const text = row?.[0] ?? null
    const inner = text === null ? null : await this.classify(text)
    if (inner?.kind !== 'prepare') return pass
    const mutation = inner.inner
    if (mutation.kind === 'prepare' || mutation.kind === 'execute') return pass
    return { mutation, prepare: text }
  }

  /** The `schema.name` that an unqualified name stands for. */
  async #resolve(name: string): Promise<string | null> {
    const quoted = `"${name.replaceAll('"', '""')}"`
    const rows = await queryLink(this.#options.link, resolveSql, [quoted])
    return rows[0]?.[0] ?? null
  }
}
