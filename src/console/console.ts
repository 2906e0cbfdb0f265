// Room console: the routes. Whoever is not logged in sees the login and nothing else; whatever is posted carries the token
// of its session.

import { type Context, Hono } from 'hono'
import { backPage, connectAccount } from './account.ts'
import { createApi } from './api.ts'
import { type Asset, loadAssets } from './assets.ts'
import {
  confirmPage,
  doctorPage,
  dropSync,
  makeLogin,
  resync,
  revokeLogin,
  setAllow,
  setState,
} from './changes.ts'
import { checkPage, createSync, databaseAgain, progressFragment } from './checks.ts'
import { accountPage, databasePage, objectsPage, platformPage } from './create.ts'
import type { ConsoleDeps } from './deps.ts'
import { addEntrance } from './entrance.ts'
import { errorsPage } from './errors.ts'
import { pageHeaders } from './headers.ts'
import { homeFragment, homePage } from './home.ts'
import { pathOf } from './html.ts'
import { limitsFragment, limitsPage } from './limits.ts'
import { createLive } from './live.ts'
import { mutationPage } from './mutation.ts'
import { isStill, mutationsFragment, mutationsPage } from './mutations.ts'
import { problemPage, type Trouble, troubleOf } from './problem.ts'
import { answer, isForeign, refused, type Rooms } from './rooms.ts'
import { createSessions, isSame, type Session } from './session.ts'
import { syncPage, tablesFragment } from './sync.ts'
import { type Fragment, type Handler, readForm, seeOther, text, type Visit } from './visit.ts'

export interface Console {
  readonly app: Hono
  /** Ends what is sent live. */
  close(): void
}

const pages: readonly (readonly [string, Handler])[] = [
  ['', homePage],
  ['/mutations', mutationsPage],
  ['/mutations/:id', mutationPage],
  ['/limits', limitsPage],
  ['/errors', errorsPage],
  ['/new', platformPage],
  ['/new/account', (visit) => accountPage(visit)],
  ['/new/database', (visit) => databasePage(visit)],
  ['/syncs/:sync', syncPage],
  ['/syncs/:sync/doctor', doctorPage],
  ['/syncs/:sync/confirm/:action', confirmPage],
]

const posts: readonly (readonly [string, Handler])[] = [
  ['/new/account', connectAccount],
  ['/new/database', databaseAgain],
  ['/new/objects', objectsPage],
  ['/new/check', checkPage],
  ['/new/create', createSync],
  ['/syncs/:sync/pause', setState('paused')],
  ['/syncs/:sync/resume', setState('active')],
  ['/syncs/:sync/resync', resync],
  ['/syncs/:sync/allow', setAllow],
  ['/syncs/:sync/logins', makeLogin],
  ['/syncs/:sync/revoke', revokeLogin],
  ['/syncs/:sync/drop', dropSync],
]

const lives: readonly (readonly [string, Fragment])[] = [
  ['/live', homeFragment],
  ['/mutations/live', mutationsFragment],
  ['/limits/live', limitsFragment],
  ['/syncs/:sync/live', tablesFragment],
  ['/syncs/:sync/progress/live', progressFragment],
]

/** Makes the console. Its routes are below `/console`. */
export function createConsole(deps: ConsoleDeps): Console {
  const base = '/console'
  const prefix = new URL(deps.publicUrl).pathname.replace(/\/+$/, '')
  const assets = loadAssets()
  const live = createLive(deps)
  const ending = new AbortController()
  const rooms: Rooms = {
    ...deps,
    base: prefix + base,
    live,
    ending: ending.signal,
    sessions: createSessions(deps, { path: prefix + base }),
    headers: pageHeaders(new URL(deps.publicUrl).origin),
    view: (session) => ({
      base: prefix + base,
      assets,
      csrf: session?.csrf ?? '',
      now: deps.now(),
    }),
  }
  const app = new Hono()
  for (const asset of Object.values(assets) as Asset[]) addAsset(app, base, asset)
  app.get(`${base}/back`, (c) => answer(c, rooms, backPage({ view: rooms.view(null), c })))
  addEntrance(app, base, rooms)
  for (const [path, fragment] of lives) {
    app.get(base + path, (c) => guarded(c, rooms, (visit) => stream(visit, rooms, fragment)))
  }
  for (const [path, handler] of pages) app.get(base + path, (c) => guarded(c, rooms, handler))
  for (const [path, handler] of posts) app.post(base + path, (c) => posted(c, rooms, handler))
  // what was posted, and is asked for again
  app.get(`${base}/new/*`, () => seeOther(`${rooms.base}/new`))
  app.get(
    `${base}/syncs/:sync/allow`,
    (c) => seeOther(pathOf(rooms.base, 'syncs', c.req.param('sync'))),
  )
  app.all(
    `${base}/*`,
    (c) => guarded(c, rooms, ({ view }) => answer(c, rooms, problemPage(view, nowhere), 404)),
  )
  const close = () => {
    ending.abort()
    live.close()
  }
  return { app, close }
}

const yearSeconds = 31_536_000

function addAsset(app: Hono, base: string, { name, type, body }: Asset): void {
  app.get(`${base}/assets/${name}`, (c) =>
    c.body(body, 200, {
      'content-type': type,
      'cache-control': `public, max-age=${yearSeconds}, immutable`,
      'x-content-type-options': 'nosniff',
    }))
}

function stream(
  visit: Visit,
  { live, sessions }: Rooms,
  fragment: Fragment,
): Promise<Response> {
  const { c } = visit
  // a browser that hears this asks no more
  if (isStill(c)) return Promise.resolve(new Response(null, { status: 204 }))
  const isOpen = () => sessions.find(c) !== null
  return Promise.resolve(live.stream(() => fragment(visit), { signal: c.req.raw.signal, isOpen }))
}

/** For whoever is logged in; others are shown the login. */
async function guarded(c: Context, rooms: Rooms, handler: Handler): Promise<Response> {
  const session = rooms.sessions.find(c)
  if (session === null) return await toLogin(c, rooms)
  return await run(c, rooms, { session, handler, form: new URLSearchParams() })
}

/** For forms of whoever is logged in. */
async function posted(c: Context, rooms: Rooms, handler: Handler): Promise<Response> {
  const session = rooms.sessions.find(c)
  if (session === null) return await toLogin(c, rooms)
  let form: URLSearchParams
  try {
    form = await readForm(c.req.raw)
  } catch (error) {
    return await trouble(c, rooms, { session, error })
  }
  if (isForeign(c) || !isSame(text(form, 'csrf'), session.csrf)) {
    return await refused(c, rooms, session)
  }
  return await run(c, rooms, { session, handler, form })
}

async function run(
  c: Context,
  rooms: Rooms,
  { session, handler, form }: { session: Session; handler: Handler; form: URLSearchParams },
): Promise<Response> {
  const visit: Visit = {
    c,
    form,
    view: rooms.view(session),
    api: createApi(rooms, session.token),
    sealer: rooms.sealer,
    newName: () => nameOf(rooms.random(nameChars)),
  }
  try {
    return await answer(c, rooms, await handler(visit))
  } catch (error) {
    return await trouble(c, rooms, { session, error })
  }
}

const nameChars = 8
const letters = 'abcdefghijkmnpqrstuvwxyz23456789'

function nameOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => letters[byte % letters.length]).join('')
}

async function trouble(
  c: Context,
  rooms: Rooms,
  { session, error }: { session: Session; error: unknown },
): Promise<Response> {
  const known = troubleOf(error)
  if (known?.status === 401) {
    rooms.sessions.end(c)
    return await toLogin(c, rooms)
  }
  if (known === null) rooms.log.error('console.failed', { path: c.req.path, error })
  const { status, ...rest } = known ?? unforeseen
  return await answer(c, rooms, problemPage(rooms.view(session), { status, ...rest }), status)
}

const unforeseen: Trouble = {
  status: 500,
  title: 'Something went wrong',
  detail: 'It is no fault of yours; the log has it.',
  hint: null,
}

const nowhere: Trouble = {
  status: 404,
  title: 'There is no such page',
  detail: '',
  hint: null,
}

/** Back here afterwards, where something was only looked at. */
async function toLogin(c: Context, rooms: Rooms): Promise<Response> {
  const isPage = c.req.method === 'GET' && !c.req.path.endsWith('/live')
  if (!isPage && c.req.method === 'GET') return new Response(null, { status: 401 })
  const { pathname, search } = new URL(c.req.url)
  const next = isPage ? rooms.base + pathname.slice('/console'.length) + search : ''
  const query = next === '' || next === rooms.base ? '' : `?next=${encodeURIComponent(next)}`
  return await answer(c, rooms, seeOther(`${rooms.base}/login${query}`))
}
