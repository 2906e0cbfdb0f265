// Room sync: what applying a file consists of: actions that are told, checked, or carried out.

import { fault } from '../mutation/fault.ts'
import { type Finding, isFailed } from './checks.ts'
import type { GrantedLogin } from './logins.ts'
import type { Secret } from './setup-file.ts'

/** What applying tells and does, one after the other. */
export interface Applied {
  /** In words: what is done, or would be. */
  readonly actions: readonly string[]
  /** In words: what differs from the file and stays so, since it is not to be pruned. */
  readonly notes: readonly string[]
  /** Of what is checked before it is made; by the name of the sync, or the database, or `connection <id>`. */
  readonly findings: Readonly<Record<string, readonly Finding[]>>
  /** Their passwords are nowhere else. */
  readonly logins: readonly GrantedLogin[]
}

export interface ApplyOptions {
  readonly dryRun?: boolean
  /** With `dryRun`: what is checked before something is made is checked. */
  readonly checks?: boolean
  /** Drop syncs (keeping their tables), tables and logins that the file does not name. */
  readonly prune?: boolean
  /** The environment variable of that name; undefined: it is not set. */
  readonly secret: (name: string) => string | undefined
}

/** One thing to be done. */
export interface Action {
  readonly words: string
  run(): Promise<
    { logins?: readonly GrantedLogin[]; findings?: readonly Finding[]; sync?: string } | void
  >
  /** What stands against it; nothing is changed. `pending`: connections that are made or changed before it. */
  check?(pending: ReadonlySet<string>): Promise<readonly Finding[]>
  /** The sync that is checked. */
  readonly sync?: string
  /** The connection that it makes or changes. */
  readonly connection?: string
}

/** What stands against the actions, by sync; nothing is changed. */
export async function checkAll(actions: readonly Action[]): Promise<Applied['findings']> {
  const pending = new Set(actions.flatMap(({ connection }) => connection ?? []))
  const findings: Record<string, readonly Finding[]> = {}
  for (const action of actions) {
    if (action.check === undefined || action.sync === undefined) continue
    findings[action.sync] = await action.check(pending)
  }
  return findings
}

/** One after the other, until one has a finding that fails. */
export async function carryOut(actions: readonly Action[]): Promise<Omit<Applied, 'notes'>> {
  const done: string[] = []
  const logins: GrantedLogin[] = []
  const findings: Record<string, readonly Finding[]> = {}
  for (const action of actions) {
    const result = await action.run()
    if (result?.sync !== undefined && result.findings !== undefined) {
      findings[result.sync] = result.findings
    }
    if (isFailed(result?.findings ?? [])) break
    logins.push(...result?.logins ?? [])
    done.push(action.words)
  }
  return { actions: done, findings, logins }
}

/** A secret of the file. Throws `bad_request`. */
export function reveal({ secret }: ApplyOptions, { env }: Secret): string {
  const value = secret(env)
  if (value !== undefined && value.trim() !== '') return value.trim()
  throw fault('bad_request', {
    message: `the environment has no ${env}`,
    hint: `The file wants a secret from ${env}.`,
  })
}
