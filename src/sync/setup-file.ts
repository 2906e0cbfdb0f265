// Room sync: the file that says what syncs there are to be: its form. Secrets are not in it, only the names of the
// environment variables that hold them.

import { z } from 'zod'
import { fault } from '../mutation/fault.ts'
import { platforms } from '../mutation/table.ts'

/** What is an id of a sync, and what to say of what is none. */
export const idPattern = /^sync_[a-z0-9]{6,32}$/
export const idHint = 'An id is sync_ and 6 to 32 lower-case letters and digits.'

const secret = z.strictObject({
  env: z.string().min(1).describe('Name of the environment variable that holds it.'),
})

const connection = z.strictObject({
  platform: z.enum(platforms),
  baseUrl: z.string().optional().describe(
    "Base URL of the API; the platform's usual one when absent.",
  ),
  settings: z.record(z.string(), z.unknown()).optional()
    .describe("The platform's settings: Airtable's base, GitHub's repositories, …"),
  key: secret.optional().describe('A key or token of the platform.'),
  app: z.strictObject({ appId: z.string(), installationId: z.string(), privateKey: secret })
    .optional()
    .describe("A GitHub App's installation."),
  oauth: z.literal(true).optional().describe(
    'Connected by a person, with the link of `sluice connect`.',
  ),
}).refine(
  ({ key, app, oauth }) => [key, app, oauth].filter((each) => each !== undefined).length === 1,
  'has exactly one of key, app and oauth',
)

const bastion = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).optional().describe('22 when absent.'),
  user: z.string().min(1),
  privateKey: secret.describe('PEM, without a passphrase.'),
  hostKey: z.string().min(1).describe('`ssh-ed25519 AAAA…` or `SHA256:…`; no other is believed.'),
})

const database = z.strictObject({
  url: secret.optional().describe('postgres://… of the owner of schema and tables.'),
  loginUrl: secret.optional().describe(
    'postgres://… of the role that clients get; made when absent.',
  ),
  ca: secret.optional().describe('PEM of the authority for sslmode=verify-full.'),
  ssh: bastion.optional().describe('An SSH server through which the database is reached.'),
  hosted: z.literal(true).optional().describe(
    'Made on the spot, on the server of SLUICE_HOSTED_URL.',
  ),
}).refine(
  ({ url, hosted }) => (url === undefined) !== (hosted === undefined),
  'has either url or hosted',
).refine(
  ({ ssh, hosted }) => ssh === undefined || hosted === undefined,
  'has no ssh where it is hosted',
)

const sync = z.strictObject({
  connection: z.string(),
  database: z.string(),
  schema: z.string().min(1).optional().describe("The platform's name when absent."),
  objects: z.union([z.literal('all'), z.array(z.string()).min(1)], {
    error: 'it is a list of names, or "all"',
  }).default('all').describe("The platform's names, or `all`, which it is when absent."),
  fields: z.record(z.string(), z.array(z.string()).min(1)).optional()
    .describe('By object; of an object that is not here, all fields.'),
  read: z.array(z.string()).optional()
    .describe('Schemas whose tables the login role may read too; granted when the sync is made.'),
  logins: z.array(z.string()).optional().describe(
    'Names; a password is made for each, and shown once.',
  ),
  allow: z.array(z.string()).optional().describe(
    'Ranges that clients may come from; anywhere when absent.',
  ),
  paused: z.boolean().optional(),
})

const file = z.strictObject({
  $schema: z.string().optional(),
  connections: z.record(z.string(), connection).optional(),
  databases: z.record(z.string(), database).optional(),
  syncs: z.record(z.string().regex(idPattern, idHint), sync),
})

export type SetupFile = z.infer<typeof file>
export type FileConnection = z.infer<typeof connection>
export type FileDatabase = z.infer<typeof database>
export type FileSync = z.infer<typeof sync>
export type Secret = z.infer<typeof secret>

/** JSON Schema of the file. */
export function setupFileSchema(): object {
  return z.toJSONSchema(file, { io: 'input' })
}

/** Reads the file's text. Throws `bad_request` with every place that is not as it must be. */
export function readSetupFile(text: string): SetupFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw fault('bad_request', { message: `the file is not JSON: ${why}` }, { cause })
  }
  const parsed = file.safeParse(value)
  if (parsed.success) return parsed.data
  const places = parsed.error.issues.map((issue) => {
    // of a name that cannot be, zod says why one level below
    const [inner] = issue.code === 'invalid_key' ? issue.issues : []
    return `${issue.path.join('.') || 'the file'}: ${inner?.message ?? issue.message}`
  })
  throw fault('bad_request', {
    message: 'the file is not as it must be',
    detail: places.join('; '),
    hint: 'sluice syncs schema prints its JSON Schema.',
  })
}
