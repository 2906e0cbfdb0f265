// Room sync: are the webhooks still at their platforms? People remove them there, platforms turn them off, and a delivery that
// does not come tells nobody. What is gone is made anew.

import { deadlineIn } from '../lib/deadline.ts'
import { claimChore, hastenChore, putOffChore } from '../store/chores.ts'
import { readSync, type Sync } from '../store/syncs.ts'
import { readWebhook, requestRenewal, type Webhook } from '../store/webhooks.ts'
import type { HookingDeps } from './hooking.ts'
import { isStoreTrouble } from './troubles.ts'

type Deps = Pick<
  HookingDeps,
  'store' | 'log' | 'adapterFor' | 'callerFor' | 'now' | 'random' | 'publicUrl' | 'signal'
>

/** Each is looked at so often, in milliseconds, from three quarters to five quarters of it; */
const everyMs = 60 * 60_000
/** so soon again where the platform did not say. */
const againMs = 5 * 60_000
const callWaitMs = 60_000
/** In one pass, so that it ends. */
const looksMax = 200

/** Passes over the webhooks that are due; before the first one each is that nobody has looked at in the last minutes. */
export function createHookLooks(deps: Deps): () => Promise<void> {
  let hastened: Promise<void> | null = null
  return async () => {
    if (deps.publicUrl === null) return
    // a look in the last ten minutes leaves it due so far ahead: processes that start and start again ask no more
    const unless = { fromMs: everyMs * 0.75 - 10 * 60_000, toMs: everyMs * 1.25 }
    hastened ??= hastenChore(deps.store, { chore: 'webhook', unless })
    try {
      await hastened
    } catch (error) {
      hastened = null
      throw error
    }
    for (let looks = 0; looks < looksMax && !deps.signal.aborted; looks++) {
      const syncId = await claimChore(deps.store, { chore: 'webhook', everyMs: againMs })
      if (syncId === null) return
      if (!await look(deps, syncId)) continue
      const inMs = everyMs * (0.75 + (deps.random(1)[0] ?? 0) / 510)
      await putOffChore(deps.store, { chore: 'webhook', syncId, inMs })
    }
  }
}

/** False: the platform did not say. */
async function look(deps: Deps, syncId: string): Promise<boolean> {
  const { store, log, signal } = deps
  try {
    const sync = await readSync(store, syncId)
    const webhook = await readWebhook(store, syncId)
    const callerFor: AskDeps['callerFor'] = (id, options) =>
      deps.callerFor(id, { ...options, signal })
    const isThere = webhook === null
      ? null
      : await isAtPlatform({ ...deps, callerFor }, { sync, webhook })
    if (
      webhook !== null && isThere === false && !isTriedAgain(webhook) &&
      await requestRenewal(store, webhook)
    ) {
      log.warn('sync.webhook_gone', { sync: syncId, platform: sync.platform })
    }
    return true
  } catch (error) {
    if (isStoreTrouble(error)) throw error
    log.info('sync.webhook_unseen', { sync: syncId, error })
    return false
  }
}

/** Its renewal has failed, and comes again when it is time: not sooner, however often it is looked at. */
function isTriedAgain({ failure, due }: Webhook): boolean {
  return failure !== null && due
}

export interface AskDeps extends Pick<HookingDeps, 'adapterFor' | 'now'> {
  readonly callerFor: (
    connectionId: string,
    options: Omit<Parameters<HookingDeps['callerFor']>[1], 'signal'>,
  ) => ReturnType<HookingDeps['callerFor']>
}

/** Null: there is nothing of ours to ask for, or nobody to ask. Throws the Fault of the platform. */
export async function isAtPlatform(
  { adapterFor, callerFor, now }: AskDeps,
  { sync, webhook: { registration, url } }: {
    sync: Pick<Sync, 'platform' | 'connectionId'>
    webhook: Pick<Webhook, 'registration' | 'url'>
  },
): Promise<boolean | null> {
  const webhooks = adapterFor(sync.platform).follow?.webhooks
  if (registration === null || url === null || webhooks?.isRegistered === undefined) return null
  const deadline = deadlineIn(callWaitMs, now())
  return await webhooks.isRegistered(registration, await callerFor(sync.connectionId, { deadline }))
}
