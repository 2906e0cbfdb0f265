// Room sandbox: may the viewer do that? The rights are the repository's own, whoever asks.

import { refused } from '../refusal.ts'
import type { Repository } from '../state/model.ts'

/** Throws for a repository that may be read only. */
export function needWrite(repository: Repository): void {
  if (repository.access !== 'admin') {
    throw refused({ kind: 'forbidden', message: 'Resource not accessible by integration' })
  }
  if (repository.flags.archived) {
    throw refused({ kind: 'forbidden', message: 'Repository was archived so is read-only.' })
  }
}

/** Throws for a repository without issues. */
export function needIssues(repository: Repository): void {
  if (!repository.flags.has_issues) {
    throw refused({ kind: 'gone', message: 'Issues are disabled for this repo' })
  }
}
