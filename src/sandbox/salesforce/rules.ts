// Room sandbox: what the emulated org does beyond its schema, when a test or a person asks for it by a value.
// - Its duplicate rule: a contact whose e-mail address ends in `@duplicate.example` must not have the address of another
//   contact. The header `Sforce-Duplicate-Rule-Header` is not heeded: nothing passes the rule.
// - Its busy records: a contact whose department is `lock 2`, or `lock 2` and more words, is refused twice with that very
//   text, as if another transaction held the record, and then taken.
// https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_objects_duplicateresult.htm

import type { Json } from '../json.ts'
import { type ApiError, apiError } from './errors.ts'
import type { Sobject } from './objects/schema.ts'
import type { Org, Row } from './org.ts'
import type { Value } from './values.ts'

/** A record as it would be written. */
interface Draft {
  readonly object: Sobject
  /** What the request gives. */
  readonly given: ReadonlyMap<string, Value>
  /** null for a new record. */
  readonly id: string | null
}

/** Why the org refuses a record that its fields take; empty when it does not. */
export function checkRules(org: Org, draft: Draft): readonly ApiError[] {
  if (draft.object.name !== 'Contact') return []
  const locked = lockOf(org, draft)
  return locked.length > 0 ? locked : duplicatesOf(org, draft)
}

/** How often a text was refused, by org: it is forgotten with the org. */
const refusals = new WeakMap<Org, Map<string, number>>()

function lockOf(org: Org, { given, id }: Draft): readonly ApiError[] {
  const text = String(given.get('Department') ?? '')
  const times = Number(/^lock (\d{1,3})(?: |$)/.exec(text)?.[1] ?? 0)
  const counts = refusals.get(org) ?? new Map<string, number>()
  refusals.set(org, counts)
  const count = counts.get(text) ?? 0
  if (count >= times) return []
  counts.set(text, count + 1)
  const message = `unable to obtain exclusive access to this record or 1 records: ${id ?? 'new'}`
  return [apiError('UNABLE_TO_LOCK_ROW', message, { fields: [] })]
}

function duplicatesOf(org: Org, { object, given, id }: Draft): readonly ApiError[] {
  const email = String(given.get('Email') ?? '').toLowerCase()
  if (!email.endsWith('@duplicate.example')) return []
  const found = [...org.rows(object)].filter((row) =>
    row.deletedAtMs === null && row.id !== id &&
    String(row.values.get('Email') ?? '').toLowerCase() === email
  )
  if (found.length === 0) return []
  const error = apiError('DUPLICATES_DETECTED', 'Use one of these records?', { fields: [] })
  return [{ ...error, duplicateResult: resultOf(found) }]
}

function resultOf(found: readonly Row[]): Json {
  return {
    allowSave: true,
    duplicateRule: 'Standard_Contact_Duplicate_Rule',
    duplicateRuleEntityType: 'Contact',
    errorMessage: 'Use one of these records?',
    matchResults: [{
      entityType: 'Contact',
      errors: [],
      matchEngine: 'FuzzyMatchEngine',
      matchRecords: found.map(matchOf),
      rule: 'Standard_Contact_Match_Rule_v1_1',
      size: found.length,
      success: true,
    }],
  }
}

function matchOf({ id }: Row): Json {
  const url = `/services/data/v62.0/sobjects/Contact/${id}`
  return {
    additionalInformation: [],
    fieldDiffs: [],
    matchConfidence: 100,
    record: { attributes: { type: 'Contact', url }, Id: id },
  }
}
