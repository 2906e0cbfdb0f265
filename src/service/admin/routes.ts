// Room service: the administrators' routes, as data. OpenAPI, the page at /docs and the routes themselves are made of these.

import { createRoute, z } from '@hono/zod-openapi'
import { problemSchema } from '../v1/schemas.ts'
import {
  addTablesBodySchema,
  changeBodySchema,
  connectionBodySchema,
  connectionGivenSchema,
  connectionListSchema,
  createBodySchema,
  createdSchema,
  databaseBodySchema,
  databaseListSchema,
  findingsSchema,
  loginBodySchema,
  loginSchema,
  repairedSchema,
  resyncBodySchema,
  syncListSchema,
  syncParam,
  syncStatusSchema,
  tablesDoneSchema,
  tablesSchema,
  webhookAddressSchema,
  webhookForgottenSchema,
  webhookSecretBodySchema,
} from './schemas.ts'

/** Name of the administrators' bearer scheme in the document. */
export const adminSecurityName = 'adminToken'

export type Repaired = z.infer<typeof repairedSchema>

const security = [{ [adminSecurityName]: [] }]

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

/** What every route may answer instead. */
export const failures = {
  400: problem(
    'The request does not have the documented form, or cannot be carried out: the hint says why.',
  ),
  401: problem("The token is missing, wrong or revoked, or is no administrator's."),
  404: problem('No such sync, table, login, connection or database.'),
  429: problem("The platform's rate limit."),
  503: problem('The platform, the database or the store could not be reached.'),
}

/** An answer in JSON. */
export const jsonOf = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

const body = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
})

const sync = z.object({ sync: syncParam })
const keep = z.enum(['keep', 'remove']).openapi({
  description:
    'keep: the tables become plain tables, with all their rows. remove: they are dropped.',
})
const ok = z.object({ ok: z.literal(true) })

export const adminRoutes = {
  create: createRoute({
    method: 'post',
    path: '/v1/admin/syncs',
    operationId: 'createSync',
    summary: 'Set up a sync',
    description:
      'Checks everything first: the credential and its permissions, the database and its rights, names, the role of ' +
      'clients. Then makes schema, tables and triggers, and a login whose password is shown once.',
    security,
    request: { body: body(createBodySchema) },
    responses: {
      200: jsonOf(createdSchema, 'A dry run: what was found, and what would be made.'),
      201: jsonOf(createdSchema, 'It is made; its tables are being filled.'),
      422: jsonOf(
        createdSchema,
        'A check failed, and nothing was made: `findings` says what to do.',
      ),
      ...failures,
    },
  }),
  list: createRoute({
    method: 'get',
    path: '/v1/admin/syncs',
    operationId: 'listSyncs',
    summary: 'List the syncs',
    security,
    responses: { 200: jsonOf(syncListSchema, 'All of them.'), ...failures },
  }),
  read: createRoute({
    method: 'get',
    path: '/v1/admin/syncs/{sync}',
    operationId: 'readSync',
    summary: 'Read a sync',
    description: 'How it is set up, and of each table how far it is and how fresh.',
    security,
    request: { params: sync },
    responses: { 200: jsonOf(syncStatusSchema, 'The sync.'), ...failures },
  }),
  change: createRoute({
    method: 'patch',
    path: '/v1/admin/syncs/{sync}',
    operationId: 'changeSync',
    summary: 'Pause, resume, or say from where clients may come',
    security,
    request: { params: sync, body: body(changeBodySchema) },
    responses: { 200: jsonOf(syncStatusSchema, 'The sync as it is now.'), ...failures },
  }),
  drop: createRoute({
    method: 'delete',
    path: '/v1/admin/syncs/{sync}',
    operationId: 'dropSync',
    summary: 'Drop a sync',
    description:
      'Pauses it, waits up to a minute for mutations under way, ends its webhook, revokes logins and tokens, lets go of ' +
      'its tables. The journal keeps its mutations. Asked again after a failure it goes on.',
    security,
    request: {
      params: sync,
      query: z.object({ tables: keep, force: z.enum(['true', 'false']).optional() }),
    },
    responses: { 200: jsonOf(findingsSchema, 'What was done.'), ...failures },
  }),
  resync: createRoute({
    method: 'post',
    path: '/v1/admin/syncs/{sync}/resync',
    operationId: 'resync',
    summary: 'Fill tables again',
    description: 'Lists all records again and repairs what differs; rows stay in place.',
    security,
    request: { params: sync, body: body(resyncBodySchema) },
    responses: {
      202: jsonOf(
        tablesSchema,
        'The tables; it begins within seconds, or when a paused sync is resumed.',
      ),
      ...failures,
    },
  }),
  repair: createRoute({
    method: 'post',
    path: '/v1/admin/syncs/{sync}/repair',
    operationId: 'repairSync',
    summary: 'Put back triggers, rights and columns',
    security,
    request: { params: sync },
    responses: { 200: jsonOf(repairedSchema, 'What was changed.'), ...failures },
  }),
  webhookSecret: createRoute({
    method: 'put',
    path: '/v1/admin/syncs/{sync}/webhook',
    operationId: 'setWebhookSecret',
    summary: 'Give the secret of a webhook that was set up at the platform',
    description:
      'For platforms whose webhooks Sluice cannot make itself, such as HubSpot, and for accounts with which it may not.',
    security,
    request: { params: sync, body: body(webhookSecretBodySchema) },
    responses: {
      200: jsonOf(webhookAddressSchema, 'Deliveries signed with it are heard at this address.'),
      ...failures,
    },
  }),
  forgetWebhookSecret: createRoute({
    method: 'delete',
    path: '/v1/admin/syncs/{sync}/webhook',
    operationId: 'forgetWebhookSecret',
    summary: 'Forget the secret of a webhook that was set up at the platform',
    security,
    request: { params: sync },
    responses: {
      200: jsonOf(webhookForgottenSchema, 'Deliveries signed with it are refused within seconds.'),
      ...failures,
    },
  }),
  doctor: createRoute({
    method: 'get',
    path: '/v1/admin/syncs/{sync}/doctor',
    operationId: 'examineSync',
    summary: 'Examine a sync',
    description:
      'Looks at credential, platform, database, triggers, rights, sync process, webhook, journal and clocks.',
    security,
    request: { params: sync },
    responses: {
      200: jsonOf(findingsSchema, 'What was found, each with what to do.'),
      ...failures,
    },
  }),
  addTables: createRoute({
    method: 'post',
    path: '/v1/admin/syncs/{sync}/tables',
    operationId: 'addTables',
    summary: 'Add tables',
    security,
    request: { params: sync, body: body(addTablesBodySchema) },
    responses: {
      200: jsonOf(tablesDoneSchema, 'A dry run.'),
      201: jsonOf(tablesDoneSchema, 'They are made, and are being filled.'),
      422: jsonOf(tablesDoneSchema, 'A check failed, and nothing was made.'),
      ...failures,
    },
  }),
  removeTable: createRoute({
    method: 'delete',
    path: '/v1/admin/syncs/{sync}/tables/{table}',
    operationId: 'removeTable',
    summary: 'Take a table out of a sync',
    security,
    request: {
      params: z.object({ sync: syncParam, table: z.string() }),
      query: z.object({ tables: keep }),
    },
    responses: { 200: jsonOf(tablesSchema, 'The table.'), ...failures },
  }),
  makeLogin: createRoute({
    method: 'post',
    path: '/v1/admin/syncs/{sync}/logins',
    operationId: 'makeLogin',
    summary: 'Make a login, or give it another password',
    security,
    request: { params: sync, body: body(loginBodySchema) },
    responses: { 201: jsonOf(loginSchema, 'The password is shown once.'), ...failures },
  }),
  revokeLogin: createRoute({
    method: 'delete',
    path: '/v1/admin/syncs/{sync}/logins/{user}',
    operationId: 'revokeLogin',
    summary: 'Revoke a login',
    security,
    request: { params: z.object({ sync: syncParam, user: z.string() }) },
    responses: { 200: jsonOf(ok, 'It is refused from now on.'), ...failures },
  }),
  connections: createRoute({
    method: 'get',
    path: '/v1/admin/connections',
    operationId: 'listConnections',
    summary: 'List the connections',
    security,
    responses: { 200: jsonOf(connectionListSchema, 'All of them, nothing secret.'), ...failures },
  }),
  giveConnection: createRoute({
    method: 'put',
    path: '/v1/admin/connections/{connection}',
    operationId: 'giveConnection',
    summary: 'Make a connection with a key or an app, or change it',
    security,
    request: { params: z.object({ connection: z.string() }), body: body(connectionBodySchema) },
    description: 'The platform is asked: a credential that it refuses is not kept.',
    responses: {
      200: jsonOf(connectionGivenSchema, 'It is active. A `warn`: the platform did not say.'),
      ...failures,
    },
  }),
  removeConnection: createRoute({
    method: 'delete',
    path: '/v1/admin/connections/{connection}',
    operationId: 'removeConnection',
    summary: 'Remove a connection that no sync uses',
    security,
    request: { params: z.object({ connection: z.string() }) },
    description:
      'Its credential is forgotten. What the platform has granted stays there: take it back there.',
    responses: { 200: jsonOf(ok, 'It is gone.'), ...failures },
  }),
  databases: createRoute({
    method: 'get',
    path: '/v1/admin/databases',
    operationId: 'listDatabases',
    summary: 'List the databases',
    security,
    responses: { 200: jsonOf(databaseListSchema, 'All of them, nothing secret.'), ...failures },
  }),
  changeDatabase: createRoute({
    method: 'patch',
    path: '/v1/admin/databases/{database}',
    operationId: 'changeDatabase',
    summary: 'Say how a database is reached',
    description:
      'After a password has changed, say. It must be the same database; it is checked first.',
    security,
    request: { params: z.object({ database: z.string() }), body: body(databaseBodySchema) },
    responses: {
      200: jsonOf(findingsSchema, 'It is reached so from now on.'),
      422: jsonOf(findingsSchema, 'A check failed, and nothing was changed.'),
      ...failures,
    },
  }),
} as const
