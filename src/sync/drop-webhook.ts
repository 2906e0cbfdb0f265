// Room sync: the end of a sync's webhook.

import { deadlineIn } from '../lib/deadline.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import { readSync } from '../store/syncs.ts'
import { dropWebhook, readWebhook } from '../store/webhooks.ts'
import type { AdminDeps } from './setup-request.ts'

/**
 * Takes the webhook away at the platform, where we have made it, and forgets it. One that a person has set up there is
 * only forgotten. Throws the Fault of the platform: then it is still there.
 */
export async function endWebhook(
  { store, adapterFor, callerFor, now }: Pick<
    AdminDeps,
    'store' | 'adapterFor' | 'callerFor' | 'now'
  >,
  syncId: string,
): Promise<void> {
  const webhook = await readWebhook(store, syncId)
  if (webhook === null) return
  const { registration, url } = webhook
  const { platform, connectionId } = await readSync(store, syncId)
  const webhooks = adapterFor(platform).follow?.webhooks
  if (registration !== null && url !== null && webhooks?.unregister !== undefined) {
    const deadline = deadlineIn(requestWaitMs, now())
    await webhooks.unregister(registration, await callerFor(connectionId, { deadline }))
  }
  await dropWebhook(store, syncId)
}
