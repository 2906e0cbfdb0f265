// Workers: the options of the bastion in front of a database.

import { readFileSync } from 'node:fs'
import type { BastionBody } from '../../src/sync/setup-bastion.ts'
import { requiredOption, revealed, UsageError } from './command.ts'

/** In place of a host: the database is reached without one again. */
const none = 'none'

/** The bastion that the options tell of. Throws UsageError. */
export function bastionIn(
  options: Readonly<Record<string, string | undefined>>,
): { ssh?: BastionBody | null } {
  const host = options['ssh-host']
  if (host === undefined) {
    const stray = ['port', 'user', 'key-file', 'host-key'].find((name) =>
      options[`ssh-${name}`] !== undefined
    )
    if (stray !== undefined) throw new UsageError(`--ssh-${stray} goes with --ssh-host`)
    return {}
  }
  if (host === none) return { ssh: null }
  return {
    ssh: {
      host,
      port: portOf(options['ssh-port'] ?? '22'),
      user: requiredOption(options, 'ssh-user'),
      privateKey: keyOf(requiredOption(options, 'ssh-key-file')),
      hostKey: requiredOption(options, 'ssh-host-key'),
    },
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new UsageError('--ssh-port is a number from 1 to 65535')
}

function keyOf(file: string): string {
  if (file.startsWith('env:')) return revealed(file)
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(`--ssh-key-file: cannot read ${file}`)
  }
}
