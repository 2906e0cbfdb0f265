// A client for the tests of the sandbox's Stripe: parameters as form text, one socket per request.

import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask, type Asking } from './client.ts'

const formType = { 'content-type': 'application/x-www-form-urlencoded' }

/** A request to the v1 API: `path` starts after `/v1`; the parameters of a GET stand in it. */
export function stripe(
  sandbox: Sandbox,
  call: `${'GET' | 'POST' | 'DELETE' | 'PUT'} /${string}`,
  form = '',
  asking: Omit<Asking, 'body' | 'method'> = {},
): Promise<Answer> {
  const [method = 'GET', path = ''] = call.split(' ')
  return ask(sandbox, `/stripe/v1${path}`, {
    ...asking,
    method,
    ...(method === 'GET' ? {} : { body: form }),
    headers: { ...formType, ...asking.headers },
  })
}

/** Makes an object and gives it as Stripe answers it. Throws when it is refused. */
export async function make(
  sandbox: Sandbox,
  path: string,
  form: string,
): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await stripe(sandbox, `POST /${path}`, form)
  if (answer.status !== 200) throw new Error(`${path}: ${answer.text}`)
  return answer.json
}

/** The refusal of a request, without what belongs to the one request. */
export async function refused(
  sandbox: Sandbox,
  call: Parameters<typeof stripe>[1],
  form = '',
): Promise<{ status: number; error: ReturnType<typeof JSON.parse> }> {
  const { status, json } = await stripe(sandbox, call, form)
  const { request_log_url: _log, doc_url: _doc, ...error } = json.error
  return { status, error }
}

/** The ids of a list. */
export async function idsOf(sandbox: Sandbox, path: string): Promise<string[]> {
  const { status, json, text } = await stripe(sandbox, `GET /${path}`)
  if (status !== 200) throw new Error(text)
  return json.data.map(({ id }: { id: string }) => id)
}
