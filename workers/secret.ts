// Workers: reading a secret: from SLUICE_SECRET, or from standard input to its end.

import process from 'node:process'
import { text } from 'node:stream/consumers'
import { optionalEnv } from './environment.ts'
import { UsageError } from './commands/command.ts'

/** The secret without the space around it. Throws UsageError when it is empty. */
export async function readSecret(what: string): Promise<string> {
  const given = optionalEnv('SLUICE_SECRET')
  if (given === undefined && process.stdin.isTTY) {
    console.error(`Paste ${what}, then Enter and Ctrl-D:`)
  }
  const secret = (given ?? await text(process.stdin)).trim()
  if (secret === '') throw new UsageError(`${what} comes from standard input or SLUICE_SECRET`)
  return secret
}
