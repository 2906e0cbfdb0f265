// Room session: how much a listener takes of everything, by name. Each has a default that is bounded.

import { frameSizeMax } from '../wire/frames.ts'
import { startupSizeMax } from '../wire/startup.ts'

/** What one session may take. */
export interface SessionLimits {
  /** The longest message that passes, in bytes: its length field. At most Postgres's own bound, which is the default. */
  readonly messageBytesMax: number
  /**
   * The longest message that is taken apart (a longer one passes), and the most that prepared mutations and portals take
   * together, in bytes.
   */
  readonly bufferedBytesMax: number
}

export const sessionLimits: SessionLimits = {
  messageBytesMax: frameSizeMax,
  bufferedBytesMax: 64 * 1_048_576,
}

/** What a listener may take. */
export interface ListenerLimits extends SessionLimits {
  /** The longest startup packet, in bytes, without its length field. */
  readonly startupBytesMax: number
  /** Connections that are not authenticated yet, in all. */
  readonly unauthenticatedMax: number
  /** The same of one address; of IPv6 of one /56. */
  readonly unauthenticatedPerAddressMax: number
  /** Sessions of one sync. */
  readonly connectionsPerSyncMax: number
  /** Mutations under way in all sessions. */
  readonly mutationsMax: number
  /** Mutations under way in the sessions of one sync. */
  readonly mutationsPerSyncMax: number
}

export const listenerLimits: ListenerLimits = {
  ...sessionLimits,
  startupBytesMax: startupSizeMax,
  unauthenticatedMax: 1_000,
  unauthenticatedPerAddressMax: 500,
  connectionsPerSyncMax: 500,
  mutationsMax: 1_000,
  mutationsPerSyncMax: 500,
}

/** Connections to the mutation service beside those of mutations: for configurations, cancels, what is applied, health. */
const connectionsAside = 64
/** Questions about open syncs, and what tells of applied mutations, at a time, far beyond what there is. */
const questionsMax = 1_000

/**
 * What the transport to the mutation service takes: a mutation holds a connection until it has its outcome, and that may
 * be minutes, in which everything else must get through.
 */
export function serviceTransport(
  { mutationsMax, unauthenticatedMax }: Pick<ListenerLimits, 'mutationsMax' | 'unauthenticatedMax'>,
): { readonly connectionsMax: number; readonly requestsMax: number } {
  return {
    connectionsMax: mutationsMax + connectionsAside,
    // a cancel for each mutation, a configuration for each who logs in
    requestsMax: 2 * mutationsMax + unauthenticatedMax + questionsMax,
  }
}
