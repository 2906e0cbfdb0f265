// Room mutation: what a listener is told about a sync. It holds what the listener needs and no more: never a refresh
// token, never a platform's key.

import type { SyncedTable } from './table.ts'

/** A SCRAM-SHA-256 verifier as Postgres stores it: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. */
export type Verifier = string

/** An SSH server through which a database is reached that has no public address. */
export interface Bastion {
  readonly host: string
  readonly port: number
  readonly user: string
  /** PEM, without a passphrase. */
  readonly privateKey: string
  /** The key that it must show: `ssh-ed25519 AAAA…` or `SHA256:…`. */
  readonly hostKey: string
}

/** How to reach the customer's Postgres. */
export interface DatabaseAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  /** libpq's words: disable, require (encrypt, do not verify), verify-full. */
  readonly sslmode: 'disable' | 'require' | 'verify-full'
  /** PEM of the certificate authority for verify-full; the system's own when absent. */
  readonly sslrootcert?: string
  /** Where it is, host and port are what the bastion connects to. */
  readonly ssh?: Bastion
}

/** One sync, as GET /internal/syncs/:id answers it to a listener. */
export interface SyncConfig {
  readonly id: string
  readonly state: 'active' | 'disabled'
  readonly database: DatabaseAddress
  /** The key of the tickets that open the triggers of this database, base64 (32 bytes). */
  readonly ticketKey: string
  /** Login name (the part before the dot) → verifier. */
  readonly users: Readonly<Record<string, Verifier>>
  /** Ranges of addresses (`10.0.0.0/8`, `2001:db8::/32`) from which clients may connect; from anywhere when absent. */
  readonly allow?: readonly string[]
  /** Every synced table in the same database, of this sync and of others. */
  readonly tables: readonly SyncedTable[]
}
