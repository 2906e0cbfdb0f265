// Room platforms: the webhooks of a sync at GitHub, one in each of its repositories. Source: GitHub REST API, "Repository
// webhooks".

import { Fault, fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type JsonObject, tryParseJson } from '../json.ts'
import type { Caller, Registration } from '../platform.ts'
import { answered } from '../reading.ts'
import { call, type RestRequest } from './client.ts'
import { readUnlessKnown } from './conditional.ts'
import { tableFor } from './describe.ts'
import { faultOfResponse, isMoved, placeOf } from './faults.ts'
import { listIn } from './feed.ts'
import { stepList, unknownList } from './feed-list.ts'
import { read, unanswered } from './read.ts'
import { idOf } from './record.ts'
import { isRepository, readSettings } from './settings.ts'
import { eventsOf } from './webhooks.ts'

/** Repositories that get a webhook; those beyond it are only asked. */
const repositoriesMax = 100
const pagesMax = 5

/** Repositories come and go, and people remove webhooks. */
const renewMs = 24 * 60 * 60 * 1000

/** A webhook of a repository: `id` as text, since numbers lose digits. */
interface Hook {
  readonly repository: string
  readonly id: string
}

interface Wanted {
  readonly url: string
  readonly secret: string
  readonly events: readonly string[]
}

/**
 * Makes the webhook in every repository, or gives the one that is there for this address the secret and the events. Where the
 * settings do not name the repositories, those in which the account may not are passed over.
 * @throws Fault not_permitted when it may in none; else as `read`
 */
export async function register(
  { url, secret, tables }: {
    readonly url: string
    readonly secret: string
    readonly tables: readonly SyncedTable[]
  },
  caller: Caller,
  now: () => number,
): Promise<Registration> {
  const events = [...new Set(tables.flatMap(({ object }) => eventsOf[object] ?? []))].toSorted()
  return await placed({ url, secret, events: [...new Set([...events, 'repository'])] }, caller, now)
}

/** The same once more: for repositories that came, and webhooks that went. @throws Fault as `register` */
export async function renew(
  { secret, state }: Registration,
  caller: Caller,
  now: () => number,
): Promise<Registration> {
  const { url, events } = state
  const names: readonly unknown[] = Array.isArray(events) ? events : []
  const words = names.filter((name) => typeof name === 'string')
  if (typeof url === 'string') return await placed({ url, secret, events: words }, caller, now)
  throw fault('bad_request', { platform: 'github', detail: 'The webhook is not one of ours.' })
}

/** Looked at each time, so that it costs little of an hour's requests; the next ones an hour later. */
const looksMax = 10
const lookEveryMs = 60 * 60 * 1000

/** Are they there still, active, and under the same name? Ten of them, others each hour. @throws Fault as `read` */
export async function isRegistered(
  { state }: Registration,
  caller: Caller,
  now: () => number,
): Promise<boolean> {
  const hooks = hooksIn(state)
  const from = Math.floor(now() / lookEveryMs) * looksMax
  const some = hooks.length <= looksMax
    ? hooks
    : Array.from({ length: looksMax }, (_, index) => hooks[(from + index) % hooks.length])
  for (const { repository, id } of some.filter((hook) => hook !== undefined)) {
    const path = `/repos/${repository}/hooks/${id}`
    const found = await read(path, { caller, place: {}, absent: [301, 404, 410] })
    if (!isJsonObject(found?.json) || found.json['active'] !== true) return false
    const { config } = found.json
    if (!isJsonObject(config) || config['url'] !== state['url']) return false
  }
  return true
}

async function placed(wanted: Wanted, caller: Caller, now: () => number): Promise<Registration> {
  const named = readSettings(caller.settings).repositories
  const hooks: Hook[] = []
  let refusal: unknown
  for (const repository of (named ?? await repositoriesOf(caller)).slice(0, repositoriesMax)) {
    try {
      hooks.push({ repository, id: await hookIn(repository, wanted, caller) })
    } catch (error) {
      const isForbidden = error instanceof Fault &&
        (error.data.code === 'not_permitted' || error.data.code === 'not_found')
      if (named !== undefined || !isForbidden) throw withHint(error)
      refusal = error
    }
  }
  if (hooks.length === 0 && refusal !== undefined) throw withHint(refusal)
  const { url, secret, events } = wanted
  return { secret, state: { url, events, hooks }, renewAt: now() + renewMs }
}

/** GitHub shows a missing permission as 404. */
function withHint(error: unknown): unknown {
  if (!(error instanceof Fault) || error.data.code !== 'not_found') return error
  const hint = 'A token needs the scope admin:repo_hook, an app the permission "Webhooks: write".'
  const { detail } = error.data
  const words = detail === undefined ? {} : { detail }
  return fault('not_permitted', { platform: 'github', hint, ...words })
}

async function repositoriesOf(caller: Caller): Promise<readonly string[]> {
  const shape = tableFor('repositories')
  const feeding = { shape, repository: '', absent: [], caller, place: {} }
  let list = unknownList
  for (let page = 0; page < pagesMax; page += 1) {
    const step = await stepList(list, feeding)
    if (typeof step === 'string') break
    list = step.state
    if (step.done) break
  }
  return list.pages.flatMap(({ records }) => records.map(([, , name]) => name))
}

async function hookIn(repository: string, wanted: Wanted, caller: Caller): Promise<string> {
  const { url, secret, events } = wanted
  const root = `/repos/${repository}/hooks`
  const config = { url, secret, content_type: 'json', insecure_ssl: '0' }
  const id = await ownIn(root, url, caller)
  const request = id === undefined
    ? { method: 'POST', path: root, body: { name: 'web', active: true, events, config } } as const
    : { method: 'PATCH', path: `${root}/${id}`, body: { active: true, events, config } } as const
  const response = answered(await call({ kind: 'rest', ...request }, caller), placeOf({}))
  if (response.status !== 200 && response.status !== 201) {
    throw new Fault(faultOfResponse(response, {}))
  }
  const made = tryParseJson(response.body)
  const madeId = isJsonObject(made) ? idOf(made) : undefined
  if (madeId === undefined) throw unanswered('a webhook has no id', {})
  return madeId
}

/** The webhook that is there for this address. */
async function ownIn(root: string, url: string, caller: Caller): Promise<string | undefined> {
  let query: string | null = 'per_page=100'
  for (let page = 0; page < pagesMax && query !== null; page += 1) {
    const options = { caller, place: {}, etag: null, absent: [] }
    const found: Awaited<ReturnType<typeof readUnlessKnown>> = await readUnlessKnown(
      `${root}?${query}`,
      options,
    )
    if (found.kind !== 'read') break
    const shape = tableFor('repositories')
    const hooks = listIn(found.json, { ...options, shape, repository: '' })
    const own = hooks.find((hook) => isJsonObject(hook['config']) && hook['config']['url'] === url)
    const id = own === undefined ? undefined : idOf(own)
    if (id !== undefined) return id
    query = found.next
  }
  return undefined
}

/** Takes the webhooks away. @throws Fault for one that could not be; those that are gone are no error */
export async function unregister({ state }: Registration, caller: Caller): Promise<void> {
  for (const { repository, id } of hooksIn(state)) {
    const request: RestRequest = {
      kind: 'rest',
      method: 'DELETE',
      path: `/repos/${repository}/hooks/${id}`,
    }
    const response = answered(await call(request, caller), placeOf({}))
    const { status } = response
    if (status === 204 || status === 404 || status === 410) continue
    if (!isMoved(status)) throw new Fault(faultOfResponse(response, {}))
    await unregisterMoved(response.headers['location'], id, caller)
  }
}

/** The repository has another name now; its number is in the address. */
async function unregisterMoved(location = '', id: string, caller: Caller): Promise<void> {
  const place = /\/(repositories\/\d+|repos\/[\w.-]+\/[\w.-]+)\/hooks\/\d+$/.exec(location)?.[1]
  if (place === undefined) return
  const found = answered(
    await call({ kind: 'rest', method: 'GET', path: `/${place}` }, caller),
    placeOf({}),
  )
  const json = tryParseJson(found.body)
  const name = isJsonObject(json) ? json['full_name'] : undefined
  if (typeof name !== 'string' || !isRepository(name)) return
  const path = `/repos/${name}/hooks/${id}`
  const response = answered(
    await call({ kind: 'rest', method: 'DELETE', path }, caller),
    placeOf({}),
  )
  if (response.status === 204 || response.status === 404) return
  throw new Fault(faultOfResponse(response, {}))
}

function hooksIn({ hooks }: Registration['state']): readonly Hook[] {
  const items: readonly unknown[] = Array.isArray(hooks) ? hooks : []
  return items.flatMap((item) => {
    const { repository, id } = (item ?? {}) as Partial<Hook> & JsonObject
    const valid = typeof repository === 'string' && isRepository(repository) &&
      typeof id === 'string' && /^\d{1,20}$/.test(id)
    return valid ? [{ repository, id }] : []
  })
}
