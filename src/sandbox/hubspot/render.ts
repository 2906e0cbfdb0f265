// Room sandbox: records as HubSpot gives them. Every value is text; properties are in the order of their names.

import type { JsonObject } from '../json.ts'
import { writeInstant } from './moments.ts'
import type { ObjectType } from './objects/definition.ts'
import type { Row } from './portal.ts'

/** A record with the properties named; those that it does not have are null. */
export function renderRow(row: Row, names: readonly string[]): JsonObject {
  const { values } = row
  const properties: Record<string, string | null> = {}
  for (const name of sortedNames(names)) properties[name] = values.get(name) ?? null
  return {
    id: row.id,
    properties,
    createdAt: writeInstant(row.createdAtMs),
    updatedAt: writeInstant(row.updatedAtMs),
    archived: row.archivedAtMs !== null,
    ...(row.archivedAtMs === null ? {} : { archivedAt: writeInstant(row.archivedAtMs) }),
  }
}

const sortedOnce = new WeakMap<readonly string[], readonly string[]>()

/** Each once, in order; worked out once for all rows of an answer. */
function sortedNames(names: readonly string[]): readonly string[] {
  const known = sortedOnce.get(names)
  if (known !== undefined) return known
  const sorted = [...new Set(names)].sort()
  sortedOnce.set(names, sorted)
  return sorted
}

/** What a write answers: what was written and what HubSpot adds, but not what the record does not have. */
export function renderWritten(row: Row, written: readonly string[]): JsonObject {
  const added = [...row.type.defaults, 'hs_object_source', 'hs_object_source_label']
  return renderRow(row, [...written, ...added].filter((name) => row.values.has(name)))
}

/** The names to show: those asked for that exist, with those that are always shown; the defaults for none. */
export function shownNames(type: ObjectType, asked: readonly string[]): readonly string[] {
  if (asked.length === 0) return type.defaults
  const known = asked.filter((name) => type.byName.has(name))
  return [...known, type.createdName, type.modifiedName, 'hs_object_id']
}
