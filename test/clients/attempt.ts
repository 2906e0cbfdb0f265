// One client's script, run as its user would run it, and judged.

import type { System } from '../help/system.ts'
import type { Client } from './clients.ts'
import { folders, type Output, run } from './program.ts'
import { assertLeft, assertSeen, type Seen } from './scenario.ts'

const clientWaitMs = 240_000

/** Runs a client's scenario. Resolves with the version that it gave, if any; rejects where anything is other than it must be. */
export async function attempt(client: Client, system: System): Promise<string | undefined> {
  await system.clearExchanges()
  const { code, stdout, stderr } = await run(client.command, {
    cwd: folders[client.kind],
    env: login(client, system),
    waitMs: clientWaitMs,
  })
  try {
    return await judge({ code, stdout, stderr }, { client, system })
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    throw new Error(`${told}\nIt printed:\n${stdout}${stderr}`, { cause: error })
  }
}

async function judge(
  { code, stdout, stderr }: Output,
  { client, system }: { client: Client; system: System },
): Promise<string | undefined> {
  if (code !== 0) throw new Error(`It exited with ${code}`)
  const [first, ...rest] = stdout.split('\n').filter((line) => line !== '').map(parse)
  const told = first?.step === 'client' ? String(first['version']) : undefined
  const seen = first === undefined || told !== undefined ? rest : [first, ...rest]
  assertSeen(client, seen, { errors: stderr })
  await assertLeft(client, system)
  return told
}

function parse(line: string): Seen {
  try {
    return JSON.parse(line) as Seen
  } catch (error) {
    throw new Error(`Not a line of JSON: ${line}`, { cause: error })
  }
}

/** What an operator would set for any client: the variables of libpq, and a URL for those that do not read them. */
function login(client: Client, system: System): Record<string, string> {
  const [user, password, host, database] = ['demo.sync_salesforce', 'demo', '127.0.0.1', 'demo']
  const port = String(system.listenerPort)
  return {
    CLIENT: client.name,
    DATABASE_URL: `postgresql://${user}:${password}@${host}:${port}/${database}`,
    PGHOST: host,
    PGPORT: port,
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
  }
}
