// Room sync: the end of a sync's webhook.

import { deadlineIn } from '../lib/deadline.ts'
import { fault } from '../mutation/fault.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import { readSync } from '../store/syncs.ts'
import { dropWebhook, readWebhook, type Webhook } from '../store/webhooks.ts'
import type { AdminDeps } from './setup-request.ts'

type Deps = Pick<AdminDeps, 'store' | 'adapterFor' | 'callerFor' | 'now'>

/** Others make or renew it once in a long time: so often never. */
const triesMax = 5

/**
 * Takes the webhook away at the platform, where we have made it, and forgets it. One that a person has set up there is
 * only forgotten. What another process keeps meanwhile is taken away too; what it could not keep any more, it takes away
 * itself. Throws the Fault of the platform: then it is still there; `bad_request` where others do not leave it alone.
 */
export async function endWebhook(deps: Deps, syncId: string): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    const webhook = await readWebhook(deps.store, syncId)
    if (webhook === null) return
    await takeAway(deps, webhook)
    if (await dropWebhook(deps.store, syncId, webhook)) return
  }
  throw changingWebhook(syncId)
}

async function takeAway(
  { store, adapterFor, callerFor, now }: Deps,
  { syncId, registration, url }: Webhook,
): Promise<void> {
  if (registration === null || url === null) return
  const { platform, connectionId } = await readSync(store, syncId)
  const webhooks = adapterFor(platform).follow?.webhooks
  if (webhooks?.unregister === undefined) return
  const deadline = deadlineIn(requestWaitMs, now())
  await webhooks.unregister(registration, await callerFor(connectionId, { deadline }))
}

/** What is said to who comes between. */
export function changingWebhook(syncId: string): Error {
  return fault('bad_request', {
    message: `the webhook of "${syncId}" is being changed`,
    hint: 'Try again in a moment.',
  })
}
