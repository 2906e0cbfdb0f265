// Bench: Debian's pgbench and PgBouncer, where they are and how to get them.

import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

export interface Tools {
  readonly pgbench: string
  readonly pgbouncer: string
}

const debianHome = '/usr/lib/postgresql'

/** Finds both programs. Throws an Error that says in one line how to get what is missing. */
export function findTools(): Tools {
  const pgbench = find('pgbench', debianFolders())
  const pgbouncer = find('pgbouncer', ['/usr/sbin'])
  if (pgbench !== undefined && pgbouncer !== undefined) return { pgbench, pgbouncer }
  const missing = [
    ...pgbench === undefined ? ['postgresql-contrib'] : [],
    ...pgbouncer === undefined ? ['pgbouncer'] : [],
  ].join(' ')
  throw new Error(
    `Cannot measure the relay without ${missing}: apt-get update && apt-get install -y ${missing}`,
  )
}

/** Debian keeps pgbench out of the path, by version; the newest first. */
function debianFolders(): string[] {
  try {
    return readdirSync(debianHome).sort((a, b) => Number(b) - Number(a))
      .map((version) => join(debianHome, version, 'bin'))
  } catch {
    return []
  }
}

function find(name: string, folders: readonly string[]): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...folders, ...path].map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
