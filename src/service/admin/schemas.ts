// Room service: what the administrators' routes take and give, said once.

import { z } from '@hono/zod-openapi'
import { platforms } from '../../mutation/table.ts'

const texts = z.array(z.string().min(1).max(200)).max(1_000)
const url = z.string().min(1).max(4_000)

export const syncParam = z.string().min(1).max(64).openapi({
  description: 'Id of the sync.',
  example: 'sync_salesforce',
})

export const findingSchema = z.object({
  level: z.enum(['ok', 'warn', 'fail']),
  check: z.string(),
  about: z.string(),
  hint: z.string().optional(),
}).openapi('Finding', {
  description:
    '`fail`: it does not work until somebody does what the hint says. `warn`: somebody should know.',
})

const findings = z.array(findingSchema)

const bastionSchema = z.strictObject({
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65_535).optional().openapi({ description: '22 when absent.' }),
  user: z.string().min(1).max(255),
  privateKey: z.string().min(1).max(20_000).openapi({ description: 'PEM, without a passphrase.' }),
  hostKey: z.string().min(1).max(20_000).openapi({
    description: '`ssh-ed25519 AAAA…` or `SHA256:…`; no other is believed.',
  }),
}).openapi('Bastion', {
  description:
    'An SSH server through which the database is reached: host and port of its URLs are what this server connects to.',
})

const databaseSchema = z.union([
  z.strictObject({
    url: url.openapi({ description: 'postgres://… of the owner of schema and tables.' }),
    loginUrl: url.optional().openapi({
      description: 'postgres://… of the role that clients get; made when absent.',
    }),
    ca: z.string().max(100_000).optional().openapi({
      description: 'PEM of the authority for sslmode=verify-full.',
    }),
    ssh: bastionSchema.optional(),
  }),
  z.strictObject({ hosted: z.literal(true) }),
  z.strictObject({ id: z.string().min(1).max(100) }),
])

const objects = z.union([z.literal('all'), texts.min(1)], {
  error: 'it is a list of names, or "all"',
}).openapi({
  description:
    "The platform's names, or `all`: every object that is a table, of Salesforce and HubSpot the standard ones only; " +
    'custom objects are named.',
})
const fields = z.record(z.string(), texts.min(1)).openapi({
  description: 'By object; of an object that is not here, all fields.',
})
const allow = texts.min(1).openapi({
  description: 'Ranges that clients may come from: `10.0.0.0/8`.',
})

export const createBodySchema = z.strictObject({
  id: z.string().max(64).optional().openapi({
    description: '`sync_` and 6 to 32 lower-case letters and digits; made up when absent.',
  }),
  connection: z.string().min(1).max(100),
  database: databaseSchema,
  schema: z.string().min(1).max(63).optional().openapi({
    description: "The platform's name when absent.",
  }),
  objects: objects.default('all'),
  fields: fields.optional(),
  read: texts.optional().openapi({
    description: 'Schemas whose tables the login role may read too.',
  }),
  login: z.string().max(40).nullable().optional().openapi({
    description: 'Name of the login that is made: `app` when absent; null: none.',
  }),
  allow: allow.optional(),
  dryRun: z.boolean().optional().openapi({
    description: 'Only check, and tell what would be made.',
  }),
}).openapi('CreateSync')

export const loginSchema = z.object({
  login: z.string().openapi({ example: 'app.sync_salesforce' }),
  user: z.string(),
  password: z.string().openapi({ description: 'Shown once: only its SCRAM verifier is kept.' }),
  url: z.string().openapi({ description: 'Where there are several regions, that of the first.' }),
  psql: z.string(),
  urls: z.array(z.object({ region: z.string(), url: z.string() })).openapi({
    description: 'One for each region of SLUICE_REGIONS, in its order.',
  }),
}).openapi('Login')

export const createdSchema = z.object({
  sync: z.string(),
  schema: z.string(),
  tables: z.array(z.string()),
  findings,
  makes: z.array(z.string()).openapi({ description: 'What is made, or would be, in words.' }),
  made: z.boolean(),
  database: z.string().nullable(),
  login: loginSchema.nullable(),
}).openapi('CreatedSync')

const listed = z.object({
  id: z.string(),
  platform: z.enum(platforms),
  schema: z.string(),
  state: z.enum(['active', 'paused']),
  allow: z.array(z.string()).nullable(),
})
export const syncListSchema = z.object({ syncs: z.array(listed) }).openapi('SyncList')

const count = z.int().nonnegative()
const tableSchema = z.object({
  name: z.string(),
  object: z.string(),
  columns: count,
  phase: z.enum(['waiting', 'backfill', 'following', 'failed', 'paused']),
  listing: z.object({
    why: z.enum(['fill', 'scan']),
    pages: count,
    rows: count,
    total: count.nullable(),
    rowsPerSecond: count.nullable(),
    secondsLeft: count.nullable(),
  }).nullable().openapi({ description: 'The listing under way; null: none is.' }),
  filledAt: z.string().nullable(),
  secondsBehind: count.nullable(),
  hints: count.openapi({ description: 'Records that are to be read again.' }),
  agreement: z.number().nullable(),
  problem: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() })
    .nullable(),
  retired: z.array(z.object({
    name: z.string(),
    field: z.string(),
    type: z.string(),
    why: z.enum(['removed', 'retyped', 'unchosen']),
    on: z.string(),
  })).openapi({ description: 'Columns that the table still has and that are written no more.' }),
})

export const syncStatusSchema = listed.extend({
  connection: z.string(),
  database: z.string(),
  selection: z.object({ objects: objects.optional(), fields: fields.optional() }),
  logins: z.array(z.string()),
  webhook: z.object({
    address: z.string().openapi({
      description:
        'Where the platform calls; only the path where the service was not told its public address.',
    }),
    state: z.enum(['made', 'pasted', 'none']).openapi({
      description: 'pasted: a person has set it up at the platform and given its secret.',
    }),
    byItself: z.boolean().openapi({ description: 'Sluice can make it at the platform.' }),
    heardAt: z.string().nullable(),
    problem: z.string().nullable(),
  }).nullable().openapi({ description: 'Null: the platform has none.' }),
  tables: z.array(tableSchema),
}).openapi('SyncStatus')

export const changeBodySchema = z.strictObject({
  state: z.enum(['active', 'paused']).optional(),
  allow: allow.nullable().optional().openapi({ description: 'Null: from anywhere.' }),
}).openapi('ChangeSync')

export const resyncBodySchema = z.strictObject({
  table: z.string().min(1).max(63).optional().openapi({ description: 'All tables when absent.' }),
}).openapi('Resync')

export const addTablesBodySchema = z.strictObject({
  objects: texts.min(1),
  fields: fields.optional(),
  dryRun: z.boolean().optional(),
}).openapi('AddTables')

export const loginBodySchema = z.strictObject({ user: z.string().min(1).max(40) }).openapi(
  'MakeLogin',
)

export const webhookSecretBodySchema = z.strictObject({
  secret: z.string().min(1).max(1_000).openapi({
    description: 'What the platform signs its deliveries with.',
  }),
  force: z.boolean().optional().openapi({
    description: 'Also where Sluice has made the webhook itself, which ends then.',
  }),
}).openapi('WebhookSecret')

export const webhookForgottenSchema = z.object({
  byItself: z.boolean().openapi({ description: 'Sluice makes one at the platform now.' }),
}).openapi('WebhookForgotten')

export const webhookAddressSchema = z.object({ address: z.string() }).openapi('WebhookAddress')

export const findingsSchema = z.object({
  ok: z.boolean().openapi({ description: 'No finding is a `fail`.' }),
  findings,
}).openapi('Findings')

export const tablesSchema = z.object({ tables: z.array(z.string()) }).openapi('Tables')
export const tablesDoneSchema = z.object({ findings, tables: z.array(z.string()) }).openapi(
  'AddedTables',
)
export const repairedSchema = z.object({
  changed: z.boolean(),
  later: z.array(z.string()).openapi({
    description: 'Tables that could not be locked now: try again.',
  }),
  notes: z.array(z.object({ table: z.string(), note: z.string() })),
  refill: z.record(z.string(), z.string()).openapi({
    description: 'Tables that are filled anew, since something of them was missing, and why.',
  }),
}).openapi('Repaired')

export const connectionListSchema = z.object({
  connections: z.array(z.object({
    id: z.string(),
    platform: z.enum(platforms),
    kind: z.enum(['oauth', 'key', 'app']),
    state: z.enum(['active', 'revoked', 'unfinished']).openapi({
      description: 'revoked: the platform refused it. unfinished: nobody has connected it yet.',
    }),
    baseUrl: z.string(),
    account: z.string().nullable(),
    obtainedAt: z.string().nullable(),
    expiresAt: z.string().nullable(),
  })),
}).openapi('ConnectionList')

export const connectionBodySchema = z.strictObject({
  platform: z.enum(platforms),
  baseUrl: url.optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  key: z.string().min(1).max(10_000).optional(),
  app: z.strictObject({
    appId: z.string().min(1),
    installationId: z.string().min(1),
    privateKey: z.string().min(1).max(20_000).openapi({ description: 'PEM.' }),
  }).optional(),
}).refine(({ key, app }) => (key === undefined) !== (app === undefined), 'it has either key or app')
  .openapi('GiveConnection', {
    description: 'Either a key, or a GitHub App. With OAuth a person connects: `sluice connect`.',
  })

export const connectionGivenSchema = z.object({
  ok: z.literal(true),
  credential: findingSchema.openapi({ description: 'What the platform said of it.' }),
}).openapi('ConnectionGiven')

export const databaseListSchema = z.object({
  databases: z.array(z.object({
    id: z.string(),
    place: z.string(),
    name: z.string().openapi({ description: 'What clients connect to.' }),
    role: z.string().openapi({ description: 'The role of clients.' }),
    owner: z.string().nullable(),
    hosted: z.boolean(),
    syncs: z.array(z.string()),
  })),
}).openapi('DatabaseList')

export const databaseBodySchema = z.strictObject({
  url: url.optional(),
  loginUrl: url.optional(),
  ca: z.string().max(100_000).optional(),
  ssh: bastionSchema.nullable().optional().openapi({
    description: 'Absent: it stays as it is. Null: there is no bastion any more.',
  }),
}).openapi('ChangeDatabase')

export type CreateBody = z.infer<typeof createBodySchema>
export type ConnectionBody = z.infer<typeof connectionBodySchema>
export type DatabaseBody = z.infer<typeof databaseBodySchema>
export type Finding = z.infer<typeof findingSchema>
export type LoginAnswer = z.infer<typeof loginSchema>
export type CreatedAnswer = z.infer<typeof createdSchema>
export type SyncStatusAnswer = z.infer<typeof syncStatusSchema>
