// Room sandbox: GitHub's tables for the control endpoints: what is there, as the REST API writes it, whoever may see it.

import { isObject, type Json, type JsonObject, writeJson } from '../json.ts'
import { isPull } from './acts/pulls.ts'
import {
  showComment,
  showLabel,
  showMilestone,
  showRelease,
  showWholeRepository,
} from './rest/show.ts'
import { showWholeIssue, showWholePull } from './rest/show_issue.ts'
import { fullNameOf, repositoryOf, type Session } from './state/session.ts'

/**
 * The records of a table as the text of a JSON array; null for a table that GitHub does not have. Addresses are left out, but
 * for the record's own, and of the two repositories of a pull request all but their names, so that a hundred thousand
 * records are still a text.
 */
export function recordsOf(session: Session, table: string): string | null {
  const rows = rowsOf(session, table)
  return rows === null ? null : `[${rows.map((show) => writeJson(withoutLinks(show()))).join(',')}]`
}

const links: ReadonlySet<string> = new Set(['html_url', 'issue_url', 'repository_url'])

/** Of objects that many records share. */
const shared = new WeakMap<JsonObject, JsonObject>()

function withoutLinks(record: JsonObject, isOwn = true): JsonObject {
  const known = isOwn ? undefined : shared.get(record)
  if (known !== undefined) return known
  const kept: Record<string, Json> = {}
  for (const [name, value] of Object.entries(record)) {
    const isLink = name.endsWith('_url') || name === '_links'
    if (isLink && !(isOwn && links.has(name))) continue
    kept[name] = name === 'repo' && isObject(value)
      ? { id: value['id'] ?? null, full_name: value['full_name'] ?? null }
      : isObject(value)
      ? withoutLinks(value, false)
      : value
  }
  if (!isOwn) shared.set(record, kept)
  return kept
}

/** Each is written when its turn comes, so that the objects need not all be there. */
function rowsOf(session: Session, table: string): readonly (() => JsonObject)[] | null {
  const { hub } = session
  /** With the name of the repository, which some records do not show. */
  const placed = (row: { readonly repositoryId: bigint }, shown: JsonObject): JsonObject => ({
    ...shown,
    repository: fullNameOf(session, repositoryOf(session, row)),
  })
  switch (table) {
    case 'repositories':
      return hub.repositories.all().map((row) => () => showWholeRepository(session, row))
    case 'issues':
      return hub.issues.all().filter((row) => !isPull(row)).map((row) => () =>
        placed(row, showWholeIssue(session, row))
      )
    case 'pull_requests':
      return hub.issues.all().filter(isPull).map((row) => () =>
        placed(row, showWholePull(session, row))
      )
    case 'labels':
      return hub.labels.all().map((row) => () => placed(row, showLabel(session, row)))
    case 'milestones':
      return hub.milestones.all().map((row) => () => placed(row, showMilestone(session, row)))
    case 'issue_comments':
      return hub.comments.all().map((row) => () => placed(row, showComment(session, row)))
    case 'releases':
      return hub.releases.all().map((row) => () => placed(row, showRelease(session, row)))
    default:
      return null
  }
}
