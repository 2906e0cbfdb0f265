// Room console: who is logged in. The session is a sealed cookie: nobody can read, change or make one but this
// installation; it ends after twelve hours, at logout, or when its token is revoked.

import { Buffer } from 'node:buffer'
import { timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { ConsoleDeps } from './deps.ts'

/** How long a session lasts, in milliseconds. */
export const sessionMs = 12 * 60 * 60_000
/** How long the login form is good. */
const formMs = 60 * 60_000
const cookieName = 'sluice_console'
const formCookieName = 'sluice_console_form'
const secretBytes = 24
/** Sessions remembered as ended; whoever logs out often forgets the oldest, which ends by itself. */
const endedMax = 10_000

export interface Session {
  readonly id: string
  /** The administrator's token. */
  readonly token: string
  /** What every form of the session carries. */
  readonly csrf: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

export interface Sessions {
  /** The session of a request; null: there is none. */
  find(c: Context): Session | null
  begin(c: Context, token: string): void
  /** Takes the cookie away, and the session's validity in this process. */
  end(c: Context): void
  /** What the login form has to bring back; sets its cookie. */
  offer(c: Context): string
  /** Is the form one that this browser was given? */
  isOffered(c: Context, shown: string): boolean
}

export function createSessions(deps: ConsoleDeps, { path }: { path: string }): Sessions {
  const { sealer, now, publicUrl } = deps
  const secure = publicUrl.startsWith('https:')
  const cookie = { path, httpOnly: true, secure, sameSite: 'Strict' } as const
  const ended = new Set<string>()
  const secret = () => Buffer.from(deps.random(secretBytes)).toString('base64url')
  const find = (c: Context): Session | null => {
    const text = sealer.open('session', getCookie(c, cookieName) ?? '')
    const session = text === null ? null : JSON.parse(text) as Session
    return session === null || session.expiresAt <= now() || ended.has(session.id) ? null : session
  }
  return {
    find,
    begin: (c, token) => {
      const session = { id: secret(), token, csrf: secret(), expiresAt: now() + sessionMs }
      const sealed = sealer.seal('session', JSON.stringify(session))
      setCookie(c, cookieName, sealed, { ...cookie, maxAge: sessionMs / 1_000 })
      deleteCookie(c, formCookieName, cookie)
    },
    end: (c) => {
      const session = find(c)
      if (session !== null) ended.add(session.id)
      const oldest = ended.values().next()
      if (ended.size > endedMax && !oldest.done) ended.delete(oldest.value)
      deleteCookie(c, cookieName, cookie)
    },
    offer: (c) => {
      const known = getCookie(c, formCookieName)
      const offered = known !== undefined && /^[\w-]{32}$/.test(known) ? known : secret()
      setCookie(c, formCookieName, offered, { ...cookie, maxAge: formMs / 1_000 })
      return offered
    },
    isOffered: (c, shown) => isSame(shown, getCookie(c, formCookieName)),
  }
}

/** Compared in constant time; what is missing equals nothing. */
export function isSame(shown: string, known: string | undefined): boolean {
  const [one, other] = [Buffer.from(shown), Buffer.from(known ?? '')]
  return other.length > 0 && one.length === other.length && timingSafeEqual(one, other)
}
