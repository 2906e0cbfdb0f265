// Room sync: the webhooks of the syncs: made at the platform where its API can, kept alive, and what pings stand for
// fetched. A webhook that cannot be made is no harm: the table is looked at all the same, only later.

import { Buffer } from 'node:buffer'
import { type Deadline, deadlineIn } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { Fault } from '../mutation/fault.ts'
import { type Platform, platforms } from '../mutation/table.ts'
import type { Adapter, Caller, Registration, Touched, Webhooks } from '../platforms/platform.ts'
import { type NewHint, noteHints } from '../store/hints.ts'
import type { Store } from '../store/store.ts'
import { readSync, type Sync } from '../store/syncs.ts'
import {
  claimUnheard,
  claimWebhook,
  noteWebhookFailure,
  readWebhook,
  requestCollect,
  saveWebhook,
  type Webhook,
} from '../store/webhooks.ts'
import { isStoreTrouble } from './troubles.ts'

export interface HookingDeps {
  readonly store: Store
  readonly log: Log
  readonly adapterFor: (platform: Platform) => Adapter
  readonly callerFor: (
    connectionId: string,
    options: { deadline: Deadline; signal: AbortSignal },
  ) => Promise<Caller>
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  /** Where platforms reach us, without a slash at the end; null: webhooks are not made. */
  readonly publicUrl: string | null
  /** Aborted: nothing more is begun. */
  readonly signal: AbortSignal
}

/** Longer than a call to a platform and its turn may take; then another process may do it. */
const leaseMs = 120_000
const callWaitMs = 60_000
const secretBytes = 32
/** In one pass, so that it ends. */
const passMax = 200
const collectsMax = 100
const againFirstMs = 60_000
const againMaxMs = 6 * 60 * 60_000

/** The address of a sync's webhook. */
export function webhookUrl(
  publicUrl: string,
  { platform, id }: { platform: Platform; id: string },
): string {
  return `${publicUrl}/webhooks/${platform}/${id}`
}

/** One pass over what is due. Throws `service_unreachable`; what platforms say is in the store and the log. */
export async function tendWebhooks(deps: HookingDeps): Promise<void> {
  const { store, publicUrl, signal } = deps
  const able = platforms.filter((platform) => {
    return deps.adapterFor(platform).follow?.webhooks?.register !== undefined
  })
  for (let done = 0; publicUrl !== null && done < passMax && !signal.aborted; done++) {
    const syncId = await claimUnheard(store, { platforms: able, publicUrl, leaseMs })
    if (syncId === null) break
    await unlessRefused(deps, { syncId, tries: 1 }, () => make(deps, { syncId, publicUrl }))
  }
  for (let done = 0; done < passMax && !signal.aborted; done++) {
    const webhook = await claimWebhook(store, { leaseMs })
    if (webhook === null) return
    await unlessRefused(deps, webhook, () => tend(deps, webhook))
  }
}

/** What the platform refuses is noted, and tried again later. */
async function unlessRefused(
  { store, log }: HookingDeps,
  { syncId, tries }: Pick<Webhook, 'syncId' | 'tries'>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (isStoreTrouble(error)) throw error
    const failure = error instanceof Fault ? wordsOf(error) : 'internal error; the log says more'
    log.warn('sync.webhook_failed', { sync: syncId, error })
    const inMs = Math.min(againMaxMs, againFirstMs * 2 ** Math.min(tries, 20))
    await noteWebhookFailure(store, { syncId, failure, inMs })
  }
}

function wordsOf({ data: { message, detail } }: Fault): string {
  return detail === undefined ? message : `${message}: ${detail}`
}

interface Hooked {
  readonly sync: Sync
  readonly webhooks: Webhooks
  readonly caller: Caller
}

async function hooked(deps: HookingDeps, syncId: string): Promise<Hooked> {
  const sync = await readSync(deps.store, syncId)
  const webhooks = deps.adapterFor(sync.platform).follow?.webhooks
  if (webhooks === undefined) throw new Error(`${sync.platform} has no webhooks`)
  const deadline = deadlineIn(callWaitMs, deps.now())
  const caller = await deps.callerFor(sync.connectionId, { deadline, signal: deps.signal })
  return { sync, webhooks, caller }
}

async function make(
  deps: HookingDeps,
  { syncId, publicUrl }: { syncId: string; publicUrl: string },
): Promise<void> {
  const { store, log } = deps
  const { sync, webhooks, caller } = await hooked(deps, syncId)
  const url = webhookUrl(publicUrl, sync)
  const before = await readWebhook(store, syncId)
  if (before !== null && before.registration !== null && before.url !== url) {
    await webhooks.unregister?.(before.registration, caller)
  }
  const secret = Buffer.from(deps.random(secretBytes)).toString('base64url')
  const registration = await webhooks.register?.({ url, secret, tables: sync.tables }, caller)
  if (registration === undefined) return
  const objects = sync.tables.map(({ object }) => object)
  await saveWebhook(store, { syncId, url, registration, objects })
  log.info('sync.webhook_made', { sync: syncId, platform: sync.platform })
}

/** Renews what is due, and fetches what pings stand for. */
async function tend(deps: HookingDeps, webhook: Webhook): Promise<void> {
  const { syncId, collect, registration, url } = webhook
  if (registration === null) return
  const { sync, webhooks, caller } = await hooked(deps, syncId)
  let kept: Registration = registration
  const due = kept.renewAt !== null && kept.renewAt <= deps.now()
  try {
    if (due && webhooks.renew !== undefined) kept = await webhooks.renew(kept, caller)
    // also when it is renewed: what pings have told that were lost
    if (collect || due) {
      kept = await collectAll(deps, { sync, webhooks, caller, registration: kept })
    }
  } catch (error) {
    if (collect) await requestCollect(deps.store, syncId)
    throw error
  }
  await saveWebhook(deps.store, { syncId, url, registration: kept })
}

/** What was fetched is noted before it counts as fetched. */
async function collectAll(
  deps: HookingDeps,
  { sync, webhooks, caller, registration }: Hooked & { registration: Registration },
): Promise<Registration> {
  const { store } = deps
  let kept = registration
  for (let collects = 0; webhooks.collect !== undefined && collects < collectsMax; collects++) {
    const found = await webhooks.collect(kept, sync.tables, caller)
    await noteHints(store, { syncId: sync.id, hints: hintsOf(sync, found.touched) })
    kept = found.registration
    if (!found.more) break
    const saved = await readWebhook(store, sync.id)
    await saveWebhook(store, { syncId: sync.id, url: saved?.url ?? null, registration: kept })
  }
  return kept
}

/** Of the tables that the sync has. */
export function hintsOf(
  { tables }: Pick<Sync, 'tables'>,
  touched: readonly Touched[],
): readonly NewHint[] {
  return touched.flatMap(({ object, ref: { id, keys } }) =>
    tables.filter((table) => table.object === object).map(({ name }) => ({ table: name, id, keys }))
  )
}
