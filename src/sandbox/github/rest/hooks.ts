// Room sandbox: the endpoints of a repository's webhooks. https://docs.github.com/rest/repos/webhooks

import { isObject, type JsonObject, scalarText } from '../../json.ts'
import { notFound, refused, refuseInvalid } from '../refusal.ts'
import type { Hook } from '../state/hook.ts'
import type { Repository } from '../state/model.ts'
import { type Session, timeText } from '../state/session.ts'
import { eventNames } from '../webhooks/names.ts'
import { type Call, created, found, idParam, noContent, type Reply, reply } from './call.ts'
import { repositoryParam, type Route } from './call.ts'
import { checkShape, flagOf, textsOf } from './fields.ts'
import { paged } from './page.ts'
import { number, repositoryUrl } from './show.ts'

const at = '/repos/:owner/:repo/hooks'
const one = `${at}/:id`

export const hookRoutes: readonly Route[] = [
  { method: 'GET', path: at, run: list, docs: '/repos/webhooks#list-repository-webhooks' },
  { method: 'POST', path: at, run: make, docs: '/repos/webhooks#create-a-repository-webhook' },
  {
    method: 'GET',
    path: one,
    run: (call) => reply(200, showHook(call.session, hookParam(call))),
    docs: '/repos/webhooks#get-a-repository-webhook',
  },
  { method: 'PATCH', path: one, run: change, docs: '/repos/webhooks#update-a-repository-webhook' },
  { method: 'DELETE', path: one, run: remove, docs: '/repos/webhooks#delete-a-repository-webhook' },
  {
    method: 'POST',
    path: `${one}/pings`,
    run: (call) => {
      call.session.ping(hookParam(call))
      return noContent
    },
    docs: '/repos/webhooks#ping-a-repository-webhook',
  },
]

/** So many webhooks of a repository may be for one event. */
const hooksMax = 20

/** Whoever may not administer a repository is not told that it has webhooks. */
function repositoryAt(call: Call): Repository {
  const repository = repositoryParam(call)
  if (repository.access !== 'admin') throw refused(notFound)
  return repository
}

function hooksOf({ hub }: Session, { id }: Repository): readonly Hook[] {
  return [...hub.hooks.values()].filter(({ repositoryId }) => repositoryId === id)
}

function hookParam(call: Call): Hook {
  const repository = repositoryAt(call)
  const hook = found(call.session.hub.hooks.get(idParam(call, 'id')))
  return found(hook.repositoryId === repository.id ? hook : undefined)
}

function list(call: Call): Reply {
  const { session } = call
  const hooks = hooksOf(session, repositoryAt(call))
  return paged(call, hooks, { show: (hook) => showHook(session, hook) })
}

function make(call: Call): Reply {
  const { session } = call
  const repository = repositoryAt(call)
  const body = call.body()
  checkBody(body)
  const name = scalarText(body['name'])
  if (name !== null && name !== 'web') refuseHook('The only valid value for name is web')
  const config = isObject(body['config']) ? body['config'] : {}
  const now = timeText(session.nowMs)
  const hook: Hook = {
    id: session.hub.mint('Repository').id,
    repositoryId: repository.id,
    isActive: flagOf(body, 'active') ?? true,
    events: textsOf(body, 'events') ?? ['push'],
    ...configOf(config, { url: '', contentType: 'form', secret: null, insecureSsl: '0' }),
    createdAt: now,
    updatedAt: now,
  }
  checkHook(session, hook)
  session.hub.hooks.set(hook.id, hook)
  if (hook.isActive) session.ping(hook)
  return created(showHook(session, hook))
}

/** A config that is given replaces the one that is there, but for a secret that it does not name. */
function change(call: Call): Reply {
  const { session } = call
  const before = hookParam(call)
  const body = call.body()
  checkBody(body)
  const { config } = body
  const added = textsOf(body, 'add_events') ?? []
  const removed = textsOf(body, 'remove_events') ?? []
  const events = [...textsOf(body, 'events') ?? before.events, ...added]
  const hook: Hook = {
    ...before,
    ...(isObject(config) ? configOf(config, before) : {}),
    isActive: flagOf(body, 'active') ?? before.isActive,
    events: [...new Set(events)].filter((event) => !removed.includes(event)),
    updatedAt: timeText(session.nowMs),
  }
  checkHook(session, hook)
  session.hub.hooks.set(hook.id, hook)
  return reply(200, showHook(session, hook))
}

function remove(call: Call): Reply {
  call.session.hub.hooks.delete(hookParam(call).id)
  return noContent
}

function checkBody(body: JsonObject): void {
  checkShape(body, {
    name: ['string'],
    active: ['boolean'],
    events: ['array'],
    add_events: ['array'],
    remove_events: ['array'],
    config: ['object'],
  })
}

type Config = Pick<Hook, 'url' | 'contentType' | 'secret' | 'insecureSsl'>

function configOf(config: JsonObject, before: Config): Config {
  return {
    url: scalarText(config['url']) ?? before.url,
    contentType: (scalarText(config['content_type']) ?? before.contentType) === 'json'
      ? 'json'
      : 'form',
    secret: scalarText(config['secret']) ?? before.secret,
    insecureSsl: scalarText(config['insecure_ssl']) ?? before.insecureSsl,
  }
}

function checkHook(session: Session, hook: Hook): void {
  if (!/^https?:\/\/[^\s/]/.test(hook.url) || !URL.canParse(hook.url)) {
    refuseHook('Config must contain URL for webhooks')
  }
  const unknown = hook.events.filter((event) => !eventNames.has(event))
  if (hook.events.length === 0 || unknown.length > 0) {
    refuseHook(`Events is invalid: ${unknown.join(', ')}`)
  }
  const others = hooksOf(session, { id: hook.repositoryId } as Repository)
    .filter(({ id }) => id !== hook.id)
  const same = others.some(({ url, events }) =>
    url === hook.url && events.some((event) => hook.events.includes(event))
  )
  if (same) refuseHook('Hook already exists on this repository')
  const full = hook.events.find((event) =>
    others.filter(({ events }) => events.includes(event)).length >= hooksMax
  )
  if (full !== undefined) {
    refuseHook(`The "${full}" event cannot have more than ${hooksMax} hooks`)
  }
}

function refuseHook(message: string): void {
  refuseInvalid([{ resource: 'Hook', field: null, code: 'custom', message }])
}

/** A secret is never shown. */
export function showHook(session: Session, hook: Hook): JsonObject {
  const repository = session.hub.repositories.get(hook.repositoryId)
  const root = repository === undefined ? '' : repositoryUrl(session, repository)
  const url = `${root}/hooks/${hook.id}`
  return {
    type: 'Repository',
    id: number(hook.id),
    name: 'web',
    active: hook.isActive,
    events: hook.events,
    config: {
      content_type: hook.contentType,
      insecure_ssl: hook.insecureSsl,
      url: hook.url,
      ...(hook.secret === null ? {} : { secret: '********' }),
    },
    updated_at: hook.updatedAt,
    created_at: hook.createdAt,
    url,
    test_url: `${url}/test`,
    ping_url: `${url}/pings`,
    deliveries_url: `${url}/deliveries`,
    last_response: { code: null, status: 'unused', message: null },
  }
}
