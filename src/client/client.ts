// Room client: the HTTP API for programs in TypeScript, on Node, Deno and in browsers. Its types are those of the service's
// own schemas; it imports nothing else.

import type {
  ListQuery,
  MutationEntry,
  MutationList,
  QueryAnswer,
  RecordsAnswer,
} from '../service/v1/schemas.ts'
import { type Call, call, type CallOptions } from './call.ts'

export { NoAnswer, SluiceError } from './error.ts'
export type {
  MutationEntry,
  MutationItem,
  MutationList,
  Problem,
  RowOutcome,
} from '../service/v1/schemas.ts'

export interface ClientOptions extends CallOptions {
  /** The token's sync: `sync_…`. */
  readonly sync: string
  /** A new idempotency key; a random UUID when absent. */
  readonly newKey?: () => string
}

export interface RequestOptions {
  /** The same key and request are carried out once, whoever sends them. */
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

/** A table's rows: column → value. */
export type Row = Record<string, unknown>

/** Rows of the tables by their names; `Record<string, Row>` where nobody has said. */
export type Tables = Record<string, object>

/** Records as the platform has them. */
export type Written<R> = Omit<RecordsAnswer, 'records'> & { readonly records: R[] }

/** What a statement returned. */
export type Result<R> = Omit<QueryAnswer, 'rows'> & { readonly rows: R[] }

/** Requests without a key get one, so that a lost answer is asked for again and nothing is written twice. */
export interface TableClient<R extends object> {
  insert(records: Partial<R> | readonly Partial<R>[], options?: RequestOptions): Promise<Written<R>>
  /** Each has its `id`; every record sets the same columns. */
  update(
    records: (Partial<R> & { id: string }) | readonly (Partial<R> & { id: string })[],
    options?: RequestOptions,
  ): Promise<Written<R>>
  delete(ids: string | readonly string[], options?: RequestOptions): Promise<Written<R>>
}

/** Every method throws SluiceError, NoAnswer, or the signal's reason. */
export interface Client<T extends Tables> {
  table<N extends keyof T & string>(name: N): TableClient<T[N]>
  /** One statement, a read or a mutation. Sent again only where it has a key. */
  query<R extends object = Row>(
    sql: string,
    params?: readonly unknown[],
    options?: RequestOptions,
  ): Promise<Result<R>>
  readonly mutations: {
    /** Newest first; `next` of one page is `cursor` of the next. */
    list(query?: ListQuery): Promise<MutationList>
    read(id: string): Promise<MutationEntry>
  }
}

/**
 * A client of one sync.
 *
 * Numbers that a double cannot hold (a long bigint or numeric) come as text with all their digits, and may be given as
 * text or bigint.
 */
export function createClient<T extends Tables = Record<string, Row>>(
  options: ClientOptions,
): Client<T> {
  const sync = `/v1/syncs/${encodeURIComponent(options.sync)}`
  return {
    table: <N extends keyof T & string>(name: N) => tableClient<T[N]>(options, sync, name),
    query: (sql, params = [], { idempotencyKey, signal } = {}) =>
      call(options, {
        method: 'POST',
        path: `${sync}/query`,
        body: { sql, params },
        signal,
        ...(idempotencyKey === undefined ? {} : { key: idempotencyKey }),
      }),
    mutations: {
      list: (query = {}) => {
        const pairs = Object.entries(query).map(([name, value]) => [name, String(value)])
        return call(options, { method: 'GET', path: `/v1/mutations?${new URLSearchParams(pairs)}` })
      },
      read: (id) =>
        call(options, { method: 'GET', path: `/v1/mutations/${encodeURIComponent(id)}` }),
    },
  }
}

function tableClient<R extends object>(
  options: ClientOptions,
  sync: string,
  name: string,
): TableClient<R> {
  const { newKey = () => crypto.randomUUID() } = options
  const path = `${sync}/tables/${encodeURIComponent(name)}/records`
  const write = (
    method: Call['method'],
    body: unknown,
    { idempotencyKey = newKey(), signal }: RequestOptions = {},
  ): Promise<Written<R>> => call(options, { method, path, body, key: idempotencyKey, signal })
  return {
    insert: (records, more) => write('POST', { records: listed(records) }, more),
    update: (records, more) => write('PATCH', { records: listed(records) }, more),
    delete: (ids, more) => write('DELETE', { ids: listed(ids) }, more),
  }
}

function listed<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? one as readonly T[] : [one as T]
}
