// `npm run fuzz -- [--seed 1] [--messages 1000000]`: random sessions, one seed after the other, until so many messages have
// been sent. Prints each session that the listener answers differently, and fails if there was one.

import { parseArgs } from 'node:util'
import { startTestCluster } from '../help/cluster.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    messages: { type: 'string', default: '1000000' },
  },
})

const cluster = await startTestCluster()
process.env['SLUICE_TEST_CLUSTER_PORT'] = String(cluster.port)
const { openArena, runSession } = await import('./fuzz.ts')

const arena = await openArena()
const started = performance.now()
let [sent, mutations, different] = [0, 0, 0]
for (let seed = Number(values.seed); sent < Number(values.messages); seed++) {
  const { messages, difference } = await runSession({ arena, seed, turnsMax: 100 })
  sent += messages
  mutations += arena.stage.sent.length
  if (difference === null) continue
  different += 1
  const at = difference.alone.findIndex((frame, index) => frame !== difference.behind[index])
  console.log(`seed ${seed}, turn ${difference.turn}: sent`, difference.sent)
  console.log(`Postgres, from frame ${at}`, difference.alone.slice(Math.max(0, at), at + 4))
  console.log('the listener', difference.behind.slice(Math.max(0, at), at + 4))
}
const seconds = (performance.now() - started) / 1000
console.log(
  `${sent} messages, ${mutations} mutations, ${different} differences, ${seconds.toFixed(0)} s`,
)
await arena.close()
await cluster.stop()
process.exit(different === 0 ? 0 : 1)
