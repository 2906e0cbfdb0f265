// Room sandbox: one call of GitHub's REST API, and its reply.

import { type Json, type JsonObject, scalarText } from '../../json.ts'
import { notFound, refused } from '../refusal.ts'
import type { Issue, Repository } from '../state/model.ts'
import {
  accountNamed,
  fullNameOf,
  issueNumbered,
  repositoryNamed,
  type Session,
} from '../state/session.ts'

export interface Call {
  readonly method: string
  readonly session: Session
  /** The parts of the path that the route names, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** The path without the query, as received. */
  readonly path: string
  readonly query: URLSearchParams
  /** The body. Throws `Refused` when it is no JSON object. */
  readonly body: () => JsonObject
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** null: no body. */
  readonly body: Json
}

export interface Route {
  readonly method: string
  /** `:name` is a part that is given to the call, `*` at the end any rest. */
  readonly path: string
  readonly run: (call: Call) => Reply
  /** Where its refusals say that it is documented, after `https://docs.github.com/rest`. */
  readonly docs: string
  /** Does it make something that others get to see? Counted against the limits on that. */
  readonly creates?: boolean
}

export function reply(
  status: number,
  body: Json,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers, body }
}

export const noContent: Reply = reply(204, null)

/** The reply to what made a record that has an address. */
export function created(body: JsonObject): Reply {
  return reply(201, body, { location: scalarText(body['url']) ?? '' })
}

export function param(call: Call, name: string): string {
  return call.params[name] ?? ''
}

/** A number in the path; -1 for what is none. */
export function numberParam(call: Call, name: string): number {
  const text = param(call, name)
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : -1
}

export function idParam(call: Call, name: string): bigint {
  const text = param(call, name)
  return /^[0-9]{1,20}$/.test(text) ? BigInt(text) : -1n
}

/** The repository that the path names. Throws `Refused`, also when it goes by another name now. */
export function repositoryParam(call: Call): Repository {
  const { session } = call
  const named = `${param(call, 'owner')}/${param(call, 'repo')}`
  const repository = repositoryNamed(session, named)
  if (repository === undefined) throw refused(notFound)
  if (fullNameOf(session, repository).toLowerCase() === named.toLowerCase()) return repository
  const rest = call.path.split('/').slice(4).map((part) => `/${part}`).join('')
  const url = `${session.base}/repositories/${repository.id}${rest}`
  throw refused({ kind: 'moved', url })
}

/** The issue or pull request that the path names. Throws `Refused`. */
export function issueParam(call: Call, repository: Repository): Issue {
  const { session } = call
  const number = numberParam(call, 'number')
  const issue = issueNumbered(session, repository, number)
  if (issue !== undefined) return issue
  const place = session.hub.gone.get(`${repository.id}#${number}`)
  if (place === undefined) throw refused(notFound)
  if (place === null) throw refused({ kind: 'gone', message: 'This issue was deleted' })
  throw refused({ kind: 'moved', url: `${session.base}${place}` })
}

export function accountParam(call: Call, name: string) {
  const account = accountNamed(call.session, param(call, name))
  if (account === undefined) throw refused(notFound)
  return account
}

/** The row, or a refusal for what is not there. */
export function found<T>(row: T | undefined): T {
  if (row === undefined) throw refused(notFound)
  return row
}
