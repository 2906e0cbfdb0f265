// A client for the tests of the sandbox: one request on a socket of its own, never sent again by a pool.

import { request } from 'node:http'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { type Json, parseJson } from '../../src/sandbox/json.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: ReturnType<typeof JSON.parse>
}

export interface Asking {
  readonly method?: string
  /** An object is sent as JSON, text as it is. */
  readonly body?: unknown
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a request to a path of the sandbox. Rejects when the socket is closed without an answer. */
export function ask(sandbox: Sandbox, path: string, asking: Asking = {}): Promise<Answer> {
  const { method = 'GET', body, token = 'sandbox', headers = {} } = asking
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port: sandbox.port,
      method,
      path,
      agent: false,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': byteLength(text) }),
        ...headers,
      },
    }, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => answer += chunk)
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: answer,
          get json() {
            return JSON.parse(answer)
          },
        }))
    })
    sent.on('error', reject)
    sent.end(text)
  })
}

function byteLength(text: string): string {
  return String(new TextEncoder().encode(text).length)
}

export const base = '/salesforce/services/data/v60.0'

/** A request to the REST API: `path` starts after the version. */
export function api(sandbox: Sandbox, path: string, asking: Asking = {}): Promise<Answer> {
  return ask(sandbox, `${base}${path}`, asking)
}

/** Makes a contact and gives its id. */
export async function makeContact(sandbox: Sandbox, fields: object = {}): Promise<string> {
  const answer = await api(sandbox, '/sobjects/Contact', {
    method: 'POST',
    body: { LastName: 'Test', ...fields },
  })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.json.id
}

/** The answer of a query. */
export function query(sandbox: Sandbox, soql: string, asking: Asking = {}): Promise<Answer> {
  return api(sandbox, `/query?q=${encodeURIComponent(soql)}`, asking)
}

/** The exchanges logged so far, of the REST API and its tokens. */
export async function exchanges(sandbox: Sandbox): Promise<ReturnType<typeof JSON.parse>[]> {
  const { text } = await ask(sandbox, '/_exchanges')
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line))
}

/** JSON with its numbers as text. */
export function exact(text: string): Json {
  return parseJson(text)
}
