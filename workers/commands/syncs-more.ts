// Workers: what is done to a sync that is there: pausing, filling again, logins, tables.

import { findingLines, isFailed } from '../../src/sync/checks.ts'
import { readSync } from '../../src/store/syncs.ts'
import { type Command, listOf, requiredOption, syncOf, UsageError, wantsJson } from './command.ts'
import { readSecret } from '../secret.ts'
import { addressText } from './syncs-deps.ts'
import { fieldsOf, loginLines, withAdmin } from './syncs-setup.ts'

function stateCommand(state: 'active' | 'paused', told: string): Command {
  return async (given, deps) => {
    const id = syncOf(given)
    await withAdmin(deps, {}, (admin) => admin.setState(id, state))
    return wantsJson(given) ? [JSON.stringify({ id, state }, null, 2)] : [`${id} ${told}`]
  }
}

const pause = stateCommand(
  'paused',
  'is paused: within seconds clients are disconnected and refused, and nothing is read from the platform ' +
    'until it is resumed. Nothing is deleted.',
)
const resume = stateCommand('active', 'goes on, within seconds')

const resync: Command = async (given, deps) => {
  const [id, table] = [syncOf(given), given.options['table'] ?? null]
  const names = await withAdmin(deps, {}, (admin) => admin.resync(id, table))
  const { state } = await readSync(deps.store, id)
  const when = state === 'active'
    ? 'beginning within seconds'
    : `beginning when the sync, which is paused, is resumed (sluice syncs resume --sync ${id})`
  return [
    `${names.join(', ')}: every row is compared with the platform, ${when}; what ` +
    'differs is put right, the other rows stay as they are',
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
  const nothing = failed || dryRun
    ? 'Nothing was made.'
    : options['fields'] === undefined
    ? 'There is nothing new among them.'
    : 'There is no new table among them. The fields are columns within ten minutes, or at once: ' +
      `sluice syncs repair --sync ${syncId}`
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

const repair: Command = async (given, deps) => {
  const id = syncOf(given)
  const done = await withAdmin(deps, {}, (admin) => admin.repair(id))
  const { changed, later, notes, refill } = done
  return [
    `${id}: triggers, rights and comments are as they must be${
      changed ? '; columns have changed' : ''
    }`,
    ...Object.entries(refill).map(([table, why]) =>
      `${table} is filled anew (${why}): every row is compared with the platform; rows that the platform does not ` +
      'have are removed'
    ),
    ...later.map((table) => `${table} is in use: try again in a moment`),
    ...notes.map(({ table, note }) => `${table}: ${note}`),
  ]
}

const webhookSecret: Command = async ({ options, flags }, deps) => {
  const syncId = requiredOption(options, 'sync')
  if (flags.has('forget')) {
    const { byItself } = await withAdmin(deps, {}, (admin) => admin.forgetWebhookSecret(syncId))
    const now = byItself
      ? 'Sluice makes the webhook itself, where SLUICE_PUBLIC_URL is set'
      : 'changes are found by asking'
    return [`the secret is forgotten; ${now}`]
  }
  const force = flags.has('force')
  const secret = await readSecret('the secret that the platform signs its deliveries with')
  const { address } = await withAdmin(
    deps,
    {},
    (admin) => admin.setWebhookSecret({ syncId, secret, force }),
  )
  return [`the secret is kept; deliveries are heard at ${addressText(address)}`]
}

export { addTable, password, pause, removeTable, repair, resume, resync, revoke, webhookSecret }
