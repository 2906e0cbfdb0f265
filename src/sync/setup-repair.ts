// Room sync: what an administrator does to a sync that is there: mending its database, telling how a database is reached.

import { Buffer } from 'node:buffer'
import { ensureTable, installDatabase, type Made } from '../database/index.ts'
import type { Bastion, DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { findSyncs } from '../store/admin-syncs.ts'
import { readDatabase, saveDatabase } from '../store/databases.ts'
import { readSync } from '../store/syncs.ts'
import { requestResync } from '../store/tables.ts'
import { readWebhook, requestRenewal } from '../store/webhooks.ts'
import { type Finding, isFailed } from './checks.ts'
import { checkServer, identify, readFacts } from './checks-database.ts'
import { checkRole } from './checks-role.ts'
import { reconcile, type Reconciled } from './drift.ts'
import { refillOf } from './drift-table.ts'
import { ownedDatabase } from './setup-create.ts'
import { through } from './setup-bastion.ts'
import { type AdminDeps, asFault, onDatabase } from './setup-request.ts'

/**
 * Puts back what a sync needs in its database: schema `sluice`, tables, triggers, comments, rights; then brings the tables
 * to what the platform describes now, and has the sync process look after the webhook. A table of which something was
 * missing is filled anew: rows may be in it that the platform does not have. Where all is there, nothing changes.
 * Throws what database, platform and store say.
 */
export async function repairSync(deps: AdminDeps, syncId: string): Promise<Reconciled> {
  const sync = await readSync(deps.store, syncId)
  const database = await ownedDatabase(deps, sync.databaseId)
  const mended: Record<string, string> = {}
  try {
    await onDatabase(deps, database.owner, async (sql) => {
      await installDatabase(sql, { ticketKey: Buffer.from(database.ticketKey, 'base64') })
      for (const table of sync.tables) {
        const why = await mend(
          deps,
          table,
          (making) => ensureTable(sql, table, { role: database.address.user, making }),
        )
        if (why !== null) mended[table.name] = why
      }
    })
    const webhook = await readWebhook(deps.store, syncId)
    if (webhook !== null) await requestRenewal(deps.store, webhook)
    const { refill, ...rest } = await reconcile(deps, syncId, { paused: true })
    return { ...rest, refill: { ...mended, ...refill } }
  } catch (error) {
    throw asFault(error)
  }
}

/** Gives why the table is filled anew; null: it is not. */
async function mend(
  { store }: AdminDeps,
  { syncId, name: table }: SyncedTable,
  ensure: (making: (made: Made) => Promise<void>) => Promise<Made>,
): Promise<string | null> {
  const ask = async (made: Made, soon: boolean) => {
    const why = refillOf(made)
    if (why !== null) await requestResync(store, { syncId, table, why, soon })
    return why
  }
  // wanted before the commit: whoever repairs it once more finds nothing missing; begun after it
  const made = await ensure(async (making) => void await ask(making, false))
  return await ask(made, true)
}

/**
 * Tells how a database is reached: its owner, its login role, or both, after a password has changed, say. Checked first;
 * where a finding fails nothing is changed. Throws `not_found`, `bad_request` when it is another database.
 */
export async function changeDatabase(
  deps: AdminDeps,
  { id, owner, login, ssh }: {
    id: string
    owner?: DatabaseAddress
    login?: DatabaseAddress
    /** Null: there is no bastion any more; undefined: it stays. */
    ssh?: Bastion | null | undefined
  },
): Promise<readonly Finding[]> {
  const { store } = deps
  const before = await readDatabase(store, id)
  // a bastion stays where only a password changes
  const way = ssh === undefined ? before.address.ssh : ssh
  const told = owner ?? before.owner
  const next = {
    address: through(login ?? before.address, way),
    owner: told === undefined ? undefined : through(told, way),
  }
  const as = next.owner
  if (as === undefined) {
    throw fault('bad_request', { message: 'give the URL of the owner too', hint: '--database-url' })
  }
  const syncs = (await findSyncs(store, { databaseId: id })).map((sync) => sync.id)
  const known = { id, syncs, ...before }
  const findings = await onDatabase(deps, as, async (sql) => {
    const facts = await readFacts(sql, 'sluice')
    const found = await identify(sql, { facts, databases: [known] })
    if (found.known === null && (facts.sluiceOwner !== null || syncs.length > 0)) {
      throw fault('bad_request', {
        message: `that is another database than "${id}"`,
        hint: 'A sync does not move: set up a new one there.',
      })
    }
    const role = await checkRole(sql, {
      role: next.address.user,
      owner: facts.user,
      schema: 'sluice',
    })
    return [...checkServer(facts, as), ...role]
  }).catch((error: unknown) => {
    throw asFault(error)
  })
  await onDatabase(deps, next.address, (sql) => sql.unsafe('select 1')).catch((error: unknown) => {
    throw asFault(error)
  })
  if (!isFailed(findings)) await saveDatabase(store, { id, ...next, owner: as }, deps)
  return findings
}
