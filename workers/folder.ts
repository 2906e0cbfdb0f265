// Workers: the data folder of `npm start` belongs to one `npm start` at a time.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from './environment.ts'

/** A folder that is this process's until it lets go of it, or ends. */
export interface HeldFolder {
  release(): void
}

/**
 * Takes the folder, making it first if need be. What is locked is a file of SQLite's: the system lets go of the lock when
 * the process ends, however it ends; a process id in a file would stay, and be another process's one day. Throws ConfigError
 * when another process has the folder.
 */
export function holdFolder(folder: string): HeldFolder {
  // open to the user that Postgres runs as when we are root
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const lock = new DatabaseSync(join(folder, 'in-use.lock'))
  const pidFile = join(folder, 'in-use.pid') // for people: who it is that has the lock
  try {
    lock.exec('pragma journal_mode = memory; begin exclusive')
  } catch (error) {
    lock.close()
    if (!/\blocked\b/.test(String(error))) throw error
    throw new ConfigError(inUse(folder, readPid(pidFile)), { cause: error })
  }
  writeFileSync(pidFile, `${process.pid}\n`)
  return { release: () => lock.close() }
}

function inUse(folder: string, pid: string): string {
  return `The data folder ${folder} is in use by another npm start${pid}. ` +
    'Stop that one, or give this one a folder (SLUICE_DATA_DIR) and ports (SLUICE_LISTENER_PORT, ' +
    'SLUICE_DATABASE_PORT, SLUICE_SERVICE_PORT, SLUICE_SANDBOX_PORT) of its own'
}

function readPid(file: string): string {
  try {
    return ` (process ${readFileSync(file, 'utf8').trim()})`
  } catch {
    return '' // it has only just taken the folder
  }
}
