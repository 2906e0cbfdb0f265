// Room sync: what is wrong with a sync's webhook. The platform is asked whether it still has it.

import type { Sync } from '../store/syncs.ts'
import { readWebhook, type Webhook } from '../store/webhooks.ts'
import { type Finding, ok, warn } from './checks.ts'
import { isAtPlatform } from './hooking-look.ts'
import { webhookUrl } from './hooking.ts'
import { type AdminDeps, asFault } from './setup-request.ts'
import { duration } from './setup-status.ts'

const check = 'webhook'

/** `ask`: the connection is one that the platform can be asked with. Throws `service_unreachable`. */
export async function lookAtWebhook(
  deps: AdminDeps,
  { sync, ask }: { sync: Sync; ask: boolean },
): Promise<Finding[]> {
  if (deps.adapterFor(sync.platform).follow?.webhooks === undefined) return []
  const webhook = await readWebhook(deps.store, sync.id)
  if (webhook === null) {
    const about = 'none: changes are found by asking, see seconds behind'
    return [byHand(deps, sync) ?? ok(check, about)]
  }
  const { registration, failure: why } = webhook
  if (registration === null || why !== null) {
    return [
      warn(
        check,
        why ?? 'is not made yet',
        'Changes are found by asking until then. Is SLUICE_PUBLIC_URL reachable from the internet?',
      ),
    ]
  }
  return [await registered(deps, { sync, webhook, ask })]
}

async function registered(
  deps: AdminDeps,
  { sync, webhook, ask }: { sync: Sync; webhook: Webhook; ask: boolean },
): Promise<Finding> {
  const { id, platform, state } = sync
  const { heardAt, url } = webhook
  const heard = heardAt === null
    ? 'nothing was delivered yet'
    : `last delivery ${duration((deps.now() - heardAt) / 1000)} ago`
  if (url === null) {
    return ok(check, `somebody has set it up at ${platform} and given its secret; ${heard}`)
  }
  if (!ask) return ok(check, `was made; ${heard}`)
  try {
    if (await isAtPlatform(deps, { sync, webhook }) !== false) {
      return ok(check, `is registered at ${platform}; ${heard}`)
    }
  } catch (error) {
    const { message, detail } = asFault(error).data
    const why = detail === undefined ? message : `${message}: ${detail}`
    const hint = 'Changes are found by asking all the same. Try again in a moment.'
    return warn(check, `${platform} does not say whether it is there: ${why}`, hint)
  }
  const anew = state === 'disabled'
    ? 'It is made anew when the sync is resumed and the sync process looks again.'
    : `The sync process makes it anew within the hour; sluice syncs repair --sync ${id} has it do so at once.`
  return warn(check, `is not at ${platform} any more, or it was turned off there; ${heard}`, anew)
}

/** What a person has to do at a platform whose webhooks Sluice cannot make; null: it can. */
function byHand(deps: AdminDeps, sync: Sync): Finding | null {
  if (deps.adapterFor(sync.platform).follow?.webhooks?.register !== undefined) return null
  const objects = sync.tables.map(({ object }) => object).join(', ')
  return {
    ...ok(check, 'none: changes are found by asking, see seconds behind'),
    hint:
      `To hear of them in seconds: in the app at ${sync.platform} set the target URL ${
        webhookUrl(deps.publicUrl ?? '<SLUICE_PUBLIC_URL>', sync)
      }, ` +
      `subscribe to creation, change of each property, deletion, merge and restore of ${objects}, and give its client secret: ` +
      `sluice syncs webhook-secret --sync ${sync.id}`,
  }
}
