// Room store: idempotency keys. A key is committed before its statement runs, with the id that its mutation will have, so
// that whatever becomes of the process, the journal tells whether anything was sent under it.

import { presenceClass } from './presence.ts'
import type { Sql, Store } from './store.ts'
import { createUnheard } from './unheard.ts'

/** What was answered. */
export interface KeptAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** A request under its key. */
export interface KeyedRequest {
  readonly syncId: string
  readonly key: string
  readonly hash: Uint8Array
}

/** What became of taking a key. */
export type KeyTaken =
  /** It is this request's now: run it under that mutation id. */
  | { readonly kind: 'begun'; readonly mutationId: string }
  /** It was this request's before, in a process that is gone or has given up: find out under its mutation id. */
  | { readonly kind: 'left'; readonly mutationId: string }
  | { readonly kind: 'answered'; readonly answer: KeptAnswer }
  | { readonly kind: 'running' }
  | { readonly kind: 'reused' }

export interface IdempotencyKeys {
  /**
   * Takes the key for a request, committed. `mutationId`: a new one. What is begun or left is this process's until `done`.
   * Throws `service_unreachable`.
   */
  take(request: KeyedRequest, options: { mutationId: string }): Promise<KeyTaken>
  /** Keeps the answer, committed. Throws `service_unreachable`. */
  answer(request: KeyedRequest, options: { mutationId: string } & KeptAnswer): Promise<void>
  /** Gives the key back: nothing was sent. Throws `service_unreachable`. */
  release(request: KeyedRequest, options: { mutationId: string }): Promise<void>
  /** Lets the next request take it over, in whatever process. Throws `service_unreachable`. */
  leave(request: KeyedRequest, options: { mutationId: string }): Promise<void>
  /** This process is at work on it no more; where it has no answer the next request takes it over. */
  done(mutationId: string): void
  /**
   * Forgets keys that are older than `keysKeptHours`, a bounded number of them, and gives those back whose taking was not
   * heard of. Gives how many. Throws `service_unreachable`.
   */
  sweep(): Promise<number>
}

/** How long a key is kept. */
export const keysKeptHours = 24

/** A request takes minutes at most: one that has been under way for longer will not be answered any more. */
const runningMinutes = 15

const sweptMax = 5_000

/** The number of no process. */
const nobody = 0

interface Row {
  readonly request_hash: Uint8Array
  readonly mutation_id: string
  readonly status: number | null
  readonly content_type: string | null
  readonly body: string | null
}

/** The keys as the service process of this number takes them. */
export function createIdempotencyKeys(
  store: Store,
  { service }: { service: number },
): IdempotencyKeys {
  /** Requests that this process is at work on, by their mutation ids. */
  const active = new Set<string>()
  const unheard = createUnheard()
  /** Runs `work` with the id among them, where it stays if that gives true. */
  const claim = async (id: string, work: () => Promise<boolean>): Promise<boolean> => {
    active.add(id)
    let stays = false
    try {
      return stays = await work()
    } finally {
      if (!stays) active.delete(id)
    }
  }
  const known = async (request: KeyedRequest): Promise<KeyTaken> => {
    const row = await store.ask('Reading the idempotency key', (sql) => find(sql, request))
    if (row === undefined) return { kind: 'running' } // given back just now
    if (!Buffer.from(row.request_hash).equals(request.hash)) return { kind: 'reused' }
    const { status, content_type: contentType, body, mutation_id: mutationId } = row
    if (status !== null && contentType !== null && body !== null) {
      return { kind: 'answered', answer: { status, contentType, body } }
    }
    if (active.has(mutationId)) return { kind: 'running' }
    const ask = () =>
      store.ask(
        'Taking over the idempotency key',
        (sql) => takeOver(sql, request, { service, mutationId }),
      )
    if (!await claim(mutationId, ask)) return { kind: 'running' }
    return { kind: unheard.delete(mutationId) ? 'begun' : 'left', mutationId }
  }
  const release: IdempotencyKeys['release'] = async (request, { mutationId }) => {
    const mine = { service, mutationId }
    await store.ask('Giving back the idempotency key', (sql) => remove(sql, request, mine))
  }
  return {
    take: async (request, { mutationId }) => {
      const ask = () =>
        store.ask(
          'Taking the idempotency key',
          (sql) => insert(sql, request, { service, mutationId }),
        )
      const begun = await claim(mutationId, ask).catch((error: unknown) => {
        unheard.add(mutationId, request)
        throw error
      })
      return begun ? { kind: 'begun', mutationId } : await known(request)
    },
    done: (mutationId) => void active.delete(mutationId),
    answer: async (request, { mutationId, ...answer }) => {
      const mine = { service, mutationId }
      await store.ask('Keeping the answer', (sql) => keep(sql, request, { ...mine, answer }))
    },
    release,
    leave: async (request, { mutationId }) => {
      const mine = { service, mutationId }
      await store.ask('Leaving the idempotency key', (sql) => leave(sql, request, mine))
    },
    sweep: async () => {
      for (const [mutationId, request] of unheard.due()) {
        if (active.has(mutationId)) continue // a request has found it just now
        await claim(mutationId, () => release(request, { mutationId }).then(() => false))
      }
      return await store.ask('Sweeping the idempotency keys', (sql) => sweep(sql))
    },
  }
}

async function insert(
  sql: Sql,
  { syncId, key, hash }: KeyedRequest,
  { service, mutationId }: Mine,
): Promise<boolean> {
  const written = await sql`
    insert into sluice_store.idempotency_keys as k (sync_id, key, request_hash, mutation_id, service)
    values (${syncId}, ${key}, ${hash}, ${mutationId}, ${service})
    on conflict (sync_id, key) do update
      set request_hash = excluded.request_hash, mutation_id = excluded.mutation_id,
        service = excluded.service, begun_at = now(), answered_at = null, status = null,
        content_type = null, body = null
      where k.begun_at < now() - make_interval(hours => ${keysKeptHours})`
  return written.count > 0
}

async function find(sql: Sql, { syncId, key }: KeyedRequest): Promise<Row | undefined> {
  const [row] = await sql<Row[]>`
    select request_hash, mutation_id, status, content_type, body
    from sluice_store.idempotency_keys where sync_id = ${syncId} and key = ${key}`
  return row
}

/** The number of the process that has it, and the mutation id that it has it for. */
interface Mine {
  readonly service: number
  readonly mutationId: string
}

async function keep(
  sql: Sql,
  { syncId, key }: KeyedRequest,
  { service, mutationId, answer }: Mine & { answer: KeptAnswer },
): Promise<void> {
  const { status, contentType, body } = answer
  await sql`
    update sluice_store.idempotency_keys
    set answered_at = now(), status = ${status}, content_type = ${contentType}, body = ${body}
    where sync_id = ${syncId} and key = ${key} and mutation_id = ${mutationId}
      and service = ${service} and answered_at is null`
}

async function remove(
  sql: Sql,
  { syncId, key }: KeyedRequest,
  { service, mutationId }: Mine,
): Promise<void> {
  await sql`
    delete from sluice_store.idempotency_keys
    where sync_id = ${syncId} and key = ${key} and mutation_id = ${mutationId}
      and service = ${service} and answered_at is null`
}

async function leave(
  sql: Sql,
  { syncId, key }: KeyedRequest,
  { service, mutationId }: Mine,
): Promise<void> {
  await sql`
    update sluice_store.idempotency_keys set service = ${nobody}
    where sync_id = ${syncId} and key = ${key} and mutation_id = ${mutationId}
      and service = ${service} and answered_at is null`
}

/** Of those who find a request left by a process that is gone, or by this one, one takes it over. */
async function takeOver(
  sql: Sql,
  { syncId, key }: KeyedRequest,
  { service, mutationId }: Mine,
): Promise<boolean> {
  const changed = await sql`
    update sluice_store.idempotency_keys k set service = ${service}, begun_at = now()
    where sync_id = ${syncId} and key = ${key} and mutation_id = ${mutationId}
      and answered_at is null
      and (service = ${service}
        or begun_at < now() - make_interval(mins => ${runningMinutes}) or not exists (
        select from pg_locks where locktype = 'advisory' and granted
          and database = (select oid from pg_database where datname = current_database())
          and classid = ${presenceClass} and objid = k.service))`
  return changed.count > 0
}

async function sweep(sql: Sql): Promise<number> {
  const deleted = await sql`
    delete from sluice_store.idempotency_keys where (sync_id, key) in (
      select sync_id, key from sluice_store.idempotency_keys
      where begun_at < now() - make_interval(hours => ${keysKeptHours})
      order by begun_at limit ${sweptMax})`
  return deleted.count
}
