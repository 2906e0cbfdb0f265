// Room console: login and logout.

import type { Context, Hono } from 'hono'
import { ApiProblem, createApi } from './api.ts'
import { pause } from './pause.ts'
import { createReading, type Reading } from './reading.ts'
import { answer, isForeign, refused, type Rooms } from './rooms.ts'
import { bouncePage, loginPage, safeNext } from './login.ts'
import { isSame } from './session.ts'
import { createThrottle, type Throttle } from './throttle.ts'
import { FormError, seeOther, text } from './visit.ts'

/** Answers that wait at once; one more is given at once. */
const lateMax = 1_000

interface Guards {
  readonly throttle: Throttle
  readonly reading: Reading
  /** Ends after so many milliseconds, or when nobody waits any more. */
  readonly late: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Adds GET and POST /login, POST /logout. */
export function addEntrance(app: Hono, base: string, rooms: Rooms): void {
  const guards = {
    throttle: createThrottle(rooms),
    reading: createReading(),
    late: createLate(rooms),
  }
  app.get(`${base}/login`, async (c) => {
    const next = c.req.query('next') ?? ''
    if (rooms.sessions.find(c) !== null) {
      return await answer(c, rooms, seeOther(safeNext(rooms.base, next)))
    }
    // a session's cookie does not come along with the first request from another site
    if (c.req.header('sec-fetch-site') === 'cross-site') {
      return await answer(c, rooms, bouncePage(rooms.view(null), safeNext(rooms.base, next)))
    }
    return await show(c, rooms, { problem: null, next })
  })
  app.post(`${base}/login`, (c) => logIn(c, rooms, guards))
  app.post(`${base}/logout`, (c) => logOut(c, rooms, guards))
}

function createLate(
  { ending, holdBack = pause }: Pick<Rooms, 'ending' | 'holdBack'>,
): Guards['late'] {
  let size = 0
  return async (ms, signal) => {
    if (ms === 0 || size >= lateMax) return
    size += 1
    try {
      await holdBack(ms, AbortSignal.any([signal, ending]))
    } finally {
      size -= 1
    }
  }
}

async function show(
  c: Context,
  rooms: Rooms,
  { problem, next, status = 200 }: { problem: string | null; next: string; status?: number },
): Promise<Response> {
  const offer = rooms.sessions.offer(c)
  return await answer(c, rooms, loginPage(rooms.view(null), { problem, next, offer }), status)
}

async function logIn(c: Context, rooms: Rooms, guards: Guards): Promise<Response> {
  const { throttle, late } = guards
  const form = await formOf(c, guards)
  if (form === null || isForeign(c) || !rooms.sessions.isOffered(c, text(form, 'csrf'))) {
    return await refused(c, rooms, null)
  }
  const next = text(form, 'next')
  const address = rooms.addressOf(c)
  const token = text(form, 'token')
  const problem = await flawOf(rooms, token)
  if (problem !== null) {
    const waitMs = throttle.fail(address)
    rooms.log.warn('console.login_refused', { address, waitMs })
    await late(waitMs, c.req.raw.signal)
    return await show(c, rooms, { problem, next, status: 401 })
  }
  throttle.forgive(address)
  rooms.log.info('console.login', { address })
  rooms.sessions.begin(c, token)
  return await answer(c, rooms, seeOther(safeNext(rooms.base, next)))
}

/** What is wrong with a token; null: it is an administrator's. */
async function flawOf(rooms: Rooms, token: string): Promise<string | null> {
  const wrong = 'That is no administrator’s token, or it was revoked.'
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) return wrong
  try {
    await createApi(rooms, token).get(['place'])
    return null
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error
    return error.status === 401 ? wrong : error.message
  }
}

async function logOut(c: Context, rooms: Rooms, guards: Guards): Promise<Response> {
  const form = await formOf(c, guards)
  const session = rooms.sessions.find(c)
  if (session !== null) {
    const isOurs = form !== null && !isForeign(c) && isSame(text(form, 'csrf'), session.csrf)
    if (!isOurs) return await refused(c, rooms, session)
    rooms.sessions.end(c)
  }
  return await answer(c, rooms, seeOther(`${rooms.base}/login`))
}

async function formOf(c: Context, { reading }: Guards): Promise<URLSearchParams | null> {
  try {
    return await reading.read(c.req.raw)
  } catch (error) {
    if (error instanceof FormError) return null
    throw error
  }
}
