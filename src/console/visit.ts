// Room console: one request of somebody who is logged in, and how forms are read.

import { Buffer } from 'node:buffer'
import type { Context } from 'hono'
import type { Api } from './api.ts'
import type { Sealer } from './deps.ts'
import type { Html } from './html.ts'
import type { View } from './view.ts'

/** What a page works with. */
export interface Visit {
  readonly c: Context
  readonly view: View
  readonly api: Api
  /** What was posted; empty where nothing was. */
  readonly form: URLSearchParams
  readonly sealer: Sealer
  /** Eight letters and digits that nobody has had before. */
  readonly newName: () => string
}

/** A page, or where to go instead. */
export type Answer = Html | Response
export type Handler = (visit: Visit) => Promise<Answer>

/** A part of the page that is sent again whenever it changes. */
export type Fragment = (visit: Visit) => Promise<Html>

/** The longest form, in bytes: a thousand fields chosen, and a certificate. */
const formBytesMax = 1_048_576

/** A form that is not one: too long, too slow, or of another kind. */
export class FormError extends Error {
  override name = 'FormError'
}

/** The body of a POST; with the signal its reading ends. Throws FormError. */
export async function readForm(
  request: Request,
  { bytesMax = formBytesMax, signal }: { bytesMax?: number; signal?: AbortSignal } = {},
): Promise<URLSearchParams> {
  const type = request.headers.get('content-type') ?? ''
  if (!type.startsWith('application/x-www-form-urlencoded')) throw new FormError('Not a form')
  const length = Number(request.headers.get('content-length') ?? '0')
  if (length > bytesMax) throw new FormError('The form is too long')
  const reader = request.body?.getReader()
  if (reader === undefined) return new URLSearchParams()
  const giveUp = () => void reader.cancel().catch(() => {})
  signal?.addEventListener('abort', giveUp)
  if (signal?.aborted === true) giveUp()
  try {
    const body = await readAll(reader, bytesMax)
    if (signal?.aborted === true) throw new FormError('The form takes too long')
    return new URLSearchParams(new TextDecoder().decode(body))
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks)
    size += value.length
    if (size > bytesMax) {
      void reader.cancel().catch(() => {})
      throw new FormError('The form is too long')
    }
    chunks.push(value)
  }
}

/** A field without spaces around it; empty where it is missing. */
export function text(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? '').trim()
}

/** See other: what was posted is not posted again when the page is loaded again. */
export function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { location } })
}

/** Words between commas or on lines of their own. */
export function words(value: string): string[] {
  return value.split(/[\s,]+/).filter((word) => word !== '')
}

/** A part of the path. */
export function param({ c }: Pick<Visit, 'c'>, name: string): string {
  return c.req.param(name) ?? ''
}
