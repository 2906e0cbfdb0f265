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
  type ClaimedWebhook,
  claimUnheard,
  claimWebhook,
  keepWebhook,
  noteWebhookFailure,
  promiseWebhook,
  readWebhook,
  type Unheard,
  type Webhook,
} from '../store/webhooks.ts'
import { createHookLanes, type HookLanes } from './hooking-lanes.ts'
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
const passMax = 2_000
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

/**
 * One pass over what is due: one at a time of each connection, some connections at once, so that a platform that does not
 * answer keeps nobody else waiting. Throws `service_unreachable`; what platforms say is in the store and the log.
 */
export async function tendWebhooks(deps: HookingDeps): Promise<void> {
  const lanes = createHookLanes()
  for (let begun = 0; begun < passMax && !deps.signal.aborted && !lanes.failed;) {
    const others = lanes.size
    const job = lanes.isFree ? await claimJob(deps, lanes).catch(failWith(lanes)) : null
    if (job !== null) {
      begun += 1
      lanes.run(job.connectionId, () => unlessRefused(deps, job, job.work))
    } else if (others === 0) break
    // one that has ended meanwhile: its connection was left out
    else if (lanes.size === others) await lanes.change()
  }
  await lanes.end()
}

/** What others have begun is waited for first. */
function failWith(lanes: HookLanes): (error: unknown) => null {
  return (error) => {
    lanes.fail(error)
    return null
  }
}

interface Job extends Unheard {
  readonly work: () => Promise<void>
}

async function claimJob(deps: HookingDeps, lanes: HookLanes): Promise<Job | null> {
  const { store, publicUrl, adapterFor } = deps
  const except = lanes.busy()
  if (publicUrl !== null) {
    const able = platforms.filter((name) =>
      adapterFor(name).follow?.webhooks?.register !== undefined
    )
    const unheard = await claimUnheard(store, { platforms: able, publicUrl, leaseMs, except })
    if (unheard !== null) {
      const { syncId } = unheard
      return { ...unheard, work: () => make(deps, { syncId, publicUrl }) }
    }
  }
  const webhook = await claimWebhook(store, { leaseMs, except })
  return webhook === null ? null : { ...webhook, work: () => tend(deps, webhook) }
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
  let before = await readWebhook(store, syncId)
  if (before === null || isPasted(before)) return
  if (before.registration !== null && before.url !== url) {
    await webhooks.unregister?.(before.registration, caller)
  }
  // deliveries are checked by the secret that is known, also while it is made anew
  const known = before.registration?.secret ?? before.promised
  const secret = known ?? Buffer.from(deps.random(secretBytes)).toString('base64url')
  if (webhooks.takesSecret === true && before.registration === null && known === null) {
    before = await promiseWebhook(store, before, { secret, url })
    if (before === null) return
  }
  const registration = await webhooks.register?.({ url, secret, tables: sync.tables }, caller)
  if (registration === undefined) return
  const made = { url, objects: sync.tables.map(({ object }) => object) }
  const kept = await keepWebhook(store, before, { registration, leaseMs: null, made })
  if (kept !== null) return log.info('sync.webhook_made', { sync: syncId, platform: sync.platform })
  await giveUp(deps, { sync, webhooks, caller }, { registration, url })
}

/**
 * Takes ours away that was not kept, where somebody has pasted a secret meanwhile, or dropped the sync, or has one at another
 * address: it would only send what nobody takes. `url`: where ours leads; one that somebody else keeps there may be the same.
 */
async function giveUp(
  { store }: HookingDeps,
  { sync, webhooks, caller }: Hooked,
  { registration, url }: { registration: Registration; url: string | null },
): Promise<void> {
  // what a person has set up is not ours
  if (url === null) return
  const now = await readWebhook(store, sync.id)
  const isElsewhere = now !== null && now.url !== null && now.url !== url
  if (now === null || isPasted(now) || isElsewhere) {
    await webhooks.unregister?.(registration, caller)
  }
}

function isPasted({ registration, url }: Webhook): boolean {
  return registration !== null && url === null
}

/** Renews what is due, and fetches what pings stand for. What somebody else saves meanwhile stays. */
async function tend(deps: HookingDeps, claimed: ClaimedWebhook): Promise<void> {
  const { store } = deps
  const { syncId, collect, due, registration } = claimed
  if (registration === null) return
  const ours = await hooked(deps, syncId)
  const { webhooks, caller } = ours
  const renewed = due ? await webhooks.renew?.(registration, caller) : undefined
  // as the platform has it by now
  const latest = renewed ?? registration
  let held: Held | null = { webhook: claimed, registration: latest }
  if (renewed !== undefined) held = await hold(store, held)
  // also when it is renewed: what pings have told that were lost
  if (held !== null && (collect || due)) held = await collectAll(deps, { ...ours, held })
  const kept = held === null
    ? null
    : await keepWebhook(store, held.webhook, { registration: held.registration, leaseMs: null })
  if (kept !== null) return
  deps.log.debug('sync.webhook_superseded', { sync: syncId })
  await giveUp(deps, ours, { registration: latest, url: claimed.url })
}

/** A webhook as it was last read or kept, and its registration as it is by now. */
interface Held {
  readonly webhook: Webhook
  readonly registration: Registration
}

/** Keeps it before there is more to do; null: somebody else has saved another one. */
async function hold(store: Store, { webhook, registration }: Held): Promise<Held | null> {
  const kept = await keepWebhook(store, webhook, { registration, leaseMs })
  // the pings that are answered for are those that it was claimed with
  return kept === null ? null : { webhook: { ...kept, pings: webhook.pings }, registration }
}

/** What was fetched is noted before it counts as fetched. Null: somebody else has saved another registration. */
async function collectAll(
  { store }: HookingDeps,
  { sync, webhooks, caller, held }: Hooked & { held: Held },
): Promise<Held | null> {
  let now: Held | null = held
  for (let collects = 0; webhooks.collect !== undefined && collects < collectsMax; collects++) {
    const found = await webhooks.collect(now.registration, sync.tables, caller)
    await noteHints(store, { syncId: sync.id, hints: hintsOf(sync, found.touched) })
    now = { ...now, registration: found.registration }
    if (!found.more) break
    now = await hold(store, now)
    if (now === null) break
  }
  return now
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
