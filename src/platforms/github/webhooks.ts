// Room platforms: what GitHub says when it calls. A delivery names records; what it carries of them is not used. Sources:
// GitHub Docs, Validating webhook deliveries; Webhook events and payloads.

import type { SyncedTable } from '../../mutation/table.ts'
import type { Values } from '../../mutation/mutation.ts'
import { isJsonObject, type Json, type JsonObject, toInteger, tryParseJson } from '../json.ts'
import type { Delivery, Registration, Settings, Touched } from '../platform.ts'
import { hmacSha256, isSameDigest } from '../signature.ts'
import { idOf } from './record.ts'
import { isRepository } from './settings.ts'

/** GitHub sends no more than that. */
export const bytesMax = 25 * 1024 * 1024

/** The events that tell of a table's records. */
export const eventsOf: Readonly<Record<string, readonly string[]>> = {
  issues: ['issues', 'issue_comment'],
  issue_comments: ['issue_comment'],
  labels: ['label'],
  milestones: ['milestone', 'issues'],
  releases: ['release'],
  pull_requests: ['pull_request', 'issue_comment'],
  repositories: ['repository'],
}

interface Receiving {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  readonly registration: Registration
  readonly tables: readonly SyncedTable[]
  readonly settings: Settings
}

/**
 * Looks at a delivery. GitHub's have no time in them: that one comes a second time its id tells.
 * Never throws, whatever a stranger sends.
 */
export function receive(receiving: Receiving): Delivery {
  const { headers, body, registration } = receiving
  if (body.length > bytesMax) return refused('it is longer than GitHub sends')
  const signature = digestIn(headers.get('x-hub-signature-256'))
  if (signature === undefined) return refused('it is not signed')
  if (registration.secret === '') return refused('there is no secret to check it with')
  if (!isSameDigest(signature, hmacSha256(registration.secret, body))) {
    return refused('its signature is not that of the secret')
  }
  const id = headers.get('x-github-delivery') ?? ''
  const event = headers.get('x-github-event') ?? ''
  if (!/^[\w-]{1,100}$/.test(id)) return refused('it has no id')
  const payload = payloadIn(receiving)
  if (payload === undefined) return refused('it cannot be read')
  return { kind: 'heard', id, collect: false, ...toldBy(event, payload, receiving) }
}

function refused(why: string): Delivery {
  return { kind: 'refused', why }
}

function digestIn(text = ''): Uint8Array | undefined {
  const hex = /^sha256=([0-9a-f]{64})$/i.exec(text)?.[1]
  return hex === undefined ? undefined : new Uint8Array(Buffer.from(hex, 'hex'))
}

/** JSON, or JSON in the field `payload` of a form: the two content types that a webhook can have. */
function payloadIn({ headers, body }: Receiving): JsonObject | undefined {
  const text = new TextDecoder().decode(body)
  const isForm = (headers.get('content-type') ?? '').startsWith('application/x-www-form-urlencoded')
  const json = tryParseJson(isForm ? new URLSearchParams(text).get('payload') ?? '' : text)
  return isJsonObject(json) ? json : undefined
}

type Told = Pick<Extract<Delivery, { kind: 'heard' }>, 'touched' | 'look'>

function toldBy(event: string, payload: JsonObject, { tables, settings }: Receiving): Told {
  const repository = member(payload, 'repository')
  const name = repository['full_name']
  if (typeof name !== 'string' || !isRepository(name)) return { touched: [], look: [] } // a ping
  const objects = new Set(tables.map(({ object }) => object))
  const touched = touchedBy(event, payload, name)
    .filter(({ object, ref }) => objects.has(object) && isOurs(ref.keys, settings))
  const look = lookedBy(event, payload).filter((object) => objects.has(object))
  const isOther = touched.length === 0 && !isOurs({ repository: name }, settings)
  return { touched, look: isOther ? [] : look }
}

/** A webhook of an organization tells of all its repositories. */
function isOurs(keys: Values, { repositories }: Settings): boolean {
  if (!Array.isArray(repositories)) return true
  const names: readonly unknown[] = repositories
  const name = keys['repository'] ?? keys['full_name'] ?? ''
  return names.some((one) => typeof one === 'string' && one.toLowerCase() === name.toLowerCase())
}

function touchedBy(event: string, payload: JsonObject, repository: string): readonly Touched[] {
  const issue = member(payload, 'issue')
  switch (event) {
    case 'issues':
      return [
        ...touchedRecord('issues', issue, repository),
        ...touchedRecord('milestones', member(issue, 'milestone'), repository),
        ...touchedRecord('milestones', member(payload, 'milestone'), repository),
        ...transferred(member(payload, 'changes')),
      ]
    case 'issue_comment': {
      const onPull = isJsonObject(issue['pull_request'])
      return [
        ...touchedRecord('issue_comments', member(payload, 'comment'), repository),
        ...onPull ? [] : touchedRecord('issues', issue, repository),
      ]
    }
    case 'label':
      return touchedRecord('labels', member(payload, 'label'), repository)
    case 'milestone':
      return touchedRecord('milestones', member(payload, 'milestone'), repository)
    case 'release':
      return touchedRecord('releases', member(payload, 'release'), repository)
    case 'pull_request':
      return [
        ...touchedRecord('pull_requests', member(payload, 'pull_request'), repository),
        ...touchedRecord(
          'milestones',
          member(member(payload, 'pull_request'), 'milestone'),
          repository,
        ),
      ]
    case 'repository':
      return touchedRecord('repositories', member(payload, 'repository'), repository)
    default:
      return []
  }
}

/** An issue that went to another repository is a new one there. */
function transferred(changes: JsonObject): readonly Touched[] {
  const name = member(changes, 'new_repository')['full_name']
  if (typeof name !== 'string' || !isRepository(name)) return []
  return touchedRecord('issues', member(changes, 'new_issue'), name)
}

function touchedRecord(
  object: string,
  record: JsonObject,
  repository: string,
): readonly Touched[] {
  const id = idOf(record)
  if (id === undefined) return []
  const { node_id: nodeId } = record
  const number = toInteger(record['number'])
  const keys = object === 'repositories' ? { full_name: repository } : {
    repository,
    ...(number === undefined ? {} : { number: String(number) }),
    ...(typeof nodeId === 'string' ? { node_id: nodeId } : {}),
  }
  return [{ object, ref: { id, keys } }]
}

/** What else changed, of which no record is named: a comment on a pull request, or everything, under another name. */
function lookedBy(event: string, payload: JsonObject): readonly string[] {
  if (event === 'repository') return Object.keys(eventsOf)
  const onPull = isJsonObject(member(payload, 'issue')['pull_request'])
  return event === 'issue_comment' && onPull ? ['pull_requests'] : []
}

function member(object: JsonObject, name: string): JsonObject {
  const value: Json | undefined = object[name]
  return isJsonObject(value) ? value : {}
}
