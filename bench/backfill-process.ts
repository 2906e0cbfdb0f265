// Bench: the sync process as it is, but for the limits of the platforms: the sandbox has none either.

import { liftLimits } from './no-limits.ts'

liftLimits()
await import('../workers/sync.ts')
