// Room sync: the webhook of a sync, for administrators: where the platform is to call, whether it does, and the secret of one
// that a person has set up there.

import { fault } from '../mutation/fault.ts'
import { readSync, type Sync } from '../store/syncs.ts'
import { dropWebhook, readWebhook, saveWebhookSecret } from '../store/webhooks.ts'
import { changingWebhook } from './drop-webhook.ts'
import { webhookUrl } from './hooking.ts'
import type { AdminDeps } from './setup-request.ts'

export interface WebhookStatus {
  /** Where the platform calls; only the path where nobody has told how platforms reach us (SLUICE_PUBLIC_URL). */
  readonly address: string
  /** made: by Sluice. pasted: a person has set it up and given its secret. none: changes are found by asking. */
  readonly state: 'made' | 'pasted' | 'none'
  /** Can Sluice make it? Else a person has to, and give the secret. */
  readonly byItself: boolean
  /** ISO text. */
  readonly heardAt: string | null
  /** Why it could not be made or kept, in words. */
  readonly problem: string | null
}

type Deps = Pick<AdminDeps, 'store' | 'adapterFor' | 'publicUrl'>

/** A webhook is made or renewed once in a long time: so often never. */
const triesMax = 5

/** Null: the platform has no webhooks. Throws `service_unreachable`. */
export async function readWebhookStatus(deps: Deps, sync: Sync): Promise<WebhookStatus | null> {
  const webhooks = deps.adapterFor(sync.platform).follow?.webhooks
  if (webhooks === undefined) return null
  const webhook = await readWebhook(deps.store, sync.id)
  const { registration = null, url = null, heardAt = null, failure = null } = webhook ?? {}
  return {
    address: url ?? webhookUrl(deps.publicUrl ?? '', sync),
    state: registration === null ? 'none' : url === null ? 'pasted' : 'made',
    byItself: webhooks.register !== undefined,
    heardAt: heardAt === null ? null : new Date(heardAt).toISOString(),
    problem: failure,
  }
}

/**
 * Keeps the secret of a webhook that a person has set up at the platform. One that Sluice has made there is not given up for
 * it, unless it is to be (`force`): then it ends. One that is made at that moment ends as well. Gives its address. Throws `not_found`, `bad_request` for a platform that
 * has none, or of which a secret is not enough, or where there is one that Sluice has made; `service_unreachable`, and the
 * Fault of the platform.
 */
export async function setWebhookSecret(
  deps: AdminDeps,
  { syncId, secret, force = false }: { syncId: string; secret: string; force?: boolean },
): Promise<{ readonly address: string }> {
  const { store } = deps
  const sync = await readSync(store, syncId)
  const webhooks = deps.adapterFor(sync.platform).follow?.webhooks
  if (webhooks === undefined || webhooks.collect !== undefined) {
    throw fault('bad_request', {
      message: webhooks === undefined
        ? `${sync.platform} has no webhooks`
        : `a webhook of ${sync.platform} can only be made by Sluice`,
      hint: webhooks === undefined
        ? 'Changes are found by asking.'
        : 'It is made by itself when SLUICE_PUBLIC_URL is set and the account may make webhooks.',
    })
  }
  for (let tries = 0; tries < triesMax; tries++) {
    let before = await readWebhook(store, syncId)
    if (before !== null && before.registration !== null && before.url !== null) {
      if (!force) throw madeByUs(sync)
      // one that is made meanwhile ends in the next turn
      if (secret.trim() !== '') await deps.endWebhook?.(syncId)
      before = null
    }
    if (await saveWebhookSecret(store, { syncId, secret, before })) {
      return { address: webhookUrl(deps.publicUrl ?? '', sync) }
    }
  }
  throw changingWebhook(syncId)
}

function madeByUs({ platform }: Sync): Error {
  return fault('bad_request', {
    message: `Sluice has made the webhook at ${platform} itself, and knows its secret`,
    hint: 'Another secret would end it. With --force (HTTP: "force": true) it is ended, ' +
      'and a person sets up another one at the platform.',
  })
}

/**
 * Forgets the secret that a person has given; where Sluice can make the webhook itself, it does so within seconds. Throws
 * `not_found`, `bad_request` where there is no such secret, `service_unreachable`.
 */
export async function forgetWebhookSecret(
  deps: Pick<AdminDeps, 'store' | 'adapterFor'>,
  syncId: string,
): Promise<{ readonly byItself: boolean }> {
  const { platform } = await readSync(deps.store, syncId)
  const webhook = await readWebhook(deps.store, syncId)
  if (webhook === null || webhook.registration === null || webhook.url !== null) {
    throw fault('bad_request', {
      message: 'nobody has given the secret of a webhook of this sync',
      hint: 'How its webhook is: sluice syncs status.',
    })
  }
  if (!await dropWebhook(deps.store, syncId, webhook)) throw changingWebhook(syncId)
  return { byItself: deps.adapterFor(platform).follow?.webhooks?.register !== undefined }
}
