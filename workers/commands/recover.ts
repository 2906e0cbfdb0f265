// Workers: `sluice recover`: one pass of what services do in the background, now and to its end.

import { createLog } from '../../src/lib/log.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { backlog } from '../../src/store/backlog.ts'
import { createJournal } from '../../src/store/journal.ts'
import { inquireDue } from '../../src/sync/inquiries.ts'
import { recover as recoverDue } from '../../src/sync/recovery.ts'
import { numberEnv } from '../environment.ts'
import { type Command, type CommandDeps, wantsJson } from './command.ts'
import { openAdmin } from './syncs-deps.ts'

/** No process of the service: this one begins no mutation, so that none will ever be looked for under the number. */
const nobody = 0

export const recover: Command = async (given, deps) => {
  const { recovered, inquired, problems } = await pass(deps)
  const left = await backlog(deps.store)
  const failed = recovered.failed > 0
  const done = { ...recovered, ...inquired }
  if (wantsJson(given)) {
    return {
      lines: [JSON.stringify({ ...done, left, problems }, null, 2)],
      exitCode: failed ? 1 : 0,
    }
  }
  return {
    lines: [
      `applied       ${done.applied} that the platform had accepted`,
      `not applied   ${left.notApplied.count}, to be tried again`,
      `found out     ${done.settled} that were in doubt`,
      `in doubt      ${left.inDoubt.count}, to be inquired about again when their time comes`,
      `for good      ${left.givenUp.count} in doubt: look at their rows (sluice mutations list --state unknown)`,
      ...problems.map((problem) => `  ! ${problem}`),
    ],
    exitCode: failed ? 1 : 0,
  }
}

async function pass(deps: CommandDeps) {
  const { store, local, progress } = deps
  const { notApplied, inDoubt } = await backlog(store)
  const total = notApplied.count + inDoubt.count
  const problems: string[] = []
  const log = countingLog((what, done) => progress.show({ what, done, total }), problems)
  const opened = openAdmin(store, { local, publicUrl: null })
  const { dial } = opened.deps
  const journal = createJournal(store, { service: nobody })
  const parts = { store, journal, log, now: Date.now, ...(dial === undefined ? {} : { dial }) }
  try {
    const afterMs = numberEnv('SLUICE_RECOVERY_AFTER_MS', { otherwise: 30_000 })
    await journal.sweep()
    const recovered = await recoverDue({ ...parts, afterMs })
    const inquired = await inquireDue({
      ...parts,
      adapterFor,
      callerFor: opened.deps.callerFor,
      signal: new AbortController().signal,
      firstGapMs: numberEnv('SLUICE_INQUIRY_AFTER_MS', { otherwise: 10_000, min: 100 }),
    })
    return { recovered, inquired, problems }
  } finally {
    progress.end()
    await opened.close()
  }
}

/** Each mutation that is done with is a line of the log: it moves the bar on, and is kept where it says what is wrong. */
function countingLog(seen: (what: string, done: number) => void, problems: string[]) {
  let done = 0
  return createLog({
    level: 'info',
    write: (line) => {
      const { level, event, mutation, error } = JSON.parse(line) as Record<string, unknown>
      seen('mutations looked at', ++done)
      if (level === 'info') return
      const why = typeof error === 'string' ? error : JSON.stringify(error ?? event)
      problems.push(`${String(mutation ?? event)}: ${why}`)
    },
  })
}
