// Workers: `sluice syncs create`, `apply`, `schema`, `drop`: syncs come and go.

import { readFileSync } from 'node:fs'
import { parseDatabaseUrl } from '../../src/sync/setup-address.ts'
import { findingLines, isFailed } from '../../src/sync/checks.ts'
import type { GrantedLogin } from '../../src/sync/logins.ts'
import {
  type Administration,
  createAdministration,
  type Created,
} from '../../src/sync/setup-administration.ts'
import { allowOf } from '../../src/store/syncs.ts'
import { readWebhookBase } from '../../src/store/webhooks.ts'
import { readSetupFile, setupFileSchema } from '../../src/sync/setup-file.ts'
import { numberEnv, optionalEnv } from '../environment.ts'
import {
  type Command,
  type CommandDeps,
  type Lines,
  listOf,
  type Options,
  requiredOption,
  revealed,
  UsageError,
} from './command.ts'
import { bastionIn } from './syncs-bastion.ts'
import { openAdmin } from './syncs-deps.ts'

/** Runs the work with an administration, and closes what it has opened. `host`, `port`: where clients find listeners. */
export async function withAdmin<T>(
  { store, local }: CommandDeps,
  { host, port }: { host?: string | undefined; port?: string | undefined },
  work: (admin: Administration) => Promise<T>,
): Promise<T> {
  const listener = {
    ...host === undefined ? {} : { host },
    ...port === undefined ? {} : { port: portOf(port) },
  }
  const given = optionalEnv('SLUICE_HOSTED_URL') !== undefined || !local
  const opened = openAdmin(store, {
    local,
    listener,
    // that of this shell may be another than the service's
    publicUrl: await readWebhookBase(store),
    ...given ? {} : { hosted: embedded() },
  })
  try {
    return await work(createAdministration(opened.deps))
  } finally {
    await opened.close()
  }
}

/** The Postgres of `npm start`. */
function embedded() {
  const port = numberEnv('SLUICE_DATABASE_PORT', { otherwise: 6433, min: 1, max: 65_535 })
  return parseDatabaseUrl(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`)
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new UsageError('--port is a number from 1 to 65535')
}

/** The certificate authority that a file holds. */
export function caOf({ 'ca-file': file }: Options): { ca?: string } {
  if (file === undefined) return {}
  try {
    return { ca: readFileSync(file, 'utf8') }
  } catch {
    throw new UsageError(`--ca-file: cannot read ${file}`)
  }
}

/** `Contact:Email,Contact:Name` → by object. */
export function fieldsOf(text: string | undefined): Record<string, string[]> | undefined {
  if (text === undefined) return undefined
  const fields = new Map<string, string[]>()
  for (const part of listOf(text)) {
    const at = part.indexOf(':')
    if (at < 1 || at === part.length - 1) {
      throw new UsageError('--fields is object:field,object:field,…')
    }
    const [object, field] = [part.slice(0, at), part.slice(at + 1)]
    fields.set(object, [...fields.get(object) ?? [], field])
  }
  return Object.fromEntries(fields)
}

const create: Command = async ({ options, flags }, deps) => {
  const { host, port, platform } = options
  const connection = requiredOption(options, 'connection')
  const { id, schema, objects = 'all', read, user, allow } = options
  const fields = fieldsOf(options['fields'])
  const ranges = allow === undefined ? null : allowOf(allow)
  return await withAdmin(deps, { host, port }, async (admin) => {
    if (platform !== undefined) await checkPlatform(admin, { connection, platform })
    const created = await admin.create({
      connection,
      database: databaseOf(options, flags.has('hosted')),
      objects: objects === 'all' ? 'all' : listOf(objects),
      ...id === undefined ? {} : { id },
      ...schema === undefined ? {} : { schema },
      ...fields === undefined ? {} : { fields },
      ...read === undefined ? {} : { read: listOf(read) },
      ...user === undefined ? {} : { login: user },
      ...ranges === null ? {} : { allow: ranges },
    }, { dryRun: flags.has('dry-run') })
    const exitCode = isFailed(created.findings) ? 1 : 0
    if (flags.has('json')) return { lines: [JSON.stringify(created, null, 2)], exitCode }
    return { lines: createdLines(created), exitCode }
  })
}

async function checkPlatform(
  admin: Administration,
  { connection, platform }: { connection: string; platform: string },
): Promise<void> {
  const known = (await admin.connections()).find(({ id }) => id === connection)
  if (known === undefined || known.platform === platform) return
  throw new UsageError(`connection "${connection}" belongs to ${known.platform}`)
}

function databaseOf(options: Options, hosted: boolean) {
  const { 'database-url': url, 'login-url': loginUrl, database: id } = options
  if ([url !== undefined, id !== undefined, hosted].filter(Boolean).length !== 1) {
    throw new UsageError('Give one of --database-url, --database and --hosted.')
  }
  if (url === undefined && options['ssh-host'] !== undefined) {
    throw new UsageError('--ssh-host goes with --database-url')
  }
  if (hosted) return { hosted: true } as const
  if (id !== undefined) return { id }
  return {
    url: revealed(url ?? ''),
    ...loginUrl === undefined ? {} : { loginUrl: revealed(loginUrl) },
    ...caOf(options),
    ...bastionIn(options),
  }
}

function createdLines({ sync, findings, makes, made, login, database }: Created): string[] {
  const found = [...findingLines(findings), '']
  if (isFailed(findings)) return [...found, 'Nothing was made.']
  const what = makes.map((each) => `  ${each}`)
  if (!made) return [...found, 'This would be made:', ...what]
  return [
    ...found,
    'Made:',
    ...what,
    '',
    `sync      ${sync}`,
    `database  ${database}`,
    ...login === null ? [] : loginLines(login),
    '',
    `Its tables are being filled: sluice syncs status --sync ${sync} --watch`,
  ]
}

/** How to come in. */
export function loginLines({ login, password, urls, psql }: GrantedLogin): string[] {
  const places = urls.map(({ region, url }) => [urls.length === 1 ? 'url' : `url ${region}`, url])
  const wide = Math.max(...places.map(([name = '']) => name.length), 'password'.length) + 2
  return [
    ['login', login],
    ['password', `${password} (it is shown this once)`],
    ...places,
  ].map(([name = '', text]) => `${name.padEnd(wide)}${text}`).concat([
    '',
    `  ${psql}`,
  ])
}

const apply: Command = async ({ options, flags }, deps) => {
  const file = readSetupFile(readText(requiredOption(options, 'file')))
  return await withAdmin(deps, options, async (admin) => {
    const how = { prune: flags.has('prune'), secret: optionalEnv }
    const checks = flags.has('dry-run')
    const plan = await admin.apply(file, { ...how, dryRun: true, checks })
    if (flags.has('dry-run')) {
      const exitCode = Object.values(plan.findings).some(isFailed) ? 1 : 0
      if (flags.has('json')) return { lines: [JSON.stringify(plan, null, 2)], exitCode }
      return { lines: [...planLines(plan), ...foundLines(plan)], exitCode }
    }
    if (!flags.has('json')) { for (const line of planLines(plan)) deps.print(line) }
    const done = await admin.apply(file, { ...how, dryRun: false })
    return applied(done, { planned: plan.actions.length, json: flags.has('json') })
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch {
    throw new UsageError(`-f: cannot read ${file}`)
  }
}

type Applied = Awaited<ReturnType<Administration['apply']>>

function planLines({ actions, notes }: Applied): string[] {
  const kept = notes.map((words) => `  ! ${words} (--prune takes it out)`)
  if (actions.length > 0) return ['To be done:', ...actions.map((words) => `  ${words}`), ...kept]
  return kept.length === 0
    ? ['Everything is as the file says.']
    : ['Nothing is to be done.', ...kept]
}

/** What was checked of each sync. */
function foundLines({ findings }: Applied): string[] {
  return Object.entries(findings).flatMap(([sync, found]) => ['', sync, ...findingLines(found)])
}

function applied(
  done: Applied,
  { planned, json }: { planned: number; json: boolean },
): Lines {
  const failed = Object.values(done.findings).some(isFailed)
  const exitCode = failed ? 1 : 0
  if (json) return { lines: [JSON.stringify(done, null, 2)], exitCode }
  const logins = done.logins.flatMap((login) => ['', ...loginLines(login)])
  const last = failed
    ? 'The rest was left: mend what fails and apply again.'
    : `${done.actions.length} done.`
  return { lines: planned === 0 ? [] : [...foundLines(done), ...logins, '', last], exitCode }
}

const schema: Command = () => Promise.resolve([JSON.stringify(setupFileSchema(), null, 2)])

const drop: Command = async ({ options, flags }, deps) => {
  const syncId = requiredOption(options, 'sync')
  if (flags.has('keep-tables') === flags.has('remove-tables')) {
    throw new UsageError('Say what becomes of the tables: --keep-tables or --remove-tables.')
  }
  const tables = flags.has('keep-tables') ? 'keep' : 'remove'
  return await withAdmin(
    deps,
    {},
    async (admin) => findingLines(await admin.drop({ syncId, tables, force: flags.has('force') })),
  )
}

export { apply, create, drop, schema }
