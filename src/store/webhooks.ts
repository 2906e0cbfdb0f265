// Room store: the webhook of each sync at its platform: what its deliveries are signed with, sealed, and when somebody has
// to look after it. One process at a time does, for as long as its lease is; a ping counts until what it stands for was
// fetched, whoever dies meanwhile, and what somebody else has saved is never written over.

import { fault } from '../mutation/fault.ts'
import { open, type Place, seal } from './seal.ts'
import type { Store } from './store.ts'

/** As an adapter keeps it; see Registration in platforms/platform.ts. */
export interface KeptRegistration {
  readonly secret: string
  readonly state: Readonly<Record<string, unknown>>
  readonly renewAt: number | null
}

/** The webhook of a sync. */
export interface Webhook {
  readonly syncId: string
  /** Null: it could not be made yet. */
  readonly registration: KeptRegistration | null
  /** What the one that is being made is signed with: it may be called before it is known to be made. Null: not known. */
  readonly promised: string | null
  /** The address that the platform was given; null: somebody has pasted the secret, and the address is theirs. */
  readonly url: string | null
  /** When a delivery was last taken; milliseconds since 1970. */
  readonly heardAt: number | null
  /** What went wrong when it was last made or renewed, in words. */
  readonly failure: string | null
  readonly tries: number
  /** A ping has come, and what it stands for was not fetched yet. */
  readonly collect: boolean
  /** It is to be renewed, by the store's clock. */
  readonly due: boolean
  /** Another one whenever a registration was saved. */
  readonly version: string
  /** How many pings have come. */
  readonly pings: string
}

/** A webhook that this process looks after. */
export interface ClaimedWebhook extends Webhook {
  readonly connectionId: string
}

/** A sync whose webhook is to be made. */
export interface Unheard {
  readonly syncId: string
  readonly connectionId: string
  /** How often that has failed. */
  readonly tries: number
}

interface Row extends Omit<Webhook, 'registration' | 'promised'> {
  readonly isPromised: boolean
  readonly bytes: Uint8Array | null
  readonly keyId: string | null
}

const place = (id: string): Place => ({ table: 'webhooks', row: id, column: 'registration' })

/** In place of the objects that it was made for: it is yet to be made. No object is called so. */
const yetToBeMade = '?'

/**
 * Keeps the registration. `url`: the address that the platform has; `objects`: those that it was made for, kept as they
 * were when absent; `before`: as the webhook was read (null: there was none), when it is to be kept only where nobody has
 * saved another one since. False: somebody has. Throws `service_unreachable`.
 */
export async function saveWebhook(
  store: Store,
  { syncId, url, registration, objects, before }: {
    syncId: string
    url: string | null
    registration: KeptRegistration
    objects?: readonly string[]
    before?: Pick<Webhook, 'version'> | null
  },
): Promise<boolean> {
  const made = objects === undefined ? null : [...objects].sort().join(',')
  const { bytes, keyId } = seal(store.keyring, place(syncId), JSON.stringify(registration))
  const { renewAt } = registration
  const rows = await store.ask('Saving the webhook', (sql) =>
    sql`
      insert into sluice_store.webhooks as w
        (id, version, registration, key_id, url, objects, renew_at, due_at)
      values (${syncId}, ${firstVersion(sql)}, ${bytes}, ${keyId}, ${url}, ${made},
        to_timestamp(${renewAt === null ? null : renewAt / 1000}::float8),
        coalesce(to_timestamp(${renewAt === null ? null : renewAt / 1000}::float8), 'infinity'))
      on conflict (id) do update set registration = excluded.registration,
        key_id = excluded.key_id, url = excluded.url, renew_at = excluded.renew_at,
        objects = coalesce(excluded.objects, w.objects), version = w.version + 1,
        due_at = case when w.pings > w.fetched then now() else excluded.due_at end,
        leased_until = null, failure = null, tries = 0, updated_at = now()
      where ${before === undefined} or w.version = ${before?.version ?? null}::text::bigint
      returning id`)
  return rows.length > 0
}

/**
 * Keeps the registration as it is by now, where nobody else has saved one since `webhook` was read; null: somebody has,
 * or the webhook is no more, and nothing was kept. `leaseMs`: there is more to do, and the webhook stays claimed for so
 * long; null: it is done. `made`: it was made anew, for this address and these objects; else the pings that it was claimed
 * with are fetched when it is done.  * Throws `service_unreachable`.
 */
export async function keepWebhook(
  store: Store,
  webhook: Webhook,
  { registration, leaseMs, made }: {
    registration: KeptRegistration
    leaseMs: number | null
    made?: { readonly url: string; readonly objects: readonly string[] }
  },
): Promise<Webhook | null> {
  const { syncId, version, pings } = webhook
  const { bytes, keyId } = seal(store.keyring, place(syncId), JSON.stringify(registration))
  const renewAt = registration.renewAt === null ? null : registration.renewAt / 1000
  const objects = made === undefined ? null : [...made.objects].sort().join(',')
  const fetched = leaseMs === null && made === undefined ? pings : '0'
  const [row] = await store.ask('Keeping the webhook', (sql) =>
    sql<Row[]>`
      update sluice_store.webhooks as w
      set registration = ${bytes}, key_id = ${keyId}, version = w.version + 1,
        url = coalesce(${made?.url ?? null}::text, w.url),
        objects = coalesce(${objects}::text, w.objects),
        renew_at = to_timestamp(${renewAt}::float8),
        fetched = greatest(w.fetched, ${fetched}::text::bigint),
        due_at = case when ${leaseMs !== null} then w.due_at
          when w.pings > greatest(w.fetched, ${fetched}::text::bigint) then now()
          else coalesce(to_timestamp(${renewAt}::float8), 'infinity') end,
        leased_until = now() + ${leaseMs}::float8 * interval '1 millisecond',
        failure = null, tries = 0, updated_at = now()
      where id = ${syncId} and version = ${version}::text::bigint
      returning ${told(sql)}`)
  return row === undefined ? null : openRow(store, row)
}

/**
 * Keeps the secret that a webhook is about to be made with at `url`, where there was none and nobody else has saved one since
 * `webhook` was read; null: somebody has. It counts as not made until `keepWebhook`, and stays claimed. Throws
 * `service_unreachable`.
 */
export async function promiseWebhook(
  store: Store,
  { syncId, version }: Pick<Webhook, 'syncId' | 'version'>,
  { secret, url }: { secret: string; url: string },
): Promise<Webhook | null> {
  const registration: KeptRegistration = { secret, state: {}, renewAt: null }
  const { bytes, keyId } = seal(store.keyring, place(syncId), JSON.stringify(registration))
  const [row] = await store.ask('Keeping the secret of a webhook', (sql) =>
    sql<Row[]>`
      update sluice_store.webhooks as w
      set registration = ${bytes}, key_id = ${keyId}, url = ${url}, objects = ${yetToBeMade},
        version = w.version + 1, updated_at = now()
      where id = ${syncId} and version = ${version}::text::bigint and registration is null
      returning ${told(sql)}`)
  return row === undefined ? null : openRow(store, row)
}

/**
 * Keeps the secret of a webhook that somebody has set up at the platform by hand, for the address
 * `<SLUICE_PUBLIC_URL>/webhooks/<platform>/<sync>`; `before` as in `saveWebhook`. Throws `bad_request` when it is empty,
 * `not_found`, `service_unreachable`.
 */
export async function saveWebhookSecret(
  store: Store,
  { syncId, secret, ...rest }: {
    syncId: string
    secret: string
    before?: Pick<Webhook, 'version'> | null
  },
): Promise<boolean> {
  if (secret.trim() === '') throw fault('bad_request', { message: 'the secret is empty' })
  const found = await store.ask(
    'Looking for the sync',
    (sql) => sql`select from sluice_store.syncs where id = ${syncId}`,
  )
  if (found.length === 0) throw fault('not_found', { message: `sync "${syncId}" not found` })
  const registration = { secret: secret.trim(), state: {}, renewAt: null }
  return await saveWebhook(store, { syncId, url: null, registration, ...rest })
}

/** Notes that it could not be made or renewed, and when to try again; of a sync that is no more nothing. Throws `service_unreachable`. */
export async function noteWebhookFailure(
  store: Store,
  { syncId, failure, inMs }: { syncId: string; failure: string; inMs: number },
): Promise<void> {
  await store.ask('Noting what became of a webhook', (sql) =>
    sql`
      insert into sluice_store.webhooks as w (id, version, failure, tries, due_at)
      select id, ${firstVersion(sql)}, ${failure}, 1, now() + ${inMs} * interval '1 millisecond'
      from sluice_store.syncs where id = ${syncId}
      on conflict (id) do update
        set failure = excluded.failure, tries = w.tries + 1, due_at = excluded.due_at,
          leased_until = null`)
}

/**
 * Forgets the webhook; with a `version` only where nobody has saved another registration since. False: there is none, or
 * somebody has. Throws `service_unreachable`.
 */
export async function dropWebhook(
  store: Store,
  syncId: string,
  { version = null }: { version?: string | null } = {},
): Promise<boolean> {
  const rows = await store.ask('Forgetting the webhook', (sql) =>
    sql`
      delete from sluice_store.webhooks where id = ${syncId}
        and (${version}::text is null or version = ${version}::text::bigint)
      returning id`)
  return rows.length > 0
}

/** The webhook of the sync; null: there is none. Throws `service_unreachable`, SealError. */
export async function readWebhook(store: Store, syncId: string): Promise<Webhook | null> {
  const [row] = await store.ask(
    'Reading the webhook',
    (sql) => sql<Row[]>`select ${told(sql)} from sluice_store.webhooks w where w.id = ${syncId}`,
  )
  return row === undefined ? null : openRow(store, row)
}

/**
 * Where platforms reach the service, without a slash at the end, as the webhook says that was made last; null: none was
 * made. Throws `service_unreachable`.
 */
export async function readWebhookBase(store: Store): Promise<string | null> {
  const [row] = await store.ask('Reading where webhooks come to', (sql) =>
    sql<{ base: string }[]>`
      select left(w.url, -length(path)) as base
      from sluice_store.webhooks w
        join sluice_store.syncs s on s.id = w.id
        join sluice_store.connections c on c.id = s.connection_id,
        lateral (select '/webhooks/' || c.platform || '/' || s.id as path) p
      where w.registration is not null and right(w.url, length(path)) = path
      order by w.updated_at desc limit 1`)
  return row?.base ?? null
}

/**
 * Claims the webhook that somebody has to look after, for so long: one to be renewed, or one that pings have come for.
 * `except`: connections whose webhooks are left. It stays due until it is kept, or its failure noted: so when the process
 * dies another one does it. Null: there is none. Throws `service_unreachable`.
 */
export async function claimWebhook(
  store: Store,
  { leaseMs, except = [] }: { leaseMs: number; except?: readonly string[] },
): Promise<ClaimedWebhook | null> {
  const [row] = await store.ask(
    'Claiming a webhook',
    (sql) =>
      sql<(Row & { connectionId: string })[]>`
      with due as materialized (
        select w.id as due_id, s.connection_id from sluice_store.webhooks w
          join sluice_store.syncs s on s.id = w.id and s.state = 'active'
        where w.due_at <= now() and w.registration is not null and not ${isPromised(sql)}
          and (w.leased_until is null or w.leased_until <= now())
          and not ${isAmong(sql, 's.connection_id', except)}
        order by w.due_at limit 1 for update of w skip locked
      )
      update sluice_store.webhooks w
      set leased_until = now() + ${leaseMs} * interval '1 millisecond'
      from due where w.id = due.due_id
      returning ${told(sql)}, due.connection_id as "connectionId"`,
  )
  if (row === undefined) return null
  const { connectionId, ...rest } = row
  return { ...openRow(store, rest), connectionId }
}

/**
 * Claims a sync whose webhook is to be made, for so long: an active one of these platforms that has none, or one that was
 * made for other objects or for another address than it has now. What was pasted is left alone. `except`: connections
 * whose syncs are left. Null: there is none. Throws `service_unreachable`.
 */
export async function claimUnheard(
  store: Store,
  { platforms, publicUrl, leaseMs, except = [] }: {
    platforms: readonly string[]
    publicUrl: string
    leaseMs: number
    except?: readonly string[]
  },
): Promise<Unheard | null> {
  const [row] = await store.ask('Claiming a webhook to be made', (sql) =>
    sql<Unheard[]>`
      with unheard as materialized (
        select s.id, s.connection_id from sluice_store.syncs s
          join sluice_store.connections c on c.id = s.connection_id and c.state = 'active'
          left join sluice_store.webhooks w on w.id = s.id
        where s.state = 'active' and (w.id is null or (w.due_at <= now() and w.registration is null)
            or (w.url is not null and (w.objects is distinct from
              (select string_agg(t.object, ',' order by t.object collate "C")
                from sluice_store.tables t where t.sync_id = s.id)
                or w.url <> ${publicUrl} || '/webhooks/' || c.platform || '/' || s.id)
              and (w.failure is null or w.due_at <= now())))
          and (w.leased_until is null or w.leased_until <= now())
          and ${isAmong(sql, 'c.platform', platforms)}
          and not ${isAmong(sql, 's.connection_id', except)}
        order by s.id limit 1
      ), claimed as (
        insert into sluice_store.webhooks as w (id, version, due_at, leased_until, failure)
        select id, ${
      firstVersion(sql)
    }, now(), now() + ${leaseMs} * interval '1 millisecond', 'not made yet' from unheard
        on conflict (id) do update set leased_until = excluded.leased_until, due_at = excluded.due_at,
          failure = coalesce(w.failure, excluded.failure)
          where w.leased_until is null or w.leased_until <= now()
        returning w.id, w.tries
      )
      select id as "syncId", connection_id as "connectionId", tries
      from claimed join unheard using (id)`)
  return row ?? null
}

/**
 * Has it renewed at once: it is not at the platform any more, or somebody asks for it. What was pasted stays as it is, and so
 * does what somebody has saved since `webhook` was read. False: so it was. Throws `service_unreachable`.
 */
export async function requestRenewal(
  store: Store,
  { syncId, version }: Pick<Webhook, 'syncId' | 'version'>,
): Promise<boolean> {
  const rows = await store.ask('Asking for a webhook to be renewed', (sql) =>
    sql`
      with asked as (
        update sluice_store.webhooks set renew_at = now(), due_at = now()
        where id = ${syncId} and version = ${version}::text::bigint
          and registration is not null and url is not null
        returning id)
      select pg_notify('sluice_sync', id) from asked`)
  return rows.length > 0
}

/** A ping has come: what it stands for is to be fetched at once. Throws `service_unreachable`. */
export async function requestCollect(store: Store, syncId: string): Promise<void> {
  await store.ask('Noting a ping', (sql) =>
    sql`
      with noted as (
        update sluice_store.webhooks set pings = pings + 1, due_at = least(due_at, now())
        where id = ${syncId} returning id)
      select pg_notify('sluice_sync', id) from noted`)
}

/** The columns of a row `w`. */
function told(sql: Store['sql']) {
  return sql`w.id as "syncId", w.registration as bytes, w.key_id as "keyId", w.url, w.failure, w.tries,
    w.pings > w.fetched as collect, coalesce(w.renew_at <= now(), false) as due,
    ${isPromised(sql)} as "isPromised", w.version::text as version, w.pings::text as pings,
    (extract(epoch from w.heard_at) * 1000)::float8 as "heardAt"`
}

/** Of a row `w`. What is pasted has no address. */
function isPromised(sql: Store['sql']) {
  return sql`coalesce(w.objects = ${yetToBeMade} and w.url is not null, false)`
}

/** Any: what was read of a webhook before it ended is not taken for the one that came after it. */
function firstVersion(sql: Store['sql']) {
  return sql`floor(random() * 1e15)::bigint`
}

function isAmong(sql: Store['sql'], column: string, values: readonly string[]) {
  return sql`${sql(column)} in (
    select json_array_elements_text(${JSON.stringify(values)}::text::json))`
}

function openRow(store: Store, { bytes, keyId, isPromised, ...row }: Row): Webhook {
  if (bytes === null || keyId === null) return { ...row, registration: null, promised: null }
  const text = open(store.keyring, place(row.syncId), { bytes, keyId })
  const registration = JSON.parse(text) as KeptRegistration
  return isPromised
    ? { ...row, registration: null, promised: registration.secret }
    : { ...row, registration, promised: null }
}
