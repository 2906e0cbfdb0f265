// Room session: what every session with a sync needs of its configuration, made once.

import { Buffer } from 'node:buffer'
import type { SyncConfig } from '../mutation/config.ts'
import { type SyncedTable, tableKey } from '../mutation/table.ts'
import { createNameFilter } from '../sql/index.ts'
import { Views } from './views.ts'

/** What is made from a configuration, once. */
export interface Derived {
  readonly config: SyncConfig
  readonly tables: ReadonlyMap<string, SyncedTable>
  readonly ticketKey: Uint8Array
  readonly views: Views
  /** Takes text as Latin-1. */
  mentions(text: string): boolean
}

const derivedOf = new WeakMap<SyncConfig, Derived>()

/** The same for the same configuration. */
export function derive(config: SyncConfig): Derived {
  const known = derivedOf.get(config)
  if (known !== undefined) return known
  const tables = new Map(
    config.tables.map((table) => [tableKey(table.schema, table.name), table]),
  )
  const names = config.tables.map(({ name }) => Buffer.from(name).toString('latin1'))
  const derived: Derived = {
    config,
    tables,
    ticketKey: Buffer.from(config.ticketKey, 'base64'),
    views: new Views(tables),
    mentions: createNameFilter(names),
  }
  derivedOf.set(config, derived)
  return derived
}
