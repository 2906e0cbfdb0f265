// `npm run sync:kill`: a large account is mirrored by sync processes that are killed again and again. Exit code 0: in the
// end the tables are what the platforms have.

import process from 'node:process'
import { parseArgs } from 'node:util'
import { testCluster } from '../help/cluster.ts'
import { runKills } from './kill.ts'

const usage = 'npm run sync:kill -- [--records N] [--kills N] [--seed N]'

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new RangeError(`--${name} must be a whole number: ${usage}`)
}

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const options = {
  records: wholeNumber('records', values.records),
  kills: wholeNumber('kills', values.kills),
  seed: wholeNumber('seed', values.seed),
}
const cluster = await testCluster()
try {
  console.error(`Starting (seed ${options.seed}) …`)
  const say = (what: string) => console.error(what)
  const { compared, differs, killedFilling, changes, seconds, settledSeconds } = await runKills(
    cluster,
    {
      ...options,
      say,
    },
  )
  const { tables, records, fields, differences } = compared
  console.log([
    `Sync killed ${options.kills} times, ${killedFilling} of them while filling; seed ${options.seed}`,
    `  changed meanwhile: ${changes.made} made, ${changes.changed} changed, ${changes.deleted} deleted`,
    `  ${seconds.toFixed(0)} s in all, settled ${
      settledSeconds.toFixed(0)
    } s after the last change`,
    `  compared: ${tables} tables, ${records} records, ${fields} fields`,
    `  differences: ${differences.length}`,
    `  (after ten more changes that nobody follows: ${differs.differences.length})`,
    ...differences.map((difference) => `    ${difference}`),
  ].join('\n'))
  process.exitCode = differences.length === 0 ? 0 : 1
} finally {
  await cluster.stop()
}
