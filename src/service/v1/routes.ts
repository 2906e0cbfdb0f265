// Room service: the routes of the HTTP API, as data. OpenAPI, the page at /docs and the door itself are made from these.

import { createRoute, z } from '@hono/zod-openapi'
import {
  deleteBodySchema,
  insertBodySchema,
  keyCharsMax,
  listQuerySchema,
  mutationEntrySchema,
  mutationListSchema,
  problemSchema,
  queryAnswerSchema,
  queryBodySchema,
  recordsAnswerSchema,
  syncParam,
  updateBodySchema,
} from './schemas.ts'

/** Name of the bearer scheme in the document. */
export const securityName = 'token'

const security = [{ [securityName]: [] }]

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemSchema } },
})

const failures = {
  400: problem('The request does not have the documented form, or the statement is not supported.'),
  401: problem('The token is missing, wrong or revoked, or the platform refused its credential.'),
  403: problem('The platform, the database or another sync does not permit it. Nothing was sent.'),
  404: problem('No such sync, table or record. Nothing was sent.'),
  409: problem('A duplicate, a lock, or an idempotency key that is in use or was used otherwise.'),
  422: problem('The platform or the database refused a value. Nothing was written.'),
  429: problem("The platform's rate limit. Nothing was written; Retry-After says when."),
  503: problem('Something could not be reached. Nothing was sent; try again.'),
  504: problem(
    'The outcome is unknown (40003): look before you send it again. Or the time was up.',
  ),
}

const keyed = z.object({
  'idempotency-key': z.string().min(1).max(keyCharsMax).optional().openapi({
    description:
      'Makes the request safe to repeat: the same key and body get the recorded answer (`Idempotency-Replayed: true`), ' +
      'for at least 24 hours. The same key with another body is refused. An outcome that was unknown is looked up again, ' +
      'and an answer of more than 1 MiB is made anew from the database or, of a query, not given again.',
  }),
})

const body = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
})

const records = (description: string) => ({
  description,
  content: { 'application/json': { schema: recordsAnswerSchema } },
})

const partly = problem('Some rows were written and others refused (SL003): `rows` says which.')

const tablePath = '/v1/syncs/{sync}/tables/{table}/records'
const tableParams = z.object({
  sync: syncParam,
  table: z.string().openapi({ description: 'A synced table of the sync.', example: 'contacts' }),
})

export const insertRoute = createRoute({
  method: 'post',
  path: tablePath,
  operationId: 'insertRecords',
  summary: 'Insert records',
  description: 'Inserts records at the platform, then into the database. One mutation.',
  security,
  request: { params: tableParams, headers: keyed, body: body(insertBodySchema) },
  responses: {
    201: records('The records, with their ids and what the platform computed.'),
    207: partly,
    ...failures,
  },
})

export const updateRoute = createRoute({
  method: 'patch',
  path: tablePath,
  operationId: 'updateRecords',
  summary: 'Update records',
  description:
    'Updates records at the platform, then in the database. One mutation. If a record is missing nothing is sent (404).',
  security,
  request: { params: tableParams, headers: keyed, body: body(updateBodySchema) },
  responses: { 200: records('The records as they are now.'), 207: partly, ...failures },
})

export const deleteRoute = createRoute({
  method: 'delete',
  path: tablePath,
  operationId: 'deleteRecords',
  summary: 'Delete records',
  description:
    'Deletes records at the platform, then in the database. One mutation. Name them in the body or as `?id=…&id=…`. If a ' +
    'record is missing nothing is sent (404).',
  security,
  request: {
    params: tableParams,
    headers: keyed,
    query: z.object({ id: z.array(z.string()).optional() }),
    body: { ...body(deleteBodySchema), required: false },
  },
  responses: { 200: records('The records as they were.'), 207: partly, ...failures },
})

export const queryRoute = createRoute({
  method: 'post',
  path: '/v1/syncs/{sync}/query',
  operationId: 'query',
  summary: 'Run one statement',
  description:
    'Runs one SQL statement, a read or a mutation, as through the Postgres protocol and committed by itself. At most 10,000 ' +
    'rows and 16 MB are returned.\n\nIt runs as the database role of the sync, and reads and writes in the database what that ' +
    'role may, the synced tables of other syncs included where it may read them. A mutation goes to the tables of the ' +
    "token's own sync only: of any other it is refused with 403 and nothing is sent.",
  security,
  request: { params: z.object({ sync: syncParam }), headers: keyed, body: body(queryBodySchema) },
  responses: {
    200: {
      description: 'What the statement returned.',
      content: { 'application/json': { schema: queryAnswerSchema } },
    },
    207: partly,
    ...failures,
  },
})

export const listRoute = createRoute({
  method: 'get',
  path: '/v1/mutations',
  operationId: 'listMutations',
  summary: 'List mutations',
  description: "The mutations of the token's sync, newest first, from both doors.",
  security,
  request: { query: listQuerySchema },
  responses: {
    200: {
      description: 'One page.',
      content: { 'application/json': { schema: mutationListSchema } },
    },
    400: failures[400],
    401: failures[401],
    503: failures[503],
  },
})

export const readRoute = createRoute({
  method: 'get',
  path: '/v1/mutations/{id}',
  operationId: 'readMutation',
  summary: 'Read one mutation',
  description: 'One mutation with the outcome of each of its rows.',
  security,
  request: { params: z.object({ id: z.uuid() }) },
  responses: {
    200: {
      description: 'The mutation.',
      content: { 'application/json': { schema: mutationEntrySchema } },
    },
    401: failures[401],
    404: failures[404],
    503: failures[503],
  },
})

export const routes = [insertRoute, updateRoute, deleteRoute, queryRoute, listRoute, readRoute]
