// `sluice <command>`: what an operator does by hand, and the processes themselves. What each command is called and takes
// is in commands/catalogue.ts; what it does, in a file of its own there.
//
// SLUICE_STORE_URL and SLUICE_KEYS say which store. Without them it is the one that `npm start` has set up in
// SLUICE_DATA_DIR (.sluice), while it runs.

import './quiet.ts'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { CommanderError } from 'commander'
import { catalogue as faults, Fault } from '../src/mutation/fault.ts'
import type { Store } from '../src/store/store.ts'
import { catalogue } from './commands/catalogue.ts'
import { type CommandDeps, UsageError } from './commands/command.ts'
import type { Entry } from './commands/entry.ts'
import { type Chosen, createProgram } from './commands/program.ts'
import { createProgress, linesOf, tellError } from './commands/screen.ts'
import { storeLines } from './commands/store-troubles.ts'
import { ConfigError, env, numberEnv, optionalEnv, requiredEnv, StartError } from './environment.ts'
import { storeAt } from './store-env.ts'

const groups = {
  connections: 'accounts at the platforms',
  apps: 'our OAuth apps at the platforms',
  databases: 'the databases that tables are in',
  syncs: 'accounts mirrored into schemas of databases',
  tokens: 'who may use the HTTP API',
  listeners: 'the keys with which listeners come',
  keys: 'the keys that seal the store',
  mutations: 'the journal of what was written',
}

const sections = {
  'Run': ['dev', 'listener', 'service', 'sync', 'migrate'],
  'Set up': ['connect', 'connections', 'apps', 'databases', 'syncs'],
  'Who may come': ['tokens', 'listeners', 'keys'],
  'Look and mend': ['state', 'doctor', 'mutations', 'errors', 'recover', 'pause', 'resume'],
  'Shell': ['completion'],
}

/** For connections to end, once all is done. */
const leaveWaitMs = 1_000

function version(): string {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

interface StoreAddress {
  readonly url: string
  readonly keys: string
  readonly local: boolean
}

function storeAddress(): StoreAddress {
  const secrets = join(env('SLUICE_DATA_DIR', '.sluice'), 'secrets.json')
  const named = optionalEnv('SLUICE_STORE_URL') !== undefined || !existsSync(secrets)
  const known = named ? null : JSON.parse(readFileSync(secrets, 'utf8')) as { keys: string }
  if (known === null) {
    return { url: requiredEnv('SLUICE_STORE_URL'), keys: requiredEnv('SLUICE_KEYS'), local: false }
  }
  const port = numberEnv('SLUICE_DATABASE_PORT', { otherwise: 6433, min: 1, max: 65_535 })
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/sluice_store`
  return { url, keys: known.keys, local: true }
}

interface Opened {
  readonly deps: CommandDeps
  /** What is wrong with the store, as far as the error tells of it. */
  explain(error: unknown): Promise<readonly string[] | null>
  close(): Promise<void>
}

/** The store is opened for the commands that ask for it. */
function createDeps(): Opened {
  let opened: { store: Store; local: boolean } | undefined
  const open = () => {
    if (opened !== undefined) return opened
    const { url, keys, local } = storeAddress()
    const store = storeAt({ url, keys, connectionsMax: 4 })
    return opened = { store, local }
  }
  const deps: CommandDeps = {
    get store() {
      return open().store
    },
    get local() {
      return open().local
    },
    print: (line) => console.log(line),
    progress: createProgress(),
    isTerminal: process.stdout.isTTY === true,
  }
  return {
    deps,
    explain: async (error) => opened === undefined ? null : await storeLines(error, opened),
    close: async () => {
      deps.progress.end()
      await opened?.store.close()
    },
  }
}

async function run({ entry, given }: Chosen): Promise<void> {
  const command = await entry.load()
  if (command === null) return
  const opened = createDeps()
  const { deps } = opened
  try {
    const answer = await command(given, deps)
    deps.progress.end()
    const screen = {
      isTerminal: deps.isTerminal,
      json: given.flags.has('json'),
    }
    for (const line of linesOf(answer, screen)) deps.print(line)
    if ('exitCode' in answer && answer.exitCode !== 0) process.exitCode = answer.exitCode
  } catch (error) {
    const lines = await opened.explain(error)
    if (lines === null) throw error
    deps.progress.end()
    tellError(lines)
    process.exitCode = 1
  } finally {
    await opened.close()
    // a store that says nothing does not end its connections either, and nothing else is left to be done
    setTimeout(() => process.exit(), leaveWaitMs).unref()
  }
}

/** Chooses by the arguments. Null: help was printed, or what is wrong with them. */
function choose(args: readonly string[]): Chosen | null {
  let chosen: Chosen | null = null
  const program = createProgram({
    catalogue,
    groups,
    sections,
    version: version(),
    chosen: (found) => chosen = found,
  })
  const [first, ...rest] = args
  const asked = first === 'help' ? [...rest, '--help'] : [...args]
  try {
    program.parse(asked, { from: 'user' })
    return chosen
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : 2
    return null
  }
}

/** What is wrong with what was asked ends with 2, and what failed with 1. */
function tell(error: unknown, entry: Entry): void {
  if (error instanceof Fault) {
    const { message, detail, hint } = error.data
    tellError([message, detail, hint].filter((line) => line !== undefined))
    process.exitCode = faults[error.code].blame === 'client' ? 2 : 1
  } else if (error instanceof UsageError) {
    const usage = `sluice ${entry.name} ${entry.usage}`.trimEnd()
    tellError([error.message, `Usage: ${usage}`])
    process.exitCode = 2
  } else if (error instanceof ConfigError) {
    tellError([error.message])
    process.exitCode = 2
  } else if (error instanceof StartError) {
    tellError([error.message])
    process.exitCode = 1
  } else {
    console.error(error)
    process.exitCode = 1
  }
}

const chosen = choose(process.argv.slice(2))
if (chosen !== null) await run(chosen).catch((error: unknown) => tell(error, chosen.entry))
