// `npm run sluice -- <command>`: what an operator does by hand. Each group of commands has a file in workers/commands.
//
// SLUICE_STORE_URL and SLUICE_KEYS say which store. Without them it is the one that `npm start` has set up in
// SLUICE_DATA_DIR (.sluice), while it runs.

import './quiet.ts'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { Fault } from '../src/mutation/fault.ts'
import { parseKeyring } from '../src/store/seal.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { apps } from './commands/apps.ts'
import { type Command, UsageError } from './commands/command.ts'
import { connect, connections } from './commands/connections.ts'
import { keys } from './commands/keys.ts'
import { listeners } from './commands/listeners.ts'
import { syncs } from './commands/syncs.ts'
import { tokens } from './commands/tokens.ts'
import { ConfigError, env, numberEnv, optionalEnv, requiredEnv } from './environment.ts'

/** Each by its name: one word or two. */
const commands: ReadonlyMap<string, Command> = new Map([
  ['connect', connect],
  ...grouped('connections', connections),
  ...grouped('syncs', syncs),
  ...grouped('apps', apps),
  ...grouped('tokens', tokens),
  ...grouped('keys', keys),
  ...grouped('listeners', listeners),
])

function grouped(group: string, commands: Readonly<Record<string, Command>>): [string, Command][] {
  return Object.entries(commands).map(([name, command]) => [`${group} ${name}`, command])
}

function usage(): string {
  const lines = [...commands].map(([name, { usage }]) => `  sluice ${name} ${usage}`.trimEnd())
  return `Usage:\n${lines.join('\n')}`
}

function openConfigured(): Store {
  const [url, keys] = storeAddress()
  return openStore({ url, keyring: parseKeyring(keys), connectionsMax: 1 })
}

function storeAddress(): [url: string, keys: string] {
  const secrets = join(env('SLUICE_DATA_DIR', '.sluice'), 'secrets.json')
  const named = optionalEnv('SLUICE_STORE_URL') !== undefined || !existsSync(secrets)
  const known = named ? null : JSON.parse(readFileSync(secrets, 'utf8')) as { keys: string }
  if (known === null) return [requiredEnv('SLUICE_STORE_URL'), requiredEnv('SLUICE_KEYS')]
  const port = numberEnv('SLUICE_DATABASE_PORT', { otherwise: 6433, min: 1, max: 65_535 })
  return [`postgres://postgres:postgres@127.0.0.1:${port}/sluice_store`, known.keys]
}

async function run(args: readonly string[]): Promise<void> {
  const words = commands.has(args[0] ?? '') ? 1 : 2
  const command = commands.get(args.slice(0, words).join(' '))
  if (command === undefined) throw new UsageError('No such command.')
  const rest = args.slice(words)
  const store = openConfigured()
  try {
    for (const line of await command.run(rest, { store })) console.log(line)
  } finally {
    await store.close()
  }
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  const told = error instanceof UsageError || error instanceof ConfigError || error instanceof Fault
  console.error(told ? error.message : error)
  if (error instanceof Fault && error.data.hint !== undefined) console.error(error.data.hint)
  if (error instanceof UsageError) console.error(usage())
  process.exitCode = told ? 2 : 1
}
