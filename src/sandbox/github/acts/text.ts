// Room sandbox: the texts that people write into GitHub's records, and how long they may be.

import type { FieldError } from '../refusal.ts'

interface TextRule {
  readonly resource: string
  readonly field: string
  /** In characters. */
  readonly lengthMax: number
  /** Refused when blank. */
  readonly needed?: boolean
}

export const titleLengthMax = 256
export const bodyLengthMax = 65_536

/** What is wrong with a text; nothing is, when it is absent. */
export function checkText(text: string | null | undefined, rule: TextRule): readonly FieldError[] {
  if (text === undefined) return []
  const { resource, field, lengthMax, needed = false } = rule
  if (text === null || text.trim() === '') {
    return needed ? [{ resource, field, code: 'missing_field' }] : []
  }
  if (Array.from(text).length <= lengthMax) return []
  const message = `${field} is too long (maximum is ${lengthMax} characters)`
  return [{ resource, field, code: 'custom', message }]
}
