// Workers: what the listener holds against too many, too eager and unwelcome clients, from the environment.

import { readRanges } from '../src/session/peer.ts'
import type { ListenerOptions } from '../src/session/listener.ts'
import { listenerLimits as defaults } from '../src/session/limits.ts'
import { throttleDefaults } from '../src/session/throttle.ts'
import { booleanEnv, ConfigError, env, numberEnv } from './environment.ts'

type Guards = Required<
  Pick<
    ListenerOptions,
    'connectionsMax' | 'limits' | 'proxyFrom' | 'throttle' | 'keepAliveMs' | 'nameClients'
  >
>

/** Throws ConfigError. */
export function guardsEnv(): Guards {
  return {
    connectionsMax: numberEnv('SLUICE_CONNECTIONS_MAX', { otherwise: 1000, min: 1 }),
    limits: limitsEnv(),
    proxyFrom: rangesEnv('SLUICE_PROXY_FROM'),
    throttle: {
      freeMax: numberEnv('SLUICE_FAILED_LOGINS_FREE', { otherwise: throttleDefaults.freeMax }),
      delayMaxMs: numberEnv('SLUICE_LOGIN_DELAY_MAX_MS', {
        otherwise: throttleDefaults.delayMaxMs,
        max: 60_000,
      }),
    },
    keepAliveMs: numberEnv('SLUICE_KEEP_ALIVE_MS', { otherwise: 30_000, min: 1_000 }),
    nameClients: booleanEnv('SLUICE_APPLICATION_NAME_ADD_HOST', false),
  }
}

function limitsEnv(): Guards['limits'] {
  const atLeastOne = (name: string, otherwise: number) => numberEnv(name, { otherwise, min: 1 })
  const { messageBytesMax, bufferedBytesMax, startupBytesMax } = defaults
  return {
    startupBytesMax: numberEnv('SLUICE_STARTUP_BYTES_MAX', {
      otherwise: startupBytesMax,
      min: 100,
      max: startupBytesMax,
    }),
    messageBytesMax: numberEnv('SLUICE_MESSAGE_BYTES_MAX', {
      otherwise: messageBytesMax,
      min: 1_024,
      max: messageBytesMax,
    }),
    bufferedBytesMax: numberEnv('SLUICE_BUFFERED_BYTES_MAX', {
      otherwise: bufferedBytesMax,
      min: 1_024,
    }),
    unauthenticatedMax: atLeastOne('SLUICE_UNAUTHENTICATED_MAX', defaults.unauthenticatedMax),
    unauthenticatedPerAddressMax: atLeastOne(
      'SLUICE_UNAUTHENTICATED_PER_ADDRESS_MAX',
      defaults.unauthenticatedPerAddressMax,
    ),
    connectionsPerSyncMax: atLeastOne(
      'SLUICE_CONNECTIONS_PER_SYNC_MAX',
      defaults.connectionsPerSyncMax,
    ),
    mutationsMax: atLeastOne('SLUICE_MUTATIONS_MAX', defaults.mutationsMax),
    mutationsPerSyncMax: atLeastOne('SLUICE_MUTATIONS_PER_SYNC_MAX', defaults.mutationsPerSyncMax),
  }
}

function rangesEnv(name: string): string[] {
  const ranges = env(name, '').split(',').map((part) => part.trim()).filter((part) => part !== '')
  try {
    readRanges(ranges)
    return ranges
  } catch (error) {
    throw new ConfigError(`${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
