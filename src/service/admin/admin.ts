// Room service: setting up, changing, examining and dropping syncs over HTTP, for administrators.

import { type Context, Hono } from 'hono'
import type { Log } from '../../lib/log.ts'
import { fault } from '../../mutation/fault.ts'
import { listDatabases } from '../../store/databases.ts'
import { checkText } from '../v1/lossless.ts'
import type { Administration } from './administration.ts'
import { checkAdmin } from './authentication.ts'
import { bodyOf, param } from './body.ts'
import { addInsight, type InsightDeps } from './insight.ts'
import { adminRoutes } from './routes.ts'
import {
  addTablesBodySchema,
  changeBodySchema,
  connectionBodySchema,
  createBodySchema,
  databaseBodySchema,
  loginBodySchema,
  resyncBodySchema,
  webhookSecretBodySchema,
} from './schemas.ts'

export interface AdminDoorDeps extends InsightDeps {
  readonly administration: Administration
  readonly log: Log
}

type Handler = (c: Context) => Promise<Response>

/** Adds the routes of `adminRoutes`; anything else below /v1/admin is not found. */
export function addAdmin(app: Hono, deps: AdminDoorDeps): void {
  const { store, log } = deps
  app.use('/v1/admin/*', async (c, next) => {
    const token = await checkAdmin(store, c.req.header('authorization'))
    c.header('cache-control', 'no-store')
    if (c.req.method !== 'GET') {
      log.info('admin.request', { token, method: c.req.method, path: c.req.path })
    }
    for (const [name, value] of Object.entries(c.req.query())) {
      checkText(value, `the value of ${name}`)
    }
    await next()
  })
  const add: Add = ({ method, path }, handler) => {
    app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), handler)
  }
  addSyncs(add, deps)
  addParts(add, deps)
  addPlaces(add, deps)
  addInsight(add, deps)
  app.all('/v1/admin/*', () => {
    throw fault('not_found', { message: 'no such route' })
  })
}

type Add = (route: { method: string; path: string }, handler: Handler) => void

function addSyncs(add: Add, { administration: admin }: AdminDoorDeps): void {
  add(adminRoutes.create, async (c) => {
    const { dryRun = false, ...body } = await bodyOf(c, createBodySchema)
    const created = await admin.create(body, { dryRun })
    return c.json(created, created.made ? 201 : dryRun ? 200 : 422)
  })
  add(adminRoutes.list, async (c) => {
    const syncs = (await admin.list()).map((sync) => ({
      ...sync,
      state: sync.state === 'active' ? 'active' : 'paused',
    }))
    return c.json({ syncs })
  })
  add(adminRoutes.read, async (c) => c.json(await admin.status(param(c, 'sync'))))
  add(adminRoutes.change, async (c) => {
    const sync = param(c, 'sync')
    const { state, allow } = await bodyOf(c, changeBodySchema)
    if (allow !== undefined) await admin.setAllow(sync, allow)
    if (state !== undefined) await admin.setState(sync, state)
    return c.json(await admin.status(sync))
  })
  add(adminRoutes.drop, async (c) => {
    const force = c.req.query('force') === 'true'
    const findings = await admin.drop({ syncId: param(c, 'sync'), tables: tablesOf(c), force })
    return c.json({ ok: true, findings })
  })
}

function addParts(add: Add, { administration: admin }: AdminDoorDeps): void {
  add(adminRoutes.resync, async (c) => {
    const { table = null } = await bodyOf(c, resyncBodySchema)
    return c.json({ tables: await admin.resync(param(c, 'sync'), table) }, 202)
  })
  add(adminRoutes.repair, async (c) => {
    const { changed, later, notes, refill } = await admin.repair(param(c, 'sync'))
    return c.json({ changed, later, notes, refill })
  })
  add(adminRoutes.webhookSecret, async (c) => {
    const { secret, force = false } = await bodyOf(c, webhookSecretBodySchema)
    return c.json(await admin.setWebhookSecret({ syncId: param(c, 'sync'), secret, force }))
  })
  add(
    adminRoutes.forgetWebhookSecret,
    async (c) => c.json(await admin.forgetWebhookSecret(param(c, 'sync'))),
  )
  add(adminRoutes.doctor, async (c) => c.json(told(await admin.doctor(param(c, 'sync')))))
  add(adminRoutes.addTables, async (c) => {
    const { objects, fields = {}, dryRun = false } = await bodyOf(c, addTablesBodySchema)
    const done = await admin.addTables({ syncId: param(c, 'sync'), objects, fields, dryRun })
    const failed = !told(done.findings).ok
    return c.json(done, failed ? 422 : dryRun ? 200 : 201)
  })
  add(adminRoutes.removeTable, async (c) => {
    const options = { syncId: param(c, 'sync'), table: param(c, 'table'), tables: tablesOf(c) }
    return c.json({ tables: await admin.removeTable(options) })
  })
  add(adminRoutes.makeLogin, async (c) => {
    const { user } = await bodyOf(c, loginBodySchema)
    return c.json(await admin.grantLogin({ syncId: param(c, 'sync'), user }), 201)
  })
  add(adminRoutes.revokeLogin, async (c) => {
    await admin.revokeLogin({ syncId: param(c, 'sync'), user: param(c, 'user') })
    return c.json({ ok: true })
  })
}

function addPlaces(add: Add, { administration: admin, store }: AdminDoorDeps): void {
  add(adminRoutes.connections, async (c) => c.json({ connections: await admin.connections() }))
  add(adminRoutes.giveConnection, async (c) => {
    const body = await bodyOf(c, connectionBodySchema)
    const credential = await admin.giveConnection(param(c, 'connection'), body)
    return c.json({ ok: true, credential })
  })
  add(adminRoutes.removeConnection, async (c) => {
    await admin.removeConnection(param(c, 'connection'))
    return c.json({ ok: true })
  })
  add(adminRoutes.databases, async (c) => {
    const [listed, known] = await Promise.all([admin.databases(), listDatabases(store)])
    const names = new Map(known.map(({ id, address }) => [id, address.database]))
    // one that was forgotten between the two has no name, and no sync
    return c.json({
      databases: listed.map((each) => ({ ...each, name: names.get(each.id) ?? '' })),
    })
  })
  add(adminRoutes.changeDatabase, async (c) => {
    const body = await bodyOf(c, databaseBodySchema)
    const answer = told(await admin.changeDatabase(param(c, 'database'), body))
    return c.json(answer, answer.ok ? 200 : 422)
  })
}

function told<T extends { readonly level: string }>(findings: readonly T[]) {
  return { ok: findings.every(({ level }) => level !== 'fail'), findings }
}

/** Nothing is removed unless somebody says so. Throws `bad_request`. */
function tablesOf(c: Context): 'keep' | 'remove' {
  const tables = c.req.query('tables')
  if (tables === 'keep' || tables === 'remove') return tables
  throw fault('bad_request', {
    message: 'say what becomes of the tables',
    hint: '?tables=keep makes them plain tables, ?tables=remove drops them.',
  })
}
