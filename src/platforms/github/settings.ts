// Room platforms: the settings of a GitHub connection.

import { fault } from '../../mutation/fault.ts'
import type { Settings } from '../platform.ts'

export interface GithubSettings {
  /** The repositories whose records fill the tables, as `owner/name`; absent: all that the account may see. */
  readonly repositories?: readonly string[]
  /** Is the token one of a GitHub App's installation? Then the repositories are those of the installation. */
  readonly installation: boolean
}

/**
 * Reads `repositories` (array of `owner/name`) and `installation` (boolean, false when absent).
 * @throws Fault bad_request for one of another form
 */
export function readSettings({ repositories, installation = false }: Settings): GithubSettings {
  if (typeof installation !== 'boolean') throw invalid('installation', 'true or false')
  if (repositories === undefined) return { installation }
  if (!Array.isArray(repositories)) throw invalid('repositories', 'a list of names "owner/name"')
  const names: readonly unknown[] = repositories
  const valid = names.filter((name) => typeof name === 'string' && isRepository(name))
  if (valid.length !== names.length) throw invalid('repositories', 'a list of names "owner/name"')
  return { repositories: valid as string[], installation }
}

/** `owner/name`, of the characters that GitHub allows; neither part is a dot or two, which a URL would resolve. */
export function isRepository(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/.test(text)
}

function invalid(name: string, form: string) {
  return fault('bad_request', {
    platform: 'github',
    message: `setting "${name}" of the github connection is not ${form}`,
  })
}
