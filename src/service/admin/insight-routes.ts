// Room service: the routes by which administrators look at things, as data, like those of routes.ts.

import { createRoute, z } from '@hono/zod-openapi'
import { lifeStates } from '../../mutation/life.ts'
import { operations } from '../../mutation/table.ts'
import {
  activityEntrySchema,
  activityListSchema,
  bucketsSchema,
  figuresSchema,
  linkBodySchema,
  linkSchema,
  objectsSchema,
  overviewSchema,
  placeSchema,
  rowsSchema,
} from './insight-schemas.ts'
import { adminSecurityName, failures, jsonOf } from './routes.ts'
import { syncParam } from './schemas.ts'

const security = [{ [adminSecurityName]: [] }]
const text = z.string().min(1).max(200).optional()
const connection = z.object({ connection: z.string() })

/** The query of `mutations`. */
export const activityQuerySchema = z.strictObject({
  sync: text,
  table: text,
  operation: z.enum(operations).optional(),
  state: z.enum(lifeStates).optional(),
  by: text,
  q: text.openapi({ description: 'A part of an id, of a table, of a login, or of a value.' }),
  since: z.coerce.number().int().min(1).max(44_640).optional().openapi({
    description: 'Received in the last so many minutes; a day when absent.',
  }),
  after: text.openapi({ description: 'The `next` of the page before.' }),
  limit: z.coerce.number().int().min(1).max(200).optional(),
})

/** The query of `figures`. */
export const figuresQuerySchema = z.strictObject({
  sync: text,
  minutes: z.coerce.number().int().min(1).max(1_440).optional(),
})

export const insightRoutes = {
  overview: createRoute({
    method: 'get',
    path: '/v1/admin/overview',
    operationId: 'overview',
    summary: 'All syncs at a glance',
    security,
    responses: { 200: jsonOf(overviewSchema, 'The syncs.'), ...failures },
  }),
  mutations: createRoute({
    method: 'get',
    path: '/v1/admin/mutations',
    operationId: 'searchMutations',
    summary: 'Search the journal of all syncs',
    security,
    request: { query: activityQuerySchema },
    responses: { 200: jsonOf(activityListSchema, 'Newest first.'), ...failures },
  }),
  mutation: createRoute({
    method: 'get',
    path: '/v1/admin/mutations/{mutation}',
    operationId: 'inspectMutation',
    summary: 'Read a mutation, with its rows before and after',
    security,
    request: { params: z.object({ mutation: z.string() }) },
    responses: { 200: jsonOf(activityEntrySchema, 'The mutation.'), ...failures },
  }),
  figures: createRoute({
    method: 'get',
    path: '/v1/admin/figures',
    operationId: 'figures',
    summary: 'Mutations by minute, durations, refusals',
    security,
    request: { query: figuresQuerySchema },
    responses: {
      200: jsonOf(figuresSchema, 'An hour, unless `minutes` says otherwise.'),
      ...failures,
    },
  }),
  buckets: createRoute({
    method: 'get',
    path: '/v1/admin/buckets',
    operationId: 'listBuckets',
    summary: 'How full the rate buckets are',
    security,
    responses: { 200: jsonOf(bucketsSchema, 'By connection.'), ...failures },
  }),
  place: createRoute({
    method: 'get',
    path: '/v1/admin/place',
    operationId: 'readPlace',
    summary: 'Regions, outbound addresses, and what can be connected',
    security,
    responses: { 200: jsonOf(placeSchema, 'This installation.'), ...failures },
  }),
  link: createRoute({
    method: 'post',
    path: '/v1/admin/connections/{connection}/link',
    operationId: 'linkConnection',
    summary: 'Make the link by which a person connects an account with OAuth',
    security,
    request: {
      params: connection,
      body: { required: true, content: { 'application/json': { schema: linkBodySchema } } },
    },
    responses: { 201: jsonOf(linkSchema, 'Good once, for an hour.'), ...failures },
  }),
  objects: createRoute({
    method: 'get',
    path: '/v1/admin/connections/{connection}/objects',
    operationId: 'listObjects',
    summary: 'The objects and fields that can be synced',
    security,
    request: { params: connection },
    responses: { 200: jsonOf(objectsSchema, 'As the platform describes them now.'), ...failures },
  }),
  rows: createRoute({
    method: 'get',
    path: '/v1/admin/syncs/{sync}/rows',
    operationId: 'countRows',
    summary: 'How many rows the tables have',
    security,
    request: { params: z.object({ sync: syncParam }) },
    responses: { 200: jsonOf(rowsSchema, 'The tables.'), ...failures },
  }),
} as const
