// Room sandbox: comparing what cells hold: numbers as numbers, all else as text, the empty first.

import { isArray, isObject, type Json, JsonNumber, scalarText } from '../json.ts'
import { compareDecimals } from '../salesforce/numbers.ts'

/** Negative, zero or positive. */
export function compareScalars(left: Json, right: Json): number {
  const [a, b] = [textOf(left), textOf(right)]
  if (isNumber(left) && isNumber(right)) return compareDecimals(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** A value as text, as `&` joins it: a list's parts with commas. */
export function textOf(json: Json): string {
  if (isArray(json)) return json.map(textOf).join(', ')
  if (isObject(json)) return scalarText(json['filename'] ?? json['id']) ?? ''
  return scalarText(json) ?? ''
}

export function isNumber(json: Json): json is number | JsonNumber {
  return typeof json === 'number' || json instanceof JsonNumber
}
