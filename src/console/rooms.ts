// Room console: what its routes share.

import type { Context } from 'hono'
import type { ConsoleDeps } from './deps.ts'
import { withHeaders } from './headers.ts'
import type { Html } from './html.ts'
import type { Live } from './live.ts'
import { problemPage } from './problem.ts'
import type { Session, Sessions } from './session.ts'
import type { View } from './view.ts'

/** What the parts of the console share. */
export interface Rooms extends ConsoleDeps {
  /** Path below which it is, without a slash at the end. */
  readonly base: string
  readonly sessions: Sessions
  readonly live: Live
  /** When the console ends: whoever waits is answered. */
  readonly ending: AbortSignal
  readonly headers: Readonly<Record<string, string>>
  view(session: Pick<Session, 'csrf'> | null): View
}

/** Does the browser say that another site has sent this? */
export function isForeign(c: Context): boolean {
  const site = c.req.header('sec-fetch-site')
  return site === 'cross-site' || site === 'same-site'
}

/** A form that is not ours, or of a session that has ended. */
export async function refused(
  c: Context,
  rooms: Rooms,
  session: Session | null,
): Promise<Response> {
  const page = problemPage(rooms.view(session), {
    status: 403,
    title: 'This form is not of your session',
    detail: 'Nothing was done.',
    hint: 'Load the page again and try once more.',
  })
  return await answer(c, rooms, page, 403)
}

/** With the headers of all pages. */
export async function answer(
  c: Context,
  rooms: Pick<Rooms, 'headers'>,
  content: Html | Response,
  status = 200,
): Promise<Response> {
  if (content instanceof Response) return withHeaders(c, content, rooms.headers)
  const body = String(await content)
  const type = { 'content-type': 'text/html; charset=utf-8' }
  return withHeaders(c, new Response(body, { status, headers: type }), rooms.headers)
}
