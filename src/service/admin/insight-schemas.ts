// Room service: what administrators are shown of mutations, buckets and the place, said once.

import { z } from '@hono/zod-openapi'
import { lifeStates } from '../../mutation/life.ts'
import { operations, platforms } from '../../mutation/table.ts'
import { findingSchema } from './schemas.ts'

const count = z.int().nonnegative()
const moment = z.string().nullable()

const problemSchema = z.object({
  code: z.string(),
  sqlstate: z.string(),
  message: z.string(),
  detail: z.string().optional(),
  hint: z.string().optional(),
  column: z.string().optional(),
}).openapi('MutationFault')

const activity = z.object({
  id: z.string(),
  sync: z.string(),
  schema: z.string(),
  table: z.string(),
  operation: z.enum(operations),
  rows: count,
  by: z.string().nullable().openapi({
    description: 'The login that sent it, or `HTTP API`; null: not noted.',
  }),
  state: z.enum(lifeStates),
  receivedAt: z.string(),
  sentAt: moment,
  answeredAt: moment,
  appliedAt: moment,
  requests: count.nullable().openapi({ description: 'Requests that the platform was sent.' }),
  fault: problemSchema.nullable(),
})

export const activityListSchema = z.object({
  mutations: z.array(activity),
  next: z.string().nullable().openapi({ description: 'For `after`; null: that was all.' }),
}).openapi('MutationActivity')

const cell = z.object({
  column: z.string(),
  before: z.string().nullable().optional().openapi({ description: 'Absent: not known.' }),
  sent: z.string().nullable().optional().openapi({ description: 'Absent: it was not sent.' }),
  after: z.string().nullable().optional().openapi({ description: 'Absent: not answered.' }),
})

const change = z.object({
  ordinal: count,
  id: z.string().nullable(),
  state: z.enum(['written', 'refused', 'unknown', 'unsent', 'open']),
  fault: problemSchema.nullable(),
  earlier: z.object({ mutation: z.string(), at: z.string() }).nullable().openapi({
    description:
      'The mutation that `before` is known from. What others changed since is not in it.',
  }),
  cells: z.array(cell),
})

export const activityEntrySchema = activity.extend({
  upsertBy: z.string().nullable(),
  changes: z.array(change).openapi({ description: 'At most 200; secrets are redacted.' }),
  sends: z.array(z.object({ method: z.string(), path: z.string(), rows: count })).openapi({
    description: 'The write requests that such a mutation makes.',
  }),
}).openapi('MutationEntry')

const minute = z.object({
  at: z.string(),
  mutations: count,
  refused: count,
  unknown: count,
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
})

export const figuresSchema = z.object({
  minutes: z.array(minute).openapi({
    description: 'Minutes in which something was received; durations in milliseconds.',
  }),
  faults: z.array(z.object({ code: z.string(), blame: z.string(), count })),
  syncs: z.array(z.object({ sync: z.string(), mutations: count, failed: count })),
}).openapi('Figures')

const bucket = z.object({
  rule: z.string(),
  about: z.string(),
  key: z.string(),
  limit: count,
  windowMs: z.number().nullable().openapi({ description: 'Null: so many at one time.' }),
  used: z.number().openapi({
    description: 'Where `windowMs` is null: what processes have reserved, used or not.',
  }),
  left: z.number(),
  ahead: z.number().openapi({ description: 'Units promised to those who wait.' }),
  aheadMs: z.number().openapi({ description: 'When the last of them leaves.' }),
  blockedMs: z.number().openapi({ description: 'Nothing leaves for so long.' }),
})

export const bucketsSchema = z.object({
  connections: z.array(z.object({
    connection: z.string(),
    platform: z.enum(platforms),
    syncs: z.array(z.string()),
    waiting: count.openapi({
      description: 'Jobs that wait in this process for a turn, by platform.',
    }),
    underWay: count.openapi({ description: 'Mutations that have begun and are not settled.' }),
    buckets: z.array(bucket),
  })),
}).openapi('Buckets')

const quota = z.object({
  rule: z.string(),
  about: z.string(),
  left: z.number(),
  limit: count,
  blockedMs: z.number(),
})

export const overviewSchema = z.object({
  syncs: z.array(z.object({
    id: z.string(),
    platform: z.enum(platforms),
    schema: z.string(),
    state: z.enum(['active', 'paused']),
    tables: count,
    filling: count,
    failed: count,
    hints: count,
    secondsBehind: z.number().nullable(),
    mutations: count,
    failures: count,
    quota: quota.nullable().openapi({ description: 'The bucket that is fullest.' }),
  })),
  minutes: count.openapi({
    description: 'Over so many minutes mutations and failures are counted.',
  }),
}).openapi('Overview')

export const placeSchema = z.object({
  regions: z.array(z.object({ name: z.string(), host: z.string(), port: count })),
  outbound: z.array(z.string()),
  hosted: z.boolean(),
  platforms: z.array(z.object({
    platform: z.enum(platforms),
    oauth: z.boolean().openapi({ description: 'An app is registered: accounts can be connected.' }),
    app: z.boolean().openapi({ description: 'Installations of apps can be connected.' }),
    baseUrl: z.string(),
  })),
}).openapi('Place')

export const linkBodySchema = z.strictObject({
  platform: z.enum(platforms),
  baseUrl: z.string().min(1).max(4_000).optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  returnTo: z.string().max(2_000).optional().openapi({
    description: 'A path here, or an address at an origin of SLUICE_RETURN_ORIGINS.',
  }),
  anyAccount: z.boolean().optional(),
}).openapi('LinkConnection')

export const linkSchema = z.object({ url: z.string(), expiresAt: z.string() }).openapi(
  'ConnectLink',
)

export const objectsSchema = z.object({
  objects: z.array(z.object({
    object: z.string(),
    name: z.string(),
    fields: z.array(z.object({
      field: z.string(),
      name: z.string(),
      type: z.string(),
      required: z.boolean(),
      writable: z.boolean(),
    })),
  })).openapi({ description: 'What `all` means.' }),
  custom: z.array(z.string()).openapi({
    description:
      'Custom objects, which `all` leaves out and which can be named, as far as the account may list them.',
  }),
}).openapi('Objects')

export const rowsSchema = z.object({
  tables: z.array(z.object({
    name: z.string(),
    rows: count.nullable(),
    exact: z.boolean().openapi({ description: 'Else it is what Postgres estimates.' }),
  })),
}).openapi('TableRows')

export type LinkBody = z.infer<typeof linkBodySchema>
export type ActivityEntryAnswer = z.infer<typeof activityEntrySchema>
export type Change = z.infer<typeof change>
export type BucketsAnswer = z.infer<typeof bucketsSchema>
export type BucketAnswer = z.infer<typeof bucket>
export type OverviewAnswer = z.infer<typeof overviewSchema>
export type RowsAnswer = z.infer<typeof rowsSchema>
export type FindingAnswer = z.infer<typeof findingSchema>
