// Room service: GET /oauth/{platform}/start and /callback. A browser gets pages, anybody else problems in JSON.

import type { Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { createHash, timingSafeEqual } from 'node:crypto'
import { never } from '../../lib/assert.ts'
import { fault, type FaultData } from '../../mutation/fault.ts'
import { faultFor, problemOf, problemResponse } from '../problem.ts'
import {
  finish,
  type Finished,
  type FlowDeps,
  introduce,
  isPlatform,
  start,
  type StartRequest,
  stateWaitMs,
} from './flow.ts'
import { page, pageHeaders } from './page.ts'

export type OAuthDeps = FlowDeps & { readonly newId: () => string }

/** Longer values are of nobody whom we sent. */
const valueCharsMax = 4_096
const proofBytes = 32

/** Adds the routes. */
export function addOAuth(app: Hono, deps: OAuthDeps): void {
  app.get('/oauth/:platform/start', (c) => guarded(c, deps, () => answerStart(c, deps)))
  app.get('/oauth/:platform/callback', (c) => guarded(c, deps, () => answerCallback(c, deps)))
}

async function guarded(
  c: Context,
  deps: OAuthDeps,
  answer: () => Promise<Response>,
): Promise<Response> {
  try {
    return await answer()
  } catch (error) {
    return await problem(c, faultFor(error, deps))
  }
}

/**
 * A link only shows what it would do: whoever is led to one without wanting it connects nothing. What goes on is a click on
 * the page, which the cookie that came with the page proves.
 */
async function answerStart(c: Context, deps: OAuthDeps): Promise<Response> {
  const platform = platformOf(c)
  const request: StartRequest = {
    platform,
    connection: queryOf(c, 'connection') ?? '',
    ticket: queryOf(c, 'ticket') ?? '',
    returnTo: queryOf(c, 'return'),
  }
  if (!isConfirmed(c, request)) return await answerIntroduction(c, deps, request)
  const { location, state, cookie } = await start(deps, request)
  setCookie(c, cookieName(state), cookie, {
    ...cookieAt(deps, platform, 'callback'),
    sameSite: 'Lax',
  })
  c.header('cache-control', 'no-store')
  c.header('referrer-policy', 'no-referrer')
  return c.redirect(location, 302)
}

async function answerIntroduction(
  c: Context,
  deps: OAuthDeps,
  request: StartRequest,
): Promise<Response> {
  const { platform } = request
  const { connection, account, host } = await introduce(deps, request)
  const proof = Buffer.from(deps.random(proofBytes)).toString('base64url')
  setCookie(c, proofName(request), proof, {
    ...cookieAt(deps, platform, 'start'),
    sameSite: 'Strict',
  })
  const query = new URLSearchParams(c.req.query())
  query.set('confirm', hashOf(proof))
  const lines = [
    `You are about to connect a ${platform} account to connection "${connection}".`,
    'What is written to the tables of this connection is written to that account from then on.',
    ...(account === null ? [] : [`It has to be the account ${account}, as before.`]),
    'If nobody has asked you to, close this page: nothing has happened yet.',
  ]
  const link = { href: `?${query}`, text: `Continue to ${host}` }
  return c.html(await page({ title: `Connect ${platform}`, lines, link }), 200, pageHeaders)
}

function isConfirmed(c: Context, request: StartRequest): boolean {
  const confirm = queryOf(c, 'confirm')
  const proof = getCookie(c, proofName(request))
  if (confirm === undefined || proof === undefined) return false
  const [shown, known] = [Buffer.from(confirm), Buffer.from(hashOf(proof))]
  return shown.length === known.length && timingSafeEqual(shown, known)
}

function cookieAt({ publicUrl }: OAuthDeps, platform: string, route: 'start' | 'callback') {
  const { protocol, pathname } = new URL(publicUrl)
  return {
    path: `${pathname.replace(/\/+$/, '')}/oauth/${platform}/${route}`,
    httpOnly: true,
    secure: protocol === 'https:',
    maxAge: stateWaitMs / 1000,
  }
}

async function answerCallback(c: Context, deps: OAuthDeps): Promise<Response> {
  const platform = platformOf(c)
  const state = queryOf(c, 'state') ?? ''
  const finished = await finish(deps, {
    platform,
    state,
    cookie: getCookie(c, cookieName(state)),
    code: queryOf(c, 'code'),
    error: queryOf(c, 'error'),
    errorDescription: queryOf(c, 'error_description'),
  })
  return await respond(c, finished)
}

async function respond(c: Context, finished: Finished): Promise<Response> {
  switch (finished.kind) {
    case 'failed':
      return await problem(c, finished.fault.data, finished.again)
    case 'connected': {
      const { connection, returnTo } = finished
      c.header('cache-control', 'no-store')
      if (returnTo !== undefined) return c.redirect(returnTo, 303)
      if (!wantsPage(c)) return c.json({ connection, state: 'connected' })
      const lines = [
        `The account of connection "${connection}" is connected.`,
        'You can close this page.',
      ]
      return c.html(await page({ title: 'Connected', lines }), 200, pageHeaders)
    }
    default:
      return never(finished)
  }
}

async function problem(c: Context, data: FaultData, again = ''): Promise<Response> {
  if (!wantsPage(c)) return problemResponse(data)
  const { title, status, detail } = problemOf(data)
  const lines = [detail, data.hint].filter((line) => line !== undefined)
  const link = again === '' ? {} : { link: { href: again, text: 'Try again' } }
  return c.html(await page({ title, lines, ...link }), status as 400, pageHeaders)
}

function platformOf(c: Context): string {
  const name = c.req.param('platform') ?? ''
  if (!isPlatform(name)) throw fault('not_found', { message: 'no such platform' })
  return name
}

function queryOf(c: Context, name: string): string | undefined {
  const value = c.req.query(name)
  if (value !== undefined && value.length > valueCharsMax) {
    throw fault('bad_request', { message: `the value of ${name} is too long` })
  }
  return value
}

/** Each authorization has a cookie of its own, so that two can be under way in one browser. */
function cookieName(state: string): string {
  return `sluice_oauth_${createHash('sha256').update(state).digest('hex').slice(0, 16)}`
}

/** Each link's page has a cookie of its own, too. */
function proofName({ connection, ticket }: StartRequest): string {
  const link = createHash('sha256').update(JSON.stringify([connection, ticket])).digest('hex')
  return `sluice_start_${link.slice(0, 16)}`
}

function hashOf(proof: string): string {
  return createHash('sha256').update(proof).digest('base64url')
}

function wantsPage(c: Context): boolean {
  return /\btext\/html\b/.test(c.req.header('accept') ?? '')
}
