// Room session: what a text means in this session: classification, with Postgres itself asked where only it knows.

import { quoteIdent } from '../lib/quote.ts'
import { fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { decodeUtf8 } from '../wire/text.ts'
import { type Classified, classify } from './classify.ts'
import { queryLink } from './conduit.ts'
import { clientEncoding, decoderFor } from './encoding.ts'
import type { Link } from './link.ts'
import type { SessionState } from './state.ts'

export interface InterpreterOptions {
  readonly link: Link
  readonly tables: () => ReadonlyMap<string, SyncedTable>
  /** Views over synced tables. */
  readonly views: () => ReadonlyMap<string, SyncedTable>
  readonly state: Pick<SessionState, 'prepared' | 'statements'>
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

const preparedSql = `select statement, from_sql::text,
    pg_catalog.array_to_string(parameter_types, ', ')
  from pg_catalog.pg_prepared_statements where name = $1`

/** A text of which no more is known than that it seems to be a mutation. */
function unreadable(encoding: string): Classified {
  const refusal = fault('form_not_supported', {
    message: `a mutation in client_encoding ${encoding} is not supported`,
    detail: 'Its text cannot be read. Nothing was sent.',
    hint: 'Set client_encoding to UTF8.',
  })
  return { kind: 'refuse', fault: refusal }
}

/** The PREPARE that would have done what a Parse did. */
function prepareSql(
  { name, types, text }: { name: string; types: string; text: string },
): string {
  return `prepare ${quoteIdent(name)} ${types === '' ? '' : `(${types}) `}as ${text}`
}

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

  /** Would the text write to a synced table that it names with its schema? Postgres is not asked. */
  async mutates(text: string): Promise<boolean> {
    return (await this.#classifyAlone(text)).kind !== 'pass'
  }

  async #classify(text: string): Promise<Classified> {
    const { link } = this.#options
    // reading a long text takes milliseconds: others come first, after what it took to decode it
    if (text.length > longText) await new Promise<void>((resolve) => setImmediate(resolve))
    if (!await cannotAsk(link)) {
      return await this.#classifyWith(text, (name) => this.#resolve(name))
    }
    if (link.status !== 'E' || link.tracker.tail > 0 || link.tracker.copying) return pass.meaning
    // of several statements the first may end the block that has failed
    const alone = await this.#classifyAlone(text)
    return alone.kind === 'several' ? alone : pass.meaning
  }

  async #classifyAlone(text: string): Promise<Classified> {
    return await this.#classifyWith(text, () => Promise.resolve(null))
  }

  async #classifyWith(
    text: string,
    resolve: (name: string) => Promise<string | null>,
  ): Promise<Classified> {
    const { link, tables, views } = this.#options
    const encoding = clientEncoding(link)
    const conforming = link.parameters.get('standard_conforming_strings')
    const found = await classify(text, {
      standardConformingStrings: conforming === undefined ? undefined : conforming === 'on',
      tables: tables(),
      views: views(),
      prepared: this.#prepared(text),
      resolve,
    })
    return found.kind === 'pass' || decoderFor(encoding) !== null ? found : unreadable(encoding)
  }

  /** Names of prepared statements that EXECUTE in this text may stand for. */
  #prepared(text: string): ReadonlySet<string> {
    const { link, state: { prepared, statements } } = this.#options
    if (statements.size === 0 || !/execute/i.test(text)) return prepared
    const decode = decoderFor(clientEncoding(link)) ?? decodeUtf8
    const names = Array.from(statements.values(), ({ name }) => decode(name))
    return new Set([...prepared, ...names])
  }

  /** What an EXECUTE stands for, as Postgres itself remembers the PREPARE or the Parse. */
  async #execute({ name, form }: Extract<Classified, { kind: 'execute' }>): Promise<Read> {
    const [row] = await queryLink(this.#options.link, preparedSql, [name])
    const text = row?.[0] ?? null
    if (text === null) return pass
    const found = await this.#classify(text)
    const bySql = row?.[1] === 'true'
    const inner = found.kind === 'prepare' && bySql ? found.inner : found
    if (inner.kind === 'refuse') return { ...pass, meaning: inner }
    if (inner.kind !== 'mutation' || inner.form.kind !== 'plain') return pass
    const prepare = bySql ? text : prepareSql({ name, types: row?.[2] ?? '', text })
    return { ...pass, meaning: { ...inner, form }, prepare }
  }

  /** Names of the statements that the protocol has prepared, as Postgres has them. */
  async preparedNames(): Promise<string[]> {
    const rows = await queryLink(this.#options.link, namesSql)
    return rows.map(([name]) => name ?? '')
  }

  /** The `schema.name` that an unqualified name stands for. */
  async #resolve(name: string): Promise<string | null> {
    const rows = await queryLink(this.#options.link, resolveSql, [quoteIdent(name)])
    return rows[0]?.[0] ?? null
  }
}
