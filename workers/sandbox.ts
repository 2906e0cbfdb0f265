// Worker sandbox: the emulated platforms, for `npm start` and for tests that want them in a process of their own.

import { startSandbox } from '../src/sandbox/sandbox.ts'
import { booleanEnv, numberEnv, runWorker, workerLog } from './environment.ts'

await runWorker(async () => {
  const port = numberEnv('SLUICE_SANDBOX_PORT', { otherwise: 8788, max: 65535 })
  const log = workerLog('sandbox')
  const sandbox = await startSandbox({ port, limits: booleanEnv('SLUICE_SANDBOX_LIMITS', true) })
  log.info('listening', { url: sandbox.url })
  return () => sandbox.close()
})
