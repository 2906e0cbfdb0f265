// Room service: what the HTTP API takes and gives, said once: requests are checked by these schemas, OpenAPI is made from
// them, and the typed client's types are theirs.

import { z } from '@hono/zod-openapi'
import { catalogue, type FaultCode } from '../../mutation/fault.ts'
import { lifeStates } from '../../mutation/life.ts'
import { operations } from '../../mutation/table.ts'

/** Records in one request; the platform's own limit is lower, and is checked by the engine. */
export const recordsMax = 1_000
/** Parameters of one statement: the protocol counts them in sixteen bits. */
const paramsMax = 65_535
/** Longest statement that Sluice looks into, in characters. */
const sqlMax = 1_000_000
export const pageMax = 200
const pageDefault = 50
export const keyCharsMax = 255

const uuid = z.uuid()
const time = z.iso.datetime({ offset: true })
const faultCodes = Object.keys(catalogue) as [FaultCode, ...FaultCode[]]

/** A row: column → value. */
export const recordSchema = z.record(z.string(), z.unknown()).openapi('Record', {
  description:
    'Column → value. Numbers (also bigint and numeric) are JSON numbers with every digit; booleans, json, jsonb and arrays ' +
    'are what they are in JSON; timestamps are RFC 3339 in UTC; every other type is the text that Postgres writes.',
  example: { first_name: 'Paul', last_name: 'Atreides', email: 'paul@dune.co' },
})

export const insertBodySchema = z.strictObject({
  records: z.array(recordSchema).min(1).max(recordsMax),
}).openapi('InsertRecords', {
  description: 'Records to insert, all in one mutation. One record may also stand by itself.',
})

export const updateBodySchema = z.strictObject({
  records: z.array(recordSchema).min(1).max(recordsMax),
}).openapi('UpdateRecords', {
  description:
    'Records to update, all in one mutation. Each has its `id` and the columns to set, the same ones in every record. One ' +
    'record may also stand by itself.',
  example: { records: [{ id: '0035j000000000LAAQ', first_name: "Muad'Dib" }] },
})

export const deleteBodySchema = z.strictObject({
  ids: z.array(z.string().min(1)).min(1).max(recordsMax),
}).openapi('DeleteRecords', { description: 'Ids of the records to delete, all in one mutation.' })

export const queryBodySchema = z.strictObject({
  sql: z.string().min(1).max(sqlMax).openapi({
    description: 'One statement, with `$1`, `$2`, … for its parameters.',
    example: 'select id, name from salesforce.contacts where email = $1',
  }),
  params: z.array(z.unknown()).max(paramsMax).optional().openapi({
    description:
      'Values for `$1`, `$2`, …: a list for a parameter of an array type, anything for one of type json or jsonb.',
    example: ['paul@dune.co'],
  }),
}).openapi('Query')

const mutationId = uuid.nullable().openapi({
  description: 'Id of the mutation; null where nothing was sent to a platform.',
})

const truncated = z.boolean().openapi({
  description:
    'The statement has written and returned more rows than are taken: these are the first.',
})

export const recordsAnswerSchema = z.object({
  records: z.array(recordSchema),
  mutation: mutationId,
}).openapi('Records', { description: 'The records as the platform has them now.' })

export const queryAnswerSchema = z.object({
  command: z.string().openapi({ example: 'SELECT' }),
  rowCount: z.int().nullable(),
  fields: z.array(z.object({ name: z.string(), type: z.string() })).openapi({
    description: 'The columns in their order, with their Postgres types.',
  }),
  rows: z.array(recordSchema),
  truncated,
  mutation: mutationId,
}).openapi('Result')

export const faultSchema = z.object({
  code: z.enum(faultCodes),
  sqlstate: z.string().length(5),
  message: z.string(),
  platform: z.string().optional(),
  detail: z.string().optional(),
  hint: z.string().optional(),
  schema: z.string().optional(),
  table: z.string().optional(),
  column: z.string().optional(),
  constraint: z.string().optional().openapi({ description: "The platform's own code." }),
  row: z.int().optional().openapi({ description: 'Position of the row in the request, from 1.' }),
}).openapi('Fault')

export const rowOutcomeSchema = z.object({
  ordinal: z.int().openapi({ description: 'Position in the request, from 1.' }),
  id: z.string().nullable(),
  state: z.enum(['written', 'refused', 'unknown', 'unsent']),
  values: z.record(z.string(), z.string().nullable()).nullable().optional().openapi({
    description: 'What the platform answered, as text; null for a deleted record.',
  }),
  fault: faultSchema.optional(),
}).openapi('RowOutcome')

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(faultCodes),
  sqlstate: z.string().length(5),
  fault: faultSchema,
  mutation: uuid.optional().openapi({ description: 'The mutation that was handed over.' }),
  rows: z.array(rowOutcomeSchema).optional().openapi({
    description: 'Where the platform has written some rows and refused others: each of them.',
  }),
}).openapi('Problem', { description: 'RFC 9457. `code` and `sqlstate` are those of the README.' })

export const mutationSchema = z.object({
  id: uuid,
  schema: z.string(),
  table: z.string(),
  operation: z.enum(operations),
  rows: z.int().openapi({ description: 'How many rows.' }),
  state: z.enum(lifeStates),
  receivedAt: time,
  sentAt: time.nullable(),
  answeredAt: time.nullable(),
  appliedAt: time.nullable(),
  fault: z.union([faultSchema, z.null()]),
}).openapi('Mutation')

export const mutationListSchema = z.object({
  mutations: z.array(mutationSchema),
  next: z.string().nullable().openapi({ description: 'Pass it as `cursor` for the next page.' }),
}).openapi('Mutations')

export const mutationEntrySchema = mutationSchema.extend({
  results: z.array(rowOutcomeSchema).openapi({
    description: 'What became of each row; empty while nobody knows.',
  }),
}).openapi('MutationWithRows')

export const listQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(pageMax).default(pageDefault),
  cursor: z.string().max(200).optional(),
  state: z.enum(lifeStates).optional(),
  table: z.string().min(1).max(keyCharsMax).optional(),
})

export const syncParam = z.string().openapi({ description: 'The sync: `sync_…`.' })

export type RecordsAnswer = z.infer<typeof recordsAnswerSchema>
export type QueryAnswer = z.infer<typeof queryAnswerSchema>
export type Problem = z.infer<typeof problemSchema>
export type RowOutcome = z.infer<typeof rowOutcomeSchema>
export type MutationItem = z.infer<typeof mutationSchema>
export type MutationList = z.infer<typeof mutationListSchema>
export type MutationEntry = z.infer<typeof mutationEntrySchema>
export type ListQuery = z.input<typeof listQuerySchema>
export type QueryBody = z.infer<typeof queryBodySchema>
