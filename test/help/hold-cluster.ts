// A process that starts a cluster in the folder named and does nothing more: for a test that kills it.

import process from 'node:process'
import { startCluster } from '../../src/lib/cluster.ts'

const [dataDir = '', port = ''] = process.argv.slice(2)
const cluster = await startCluster({ dataDir, port: Number(port), password: 'secret' })
console.log(cluster.dataDir)
setInterval(() => {}, 1_000)
