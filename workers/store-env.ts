// Workers: the store that SLUICE_STORE_URL and SLUICE_KEYS tell of.

import { type Keyring, parseKeyring } from '../src/store/seal.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { ConfigError, requiredEnv } from './environment.ts'

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

function keyringOf(text: string): Keyring {
  try {
    return parseKeyring(text)
  } catch (cause) {
    throw new ConfigError(`SLUICE_KEYS: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}
