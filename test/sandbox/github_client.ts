// A client for the tests of the sandbox's GitHub: the REST door, the GraphQL door, and an app's JWT.

import { Buffer } from 'node:buffer'
import { sign } from 'node:crypto'
import { appPrivateKey } from '../../src/sandbox/github/access/key.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask, type Asking } from './client.ts'

/** A request to the REST API: `path` starts after the platform's prefix. */
export function rest(sandbox: Sandbox, path: string, asking: Asking = {}): Promise<Answer> {
  const headers = { 'user-agent': 'test', ...asking.headers }
  return ask(sandbox, `/github${path}`, { ...asking, headers })
}

export function post(sandbox: Sandbox, path: string, body: unknown): Promise<Answer> {
  return rest(sandbox, path, { method: 'POST', body })
}

export function patch(sandbox: Sandbox, path: string, body: unknown): Promise<Answer> {
  return rest(sandbox, path, { method: 'PATCH', body })
}

/** What the GraphQL API answers, which must have status 200. */
export async function graph(
  sandbox: Sandbox,
  query: string,
  variables: object = {},
): Promise<ReturnType<typeof JSON.parse>> {
  const { status, text, json } = await post(sandbox, '/graphql', { query, variables })
  if (status !== 200) throw new Error(`${status} ${text}`)
  return json
}

/** A JWT signed by the sandbox's app, with claims of one's own. */
export function jwtOf(claims: object, key: string = appPrivateKey): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}
