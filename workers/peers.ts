// Workers: the other listeners that a client's cancel request may be for, from the environment.

import type { Http } from '../src/lib/http.ts'
import type { Log } from '../src/lib/log.ts'
import { createAddresses, parsePeers, type PeerName } from '../src/session/peers-addresses.ts'
import { questionKey } from '../src/session/peers-question.ts'
import { createPeers, type Peers } from '../src/session/peers.ts'
import { ConfigError, optionalEnv } from './environment.ts'

/** The shortest secret of the peers, in characters: `openssl rand -base64 32` makes 44. */
const peersSecretMin = 32

/** From SLUICE_PEERS_SECRET; null: this listener asks no other, and answers none. Throws ConfigError. */
export function sealKeyEnv(): Uint8Array | null {
  const secret = optionalEnv('SLUICE_PEERS_SECRET')
  if (secret === undefined) return null
  if (secret.length >= peersSecretMin) return questionKey(secret)
  throw new ConfigError(`SLUICE_PEERS_SECRET has fewer than ${peersSecretMin} characters`)
}

/** SLUICE_PEERS: the other listeners that clients reach by the same name. Throws ConfigError. */
export function peersEnv(
  { sealKey, http, log }: { sealKey: Uint8Array | null; http: Http; log: Log },
): { peers?: Peers } {
  const text = optionalEnv('SLUICE_PEERS')
  if (text === undefined) return {}
  if (sealKey === null) throw new ConfigError('SLUICE_PEERS needs SLUICE_PEERS_SECRET')
  if (optionalEnv('SLUICE_LISTENER_HTTP_PORT') === undefined) {
    throw new ConfigError('SLUICE_PEERS needs SLUICE_LISTENER_HTTP_PORT: there the others ask')
  }
  const now = () => performance.now()
  const origins = createAddresses({ names: peerNames(text), log, now })
  return { peers: createPeers({ origins, sealKey, http, log }) }
}

function peerNames(text: string): PeerName[] {
  try {
    return parsePeers(text)
  } catch (error) {
    throw new ConfigError(`SLUICE_PEERS: ${error instanceof Error ? error.message : String(error)}`)
  }
}
