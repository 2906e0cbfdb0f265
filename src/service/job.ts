// Room service: one mutation under way: what is asked, what it was checked against, and the turns that it holds.

import type { Deadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { Mutation } from '../mutation/mutation.ts'
import type { Platform, SyncedTable } from '../mutation/table.ts'
import type { Adapter } from '../platforms/platform.ts'
import type { Journal } from '../store/journal.ts'
import type { Store } from '../store/store.ts'
import type { Sync } from '../store/syncs.ts'
import type { Credentials } from './credentials.ts'
import type { ServiceMetrics } from './metrics.ts'
import type { OpenTurns, Turns } from './limits/turns.ts'
import type { Syncs } from './syncs.ts'

export interface CarryDeps {
  readonly syncs: Syncs
  readonly store: Store
  readonly journal: Journal
  readonly credentials: Credentials
  /** Takes the turns of a mutation's requests. */
  readonly turns: OpenTurns
  readonly adapterFor: (platform: Platform) => Adapter
  readonly log: Log
  /** Counts for nobody when absent. */
  readonly metrics?: Pick<ServiceMetrics, 'inquiries'>
  readonly now: () => number
  /** Makes the ids under which the log has what a client is not told. */
  readonly newId: () => string
  /** How long a client that is in doubt waits at most for what became of its mutation, in milliseconds. */
  readonly inquiryWaitMs: number
}

export interface Job {
  readonly mutation: Mutation
  readonly hash: Uint8Array
  readonly deadline: Deadline
  /** Aborted when nobody wants the mutation any more: what has not been sent is given up. */
  readonly signal: AbortSignal
  /** Called when the mutation is about to be sent: from then on it is no use to cancel it. */
  sending(): void
  /** Somebody cancelled it after it was sent: what an adapter held back of it is not sent any more. */
  isCalledOff(): boolean
}

/** A job that fits the sync as it was read. */
export type Checked = Job & {
  readonly sync: Sync
  readonly table: SyncedTable
  readonly adapter: Adapter
}

/** A mutation whose turns are taken. */
export type Ready = Checked & { readonly turns: Turns }
