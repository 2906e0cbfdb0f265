// Room session: what a session is made of.

import type { Duplex } from 'node:stream'
import type { Log } from '../lib/log.ts'
import type { Trace } from '../lib/trace.ts'
import type { SyncConfig } from '../mutation/config.ts'
import type { FaultData } from '../mutation/fault.ts'
import type { Approach, DatabaseLink } from './login.ts'
import type { SessionLimits } from './limits.ts'
import type { SessionMetrics } from './metrics.ts'
import type { MutatorOptions } from './mutate.ts'

export interface SessionOptions {
  readonly client: Duplex
  /** Bytes the client has sent already. */
  readonly rest: Uint8Array
  readonly parameters: ReadonlyMap<string, string>
  readonly config: SyncConfig
  readonly login: DatabaseLink
  readonly approach?: Approach
  /** The name of the client's login; null: the service itself. */
  readonly user: string | null
  readonly service: MutatorOptions['service']
  readonly log: Log
  /** The id of the next mutation; random when absent. */
  readonly newId?: () => string
  /** Hears of every fault of ours that the client is told. */
  readonly told?: (data: FaultData) => void
  readonly metrics?: SessionMetrics
  /** The trace that the next mutation belongs to, where its text does not say. */
  readonly trace?: () => Trace | null
  /** The defaults when absent. */
  readonly limits?: SessionLimits
  /** Takes the place of a mutation, and gives the function that leaves it. Throws a Fault. */
  readonly enter?: () => () => void
  /** Called once, when both connections are closed and no mutation is running. */
  onClosed(): void
}
