// Workers: `sluice doctor`: what is wrong with a sync, or with all of them, and what to do.

import { findingLines, isFailed } from '../../src/sync/checks.ts'
import type { Command } from './command.ts'
import { withAdmin } from './syncs-setup.ts'

export const doctor: Command = async ({ options, flags }, deps) => {
  return await withAdmin(deps, {}, async (admin) => {
    const ids = options['sync'] === undefined
      ? (await admin.list()).map(({ id }) => id)
      : [options['sync']]
    const syncs = []
    for (const id of ids) syncs.push({ sync: id, findings: await admin.doctor(id) })
    const failed = syncs.some(({ findings }) => isFailed(findings))
    const lines = flags.has('json')
      ? [JSON.stringify({ ok: !failed, syncs }, null, 2)]
      : syncs.flatMap(({ sync, findings }) => [sync, ...findingLines(findings), ''])
    return { lines, exitCode: failed ? 1 : 0 }
  })
}
