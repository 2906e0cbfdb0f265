// `npm run properties -- [--factor 10] [--seed any] [--node] [FILE...]`: the property tests with another seed each time, and so
// many times as long as in `npm test`. Which seed found something, fast-check says; the same command with that seed and the
// same factor shows it again.

import { spawn } from 'node:child_process'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { propertyFiles } from './help/property-files.ts'
import { runsOf } from './help/property.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    factor: { type: 'string', default: '10' },
    seed: { type: 'string', default: 'any' },
    node: { type: 'boolean', default: false },
  },
})
const chosen = { SLUICE_TEST_RUNS: values.factor, SLUICE_TEST_SEED: values.seed }
runsOf(1, {}, chosen) // throws when they are none
const files = positionals.length > 0 ? positionals : propertyFiles()
const args = ['run', '-A', 'test/run.ts', ...values.node ? ['--node'] : [], ...files]
const child = spawn(process.execPath, args, {
  stdio: 'inherit',
  env: { ...process.env, ...chosen },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.once('exit', (code) => process.exit(code ?? 1))
