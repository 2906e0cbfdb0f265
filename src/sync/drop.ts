// Room sync: the end of a sync. Nothing new is taken first; what the platform has accepted is in the tables before they
// are let go; the journal keeps all that there was.

import { catalogue as faults, Fault, fault } from '../mutation/fault.ts'
import { releaseTables } from '../database/index.ts'
import {
  deleteSync,
  findSyncs,
  readUnsettled,
  revokeAll,
  type Unsettled,
} from '../store/admin-syncs.ts'
import { forgetDatabase, readDatabase } from '../store/databases.ts'
import { readSync, setSyncState, type Sync } from '../store/syncs.ts'
import { failure, type Finding, ok, warn } from './checks.ts'
import { ownedDatabase } from './setup-create.ts'
import { dropHosted } from './setup-hosted.ts'
import { type AdminDeps, asFault, onDatabase } from './setup-request.ts'
import { dropRole } from './setup-role.ts'

export interface DropRequest {
  readonly syncId: string
  /** keep: plain tables, with all their rows. remove: dropped. */
  readonly tables: 'keep' | 'remove'
  /** For mutations under way, in milliseconds; a minute when absent. */
  readonly waitMs?: number
  /** Drop it although some of its mutations are not settled, or its database cannot be reached. */
  readonly force?: boolean
}

const settleWaitMs = 60_000
const lookAgainMs = 250

/**
 * Drops a sync: pauses it, waits for mutations under way, ends its webhook, revokes logins and tokens, lets go of its
 * tables, forgets it. Gives what was done. Running it again after it failed goes on where it was. Throws `not_found`;
 * `bad_request` when mutations are not settled in time, or the database refused, `database_unreachable`: the sync is paused
 * then, and in the last two cases without logins.
 */
export async function dropSync(deps: AdminDeps, request: DropRequest): Promise<readonly Finding[]> {
  const { store, log } = deps
  const { syncId, force = false } = request
  const sync = await readSync(store, syncId)
  await setSyncState(store, { id: syncId, state: 'disabled' })
  const done = [ok('sync', 'takes nothing new')]
  done.push(await settle(deps, request))
  done.push(await endWebhook(deps, syncId))
  await revokeAll(store, syncId)
  done.push(
    ok('logins', 'all logins and tokens are revoked; open sessions end within half a minute'),
  )
  try {
    done.push(await release(deps, sync, request))
  } catch (error) {
    if (!force) throw refused(sync, error)
    const found = failure('tables', asFault(error))
    done.push(
      warn(
        'tables',
        `are left as they are: ${found.about}`,
        'They refuse every write as long as the triggers are there.',
      ),
    )
  }
  await deleteSync(store, syncId)
  done.push(ok('sync', `${syncId} is forgotten; its mutations stay in the journal`))
  done.push(...await endDatabase(deps, sync, request))
  log.info('sync.dropped', { sync: syncId, tables: request.tables })
  return done
}

/** Waits until nothing is under way and all that was accepted is applied. */
async function settle(
  { store, now }: AdminDeps,
  { syncId, waitMs = settleWaitMs, force = false }: DropRequest,
): Promise<Finding> {
  const until = now() + waitMs
  let left = await readUnsettled(store, syncId)
  while (isOpen(left) && now() < until) {
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
    left = await readUnsettled(store, syncId)
  }
  if (isOpen(left) && !force) throw unsettled(syncId, left)
  if (isOpen(left)) return warn('mutations', wordsOf(left), 'Look for them at the platform.')
  if (left.inDoubt > 0) {
    return warn(
      'mutations',
      `${left.inDoubt} are in doubt`,
      'Look for them at the platform: nobody else will any more.',
    )
  }
  return ok('mutations', 'all are settled')
}

function isOpen({ underWay, notApplied }: Unsettled): boolean {
  return underWay > 0 || notApplied > 0
}

function wordsOf({ underWay, notApplied }: Unsettled): string {
  return `${underWay} are under way, ${notApplied} are accepted and not in the tables yet`
}

function unsettled(syncId: string, left: Unsettled): Fault {
  return fault('bad_request', {
    message: `the mutations of "${syncId}" are not settled`,
    detail: `${wordsOf(left)}. The sync is paused.`,
    hint:
      `Wait and drop it again, resume it (sluice syncs resume --sync ${syncId}), or drop it with --force ` +
      '(HTTP: force=true).',
  })
}

async function endWebhook({ endWebhook: end }: AdminDeps, syncId: string): Promise<Finding> {
  if (end === undefined) return ok('webhook', 'none')
  try {
    await end(syncId)
    return ok('webhook', 'there is none any more')
  } catch (error) {
    const { about } = failure('webhook', error)
    return warn(
      'webhook',
      `is still at the platform: ${about}`,
      'Remove it there; what it sends is refused.',
    )
  }
}

async function release(deps: AdminDeps, sync: Sync, { tables }: DropRequest): Promise<Finding> {
  const database = await ownedDatabase(deps, sync.databaseId)
  const released = await onDatabase(deps, database.owner, (sql) =>
    releaseTables(sql, {
      syncId: sync.id,
      schema: sync.schema,
      names: null,
      tables,
      role: database.address.user,
      today: new Date(deps.now()).toISOString().slice(0, 10),
    }))
  const what = tables === 'remove'
    ? 'are removed'
    : 'are plain tables now: writes to them go no further'
  return ok('tables', `${released.length} (${released.join(', ')}) ${what}`)
}

/** What it is left in; running it again goes on from there. */
const leftSo =
  'The sync is paused and its logins and tokens are revoked; its tables are as they were.'

function refused(sync: Sync, error: unknown): Fault {
  const { data } = asFault(error)
  const dependent = (error as { code?: unknown }).code === '2BP01'
  const advice = dependent
    ? 'Drop those first, or keep the tables (--keep-tables).'
    : (data.hint === undefined ? '' : `${data.hint} `) +
      'Mend that and drop it again, or with --force (HTTP: force=true): the tables are left as they are then, ' +
      'and refuse every write.'
  // what cannot be reached may be there again later, as everywhere
  const code = faults[data.code].blame === 'client' ? 'bad_request' : data.code
  return fault(code, {
    message: `cannot let go of the tables of "${sync.id}": ${data.message}`,
    detail: `${data.detail ?? ''} ${leftSo}`.trim(),
    hint: advice,
  }, { cause: error })
}

/** What was made for the database goes with its last sync. */
async function endDatabase(
  deps: AdminDeps,
  { databaseId }: Sync,
  { tables }: DropRequest,
): Promise<Finding[]> {
  const { store, hosted } = deps
  if ((await findSyncs(store, { databaseId })).length > 0) return []
  const left = ok(
    'schema sluice',
    'stays for other syncs; where none is to come, the owner may DROP SCHEMA sluice CASCADE;',
  )
  const { owner, address, hosted: made, madeRole } = await readDatabase(store, databaseId)
  try {
    if (made && tables === 'keep') {
      return [ok('database', `${databaseId} stays, for other syncs`), left]
    }
    if (made && hosted !== null && owner !== undefined) {
      await dropHosted(deps, hosted, { owner, login: address })
      await forgetDatabase(store, databaseId)
      return [ok('database', 'the hosted database is gone')]
    }
    if (!madeRole || owner === undefined) return [left]
    await onDatabase(deps, owner, (sql) => dropRole(sql, address.user))
    await forgetDatabase(store, databaseId)
    return [ok('role', `"${address.user}" is gone`), left]
  } catch (error) {
    return [
      warn(
        'database',
        failure('database', asFault(error)).about,
        'Take the role or the database away by hand.',
      ),
    ]
  }
}
