// Room sandbox: which living records hold a value: that of a unique field, or a reference to a record.

import { type Child, childrenOf, type Sobject, sobjects } from './objects/schema.ts'
import type { Row } from './org.ts'

export interface Holdings {
  /** One row in the place of another of the same id; undefined: none. */
  replace(before: Row | undefined, after: Row | undefined): void
  /** The id of the row that has the value in a unique field. Cases do not tell values apart. */
  holderOf(object: Sobject, fieldName: string, value: string): string | undefined
  /** The ids of the rows that refer to a record. */
  referring(child: Child, id: string): readonly string[]
}

export function createHoldings(): Holdings {
  const holders = new Map<string, string>()
  const referrers = new Map<string, Set<string>>()
  return {
    replace: (before, after) => {
      for (const key of uniqueKeys(before)) holders.delete(key)
      for (const key of lookupKeys(before)) {
        referrers.get(key)?.delete(before?.id ?? '')
        if (referrers.get(key)?.size === 0) referrers.delete(key)
      }
      if (after === undefined) return
      for (const key of uniqueKeys(after)) holders.set(key, after.id)
      for (const key of lookupKeys(after)) {
        referrers.set(key, (referrers.get(key) ?? new Set()).add(after.id))
      }
    },
    holderOf: (object, fieldName, value) => holders.get(uniqueKey(object.name, fieldName, value)),
    referring: (child, id) => [...referrers.get(lookupKey(child, id)) ?? []],
  }
}

function uniqueKey(objectName: string, fieldName: string, value: string): string {
  return `${objectName}.${fieldName}=${value.toLowerCase()}`
}

function uniqueKeys(row: Row | undefined): string[] {
  if (row === undefined || row.deletedAtMs !== null) return []
  return row.object.uniqueFields.flatMap(({ name }) => {
    const value = row.values.get(name) ?? null
    return value === null ? [] : [uniqueKey(row.object.name, name, String(value))]
  })
}

/** Lookups to records that can be deleted. */
const lookups = new Map<string, Child[]>()
for (const parent of sobjects.filter(({ writable }) => writable)) {
  for (const child of childrenOf(parent)) {
    lookups.set(child.object.name, [...lookups.get(child.object.name) ?? [], child])
  }
}

function lookupKey({ object, field }: Child, id: string): string {
  return `${object.name}.${field.name}=${id}`
}

function lookupKeys(row: Row | undefined): string[] {
  if (row === undefined || row.deletedAtMs !== null) return []
  return (lookups.get(row.object.name) ?? []).flatMap((child) => {
    const id = row.values.get(child.field.name) ?? null
    return id === null ? [] : [lookupKey(child, String(id))]
  })
}
