// Workers: the part of every platform's limits that work in the background may use, from SLUICE_BACKGROUND_SHARE, in per
// cent: the rest is for mutations alone.

import { numberEnv } from './environment.ts'

/** From 0 to 1. Throws ConfigError. */
export function backgroundShare(): number {
  return numberEnv('SLUICE_BACKGROUND_SHARE', { otherwise: 50, min: 1, max: 99 }) / 100
}
