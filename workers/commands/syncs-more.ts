// Workers: what is done to a sync that is there: pausing, filling again, logins, tables, and how it is.

import { findingLines, isFailed } from '../../src/sync/checks.ts'
import type { Administration } from '../../src/sync/setup-administration.ts'
import { statusLines, type SyncStatus } from '../../src/sync/setup-status.ts'
import { type Command, type CommandDeps, listOf, requiredOption, UsageError } from './command.ts'
import { bar } from './screen.ts'
import { readSecret } from '../secret.ts'
import { fieldsOf, loginLines, withAdmin } from './syncs-setup.ts'

function stateCommand(state: 'active' | 'paused', told: string): Command {
  return async ({ options, words: [named] }, deps) => {
    const id = named ?? requiredOption(options, 'sync')
    await withAdmin(deps, {}, (admin) => admin.setState(id, state))
    return [`${id} ${told}`]
  }
}

const pause = stateCommand(
  'paused',
  'is paused: mutations are refused, its tables are left as they are',
)
const resume = stateCommand('active', 'goes on')

const resync: Command = async ({ options }, deps) => {
  const id = requiredOption(options, 'sync')
  const names = await withAdmin(deps, {}, (admin) => admin.resync(id, options['table'] ?? null))
  return [
    `${names.join(', ')} will be filled again, beginning within seconds; rows stay in place`,
  ]
}

const password: Command = async ({ options, flags }, deps) => {
  const [syncId, user] = [requiredOption(options, 'sync'), requiredOption(options, 'user')]
  const login = await withAdmin(deps, options, (admin) => admin.grantLogin({ syncId, user }))
  return flags.has('json') ? [JSON.stringify(login, null, 2)] : loginLines(login)
}

const revoke: Command = async ({ options }, deps) => {
  const [syncId, user] = [requiredOption(options, 'sync'), requiredOption(options, 'user')]
  await withAdmin(deps, {}, (admin) => admin.revokeLogin({ syncId, user }))
  return [
    `${user}.${syncId} is revoked: new logins are refused within seconds, open sessions end within half a minute`,
  ]
}

const addTable: Command = async ({ options, flags }, deps) => {
  const syncId = requiredOption(options, 'sync')
  const objects = listOf(options['objects'] ?? requiredOption(options, 'object'))
  const fields = fieldsOf(options['fields']) ?? {}
  const dryRun = flags.has('dry-run')
  const done = await withAdmin(
    deps,
    {},
    (admin) => admin.addTables({ syncId, objects, fields, dryRun }),
  )
  const failed = isFailed(done.findings)
  const nothing = failed || dryRun ? 'Nothing was made.' : 'There is nothing new among them.'
  const last = done.tables.length === 0 ? nothing : `Made: ${done.tables.join(', ')}`
  return { lines: [...findingLines(done.findings), last], exitCode: failed ? 1 : 0 }
}

const removeTable: Command = async ({ options, flags }, deps) => {
  const [syncId, table] = [requiredOption(options, 'sync'), requiredOption(options, 'table')]
  if (flags.has('keep-tables') === flags.has('remove-tables')) {
    throw new UsageError('Say what becomes of it: --keep-tables or --remove-tables.')
  }
  const tables = flags.has('keep-tables') ? 'keep' : 'remove'
  await withAdmin(deps, {}, (admin) => admin.removeTable({ syncId, table, tables }))
  return [`${table} is ${tables === 'keep' ? 'a plain table now' : 'removed'}`]
}

const repair: Command = async ({ options }, deps) => {
  const id = requiredOption(options, 'sync')
  const { changed, later, notes } = await withAdmin(deps, {}, (admin) => admin.repair(id))
  return [
    `${id}: triggers, rights and comments are as they must be${
      changed ? '; columns have changed' : ''
    }`,
    ...later.map((table) => `${table} is in use: try again in a moment`),
    ...notes.map(({ table, note }) => `${table}: ${note}`),
  ]
}

const webhookSecret: Command = async ({ options }, deps) => {
  const syncId = requiredOption(options, 'sync')
  const secret = await readSecret('the secret that the platform signs its deliveries with')
  const { address } = await withAdmin(
    deps,
    {},
    (admin) => admin.setWebhookSecret({ syncId, secret }),
  )
  const told = address.startsWith('/')
    ? `${address} of the service's public address (SLUICE_PUBLIC_URL)`
    : address
  return [`the secret is kept; deliveries are heard at ${told}`]
}

/** Between two looks of `--watch`, in milliseconds. */
const watchMs = 1_000

const status: Command = async ({ options, flags }, deps) => {
  return await withAdmin(deps, {}, async (admin) => {
    if (flags.has('watch')) return await watch(deps, admin, options['sync'])
    const statuses = await read(admin, options['sync'])
    if (flags.has('json')) {
      return [JSON.stringify(options['sync'] === undefined ? statuses : statuses[0], null, 2)]
    }
    return statuses.flatMap((each) => [...statusLines(each, Date.now()), ''])
  })
}

async function read(admin: Administration, sync: string | undefined): Promise<SyncStatus[]> {
  const ids = sync === undefined ? (await admin.list()).map(({ id }) => id) : [sync]
  const statuses: SyncStatus[] = []
  for (const id of ids) statuses.push(await admin.status(id))
  return statuses
}

/** Until every table is filled (or failed), on a terminal in place, else a block at each change. */
async function watch(
  { print, isTerminal }: CommandDeps,
  admin: Administration,
  sync: string | undefined,
): Promise<string[]> {
  let shown = ''
  for (;;) {
    const statuses = await read(admin, sync)
    const lines = statuses.flatMap((each) => [
      ...statusLines(each, Date.now()),
      ...isTerminal ? barLines(each) : [],
      '',
    ])
    const text = lines.join('\n')
    if (text !== shown) print(isTerminal ? `${clear}${text}` : text)
    shown = text
    const busy = statuses.some(({ tables }) =>
      tables.some(({ phase, filledAt }) =>
        filledAt === null && phase !== 'paused' && phase !== 'failed'
      )
    )
    if (!busy) return ['Every table is filled.']
    await new Promise((resolve) => setTimeout(resolve, watchMs))
  }
}

/** The terminal is empty, and what comes begins at its top. */
const clear = '\x1b[H\x1b[2J'
const barWidth = 30

/** For each table that is being filled, how far it is. */
function barLines({ tables }: SyncStatus): string[] {
  const width = Math.max(0, ...tables.map(({ name }) => name.length))
  return tables.flatMap(({ name, listing, filledAt }) => {
    const total = listing?.total ?? 0
    if (listing === null || total === 0 || filledAt !== null) return []
    const share = Math.min(1, listing.rows / total)
    return [`${name.padEnd(width)}  ${bar(share, barWidth)} ${Math.floor(share * 100)} %`]
  })
}

export {
  addTable,
  password,
  pause,
  removeTable,
  repair,
  resume,
  resync,
  revoke,
  status,
  webhookSecret,
}
