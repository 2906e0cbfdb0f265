// Room sandbox: how GitHub calls a webhook: what is in the body, who signed it, and which headers go with it.
// https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries

import { createHmac } from 'node:crypto'
import { type JsonObject, writeJson } from '../../json.ts'
import type { WebhookDelivery } from '../../platform.ts'
import { showHook } from '../rest/hooks.ts'
import { number, showAccount, showRepository } from '../rest/show.ts'
import type { Hook } from '../state/hook.ts'
import type { Change } from '../state/hub.ts'
import type { Session } from '../state/session.ts'
import { happeningsOf } from './events.ts'

/** What the webhooks of a session's hub are told of these changes, in their order. */
export function deliveriesOf(
  session: Session,
  changes: readonly Change[],
  makeSecret: () => string,
): readonly WebhookDelivery[] {
  const hooks = [...session.hub.hooks.values()].filter(({ isActive }) => isActive)
  if (hooks.length === 0 || changes.length === 0) return []
  return happeningsOf(session, changes).flatMap(({ event, repositoryId, payload }) =>
    hooks.filter((hook) => hook.repositoryId === repositoryId && isFor(hook, event))
      .map((hook) => delivery(session, hook, { event, payload, id: makeSecret() }))
  )
}

function isFor({ events }: Hook, event: string): boolean {
  return events.includes('*') || events.includes(event)
}

/** What a new webhook is called with. */
export function pingOf(session: Session, hook: Hook, id: string): WebhookDelivery {
  const payload = {
    zen: 'Keep it logically awesome.',
    hook_id: number(hook.id),
    hook: showHook(session, hook),
  }
  return delivery(session, hook, { event: 'ping', payload, id })
}

function delivery(
  session: Session,
  hook: Hook,
  { event, payload, id }: {
    readonly event: string
    readonly payload: JsonObject
    readonly id: string
  },
): WebhookDelivery {
  const repository = session.hub.repositories.get(hook.repositoryId)
  const json = writeJson({
    ...payload,
    ...(repository === undefined ? {} : { repository: showRepository(session, repository) }),
    sender: showAccount(session, session.viewer),
  })
  const isJson = hook.contentType === 'json'
  const body = isJson ? json : new URLSearchParams({ payload: json }).toString()
  return {
    url: hook.url,
    headers: {
      accept: '*/*',
      'content-type': isJson ? 'application/json' : 'application/x-www-form-urlencoded',
      'user-agent': 'GitHub-Hookshot/5a4db0c',
      'x-github-delivery': id,
      'x-github-event': event,
      'x-github-hook-id': String(hook.id),
      'x-github-hook-installation-target-id': String(hook.repositoryId),
      'x-github-hook-installation-target-type': 'repository',
      ...signaturesOf(hook.secret, body),
    },
    body,
  }
}

function signaturesOf(secret: string | null, body: string): Readonly<Record<string, string>> {
  if (secret === null || secret === '') return {}
  const hex = (hash: string) => createHmac(hash, secret).update(body, 'utf8').digest('hex')
  return {
    'x-hub-signature': `sha1=${hex('sha1')}`,
    'x-hub-signature-256': `sha256=${hex('sha256')}`,
  }
}
