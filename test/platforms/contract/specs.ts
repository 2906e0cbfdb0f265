// Where the official descriptions of the platforms lie on this machine. They are not part of the project.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** SLUICE_SPECS_DIR, else `shared/specs` beside the project. */
export const specsDir: string = process.env['SLUICE_SPECS_DIR'] ??
  resolve(here, '../../../../shared/specs')

/** The JSON of a file of the descriptions; null when they are not on this machine. */
export function readSpec<T>(name: string): T | null {
  const file = join(specsDir, name)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as T : null
}

/** Why a test is skipped. */
export const noSpecs =
  `The platforms' descriptions are not in ${specsDir}; SLUICE_SPECS_DIR can name another folder`
