// Workers: `sluice doctor`: what is wrong with a sync, or with all of them, and what to do.

import { findingLines, isFailed } from '../../src/sync/checks.ts'
import { type Command, syncIn, wantsJson } from './command.ts'
import { withAdmin } from './syncs-setup.ts'

/** Where there is nothing to look at. */
export const noSyncs = 'There is no sync yet. Make one: sluice help syncs create'

export const doctor: Command = async (given, deps) => {
  const sync = syncIn(given)
  return await withAdmin(deps, {}, async (admin) => {
    const ids = sync === undefined ? (await admin.list()).map(({ id }) => id) : [sync]
    const syncs = []
    for (const id of ids) syncs.push({ sync: id, findings: await admin.doctor(id) })
    const failed = syncs.some(({ findings }) => isFailed(findings))
    const lines = wantsJson(given)
      ? [JSON.stringify({ ok: !failed, syncs }, null, 2)]
      : syncs.length === 0
      ? [noSyncs]
      : syncs.flatMap(({ sync, findings }) => [sync, ...findingLines(findings), ''])
    return { lines, exitCode: failed ? 1 : 0 }
  })
}
