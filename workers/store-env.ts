// Workers: the store that SLUICE_STORE_URL and SLUICE_KEYS tell of.

import { migrate, MigrationError } from '../src/store/migrations.ts'
import { type Keyring, parseKeyring } from '../src/store/seal.ts'
import { isStoreLost, openStore, type Store, storeDown } from '../src/store/store.ts'
import { storeLines } from './commands/store-troubles.ts'
import { ConfigError, requiredEnv, StartError } from './environment.ts'

/** Opens it; nothing is asked yet. Throws ConfigError, which names the variable and tells no secret. */
export function storeEnv(options: { connectionsMax: number }): Store {
  const [url, keys] = [requiredEnv('SLUICE_STORE_URL'), requiredEnv('SLUICE_KEYS')]
  return storeAt({ url, keys, ...options })
}

/** The same where both are known. Throws ConfigError. */
export function storeAt(
  { url, keys, connectionsMax }: { url: string; keys: string; connectionsMax: number },
): Store {
  const keyring = keyringOf(keys)
  try {
    if (/^postgres(ql)?:\/\//.test(url)) return openStore({ url, keyring, connectionsMax })
  } catch {
    // what it says has the URL in it, and so the password
  }
  throw new ConfigError(
    'SLUICE_STORE_URL is not like postgres://user:password@host:5432/database',
  )
}

/**
 * Brings it to this version, the first that a process asks of it, and gives the numbers of the steps that were taken. Throws
 * `service_unreachable`, and StartError where the store is there and a step fails.
 */
export async function migrateStore(store: Store): Promise<number[]> {
  // within the store's wait: the steps have none of their own where nothing answers
  await store.ask('Looking for the store', (sql) => sql`select 1`)
  try {
    return await migrate(store)
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    if (isStoreLost(error.cause)) throw storeDown('Migrating the store', error.cause)
    throw new StartError(`the store cannot be brought to this version: ${error.message}`, {
      cause: error,
    })
  }
}

/** The same for a process that starts: throws StartError where the store is unreachable, too. It tells no secret. */
export async function readyStore(store: Store): Promise<number[]> {
  try {
    return await migrateStore(store)
  } catch (cause) {
    if (cause instanceof StartError) throw cause
    const lines = await storeLines(cause, { store, local: false })
    throw lines === null ? cause : new StartError(lines.join('. '), { cause })
  }
}

function keyringOf(text: string): Keyring {
  try {
    return parseKeyring(text)
  } catch (cause) {
    throw new ConfigError(`SLUICE_KEYS: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}
