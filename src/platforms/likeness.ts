// Room platforms: does a record hold what a row sent? Values are compared as the platforms keep them: numbers by what they
// are worth, moments as exactly as they are kept, texts without regard to case and blanks, lists in any order. And is it the very
// value, so that it says nothing whether a write ever came?

import { isJsonNumber, isJsonObject, type Json, tryParseJson } from './json.ts'
import type { PlannedRow, Values } from '../mutation/mutation.ts'
import { type Column, idColumn, isJsonType, type SyncedTable } from '../mutation/table.ts'
import { utcOf } from './instants.ts'
import { own } from './own.ts'

/** How a platform keeps values. */
export interface Keeping {
  /** How exactly it keeps a point in time, in milliseconds. */
  readonly precisionMs: number
  /** Columns that come back as something else than was sent, or not at all: nothing is said by them. */
  readonly mute?: (column: Column) => boolean
  /** Columns that many records share, such as the repository they are in. Booleans are so everywhere. */
  readonly shared?: (column: Column) => boolean
  /** JSON columns to which a write adds: what the object holds beyond what was sent says nothing against it. */
  readonly merged?: (column: Column) => boolean
}

/**
 * How many of the values sent a record holds. `telling`: of the columns that not many records share, how many hold the same
 * or something that resembles it. `exact`: every value sent was compared, and is the very one that the record holds.
 */
export interface Likeness {
  readonly compared: number
  readonly unequal: number
  readonly telling: { readonly compared: number; readonly alike: number }
  readonly exact: boolean
}

interface Compared {
  readonly table: SyncedTable
  readonly keeping: Keeping
  /** An insert's null is a value not sent. */
  readonly insert: boolean
  /** An upsert's column, which its records hold in any case: it counts only where nothing else was sent. */
  readonly key?: string
}

/** Compares what a row sent with what a record holds. A column that the record does not tell is passed over. */
export type Compare = (row: PlannedRow, held: Values) => Likeness

/** A comparison that remembers the forms of texts, since each is compared with many. For one look, not for longer. */
export function createComparison({ table, keeping, insert, key }: Compared): Compare {
  const columns = new Map(table.columns.map((column) => [column.name, column]))
  const forms: Forms = { loose: remembered(loose), bare: remembered(bare) }
  return (row, held) => {
    const counts = { compared: 0, unequal: 0, telling: { compared: 0, alike: 0 }, exact: true }
    const all = Object.entries(row.values)
    for (const [name, sent] of all) {
      if (insert && sent === null) continue
      const column = columns.get(name)
      const value = own(held, name)
      const told = column !== undefined && value !== undefined && !keeping.mute?.(column) &&
        !isOtherForm(sent, value, column)
      counts.exact &&= told && isSame(sent, value, { column, keeping, forms: veryForms })
      if (!told || (name === key && all.length > 1)) continue
      const same = isSame(sent, value, { column, keeping, forms })
      counts.compared += 1
      if (!same) counts.unequal += 1
      if (baseOf(column) === 'boolean' || keeping.shared?.(column)) continue
      counts.telling.compared += 1
      if (same || isAlike(sent, value, { column, forms })) counts.telling.alike += 1
    }
    return counts
  }
}

interface Forms {
  readonly loose: (text: string) => string
  readonly bare: (text: string) => string
  /** Nothing is passed over: neither case and blanks, nor the order of a list, nor digits that a platform would round. */
  readonly strict?: boolean
}

const veryForms: Forms = { loose: (text) => text, bare: (text) => text, strict: true }

function remembered(form: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const made = form(text)
    known.set(text, made)
    return made
  }
}

/** All that was sent is there; something was. */
export function isEqual({ compared, unequal }: Likeness): boolean {
  return compared > 0 && unequal === 0
}

/** The record holds the very values that were sent, all of them, by whatever they came there. */
export function isExact({ compared, exact }: Likeness): boolean {
  return compared > 0 && exact
}

/**
 * Can the record have been made of the row and then changed, by the platform's own rules or by somebody? Half of what tells
 * records apart is enough.
 */
export function isPossible({ telling, compared }: Likeness): boolean {
  return compared === 0 || (telling.alike > 0 && telling.alike * 2 >= telling.compared)
}

/** A text shorter than this, in letters and digits, can be within another by chance. */
const alikeMin = 3

/** Texts of which one is within the other, but for what is no letter or digit: cut, cleaned, put into HTML. */
function isAlike(
  sent: string | null,
  held: string | null,
  { column, forms }: { column: Column; forms: Forms },
): boolean {
  if (sent === null || held === null || baseOf(column) !== 'text') return false
  const [a, b] = [forms.bare(sent), forms.bare(held)]
  if (Math.min(a.length, b.length) < alikeMin) return a === b && a !== ''
  return a.includes(b) || b.includes(a)
}

function bare(text: string): string {
  return text.normalize('NFC').toLowerCase().replace(/<[^<>]*>|<|[^\p{L}\p{N}<]+/gu, '')
}

function baseOf({ type }: Column): string {
  const end = type.indexOf('(')
  return end < 0 ? type : type.slice(0, end)
}

interface Place {
  readonly column: Column
  readonly keeping: Keeping
}

/** Does the platform keep the value sent as the value held? null is what platforms do not tell from it. */
export function isSameValue(sent: string | null, held: string | null, place: Place): boolean {
  return isSame(sent, held, { ...place, forms: { loose, bare } })
}

function isSame(
  sent: string | null,
  held: string | null,
  { column, keeping, forms }: Place & { forms: Forms },
): boolean {
  if (sent === held) return true
  const { strict = false } = forms
  if (sent === null || held === null) return isNothing(sent ?? held ?? '', column, { strict })
  if (column.name === idColumn) return false
  switch (baseOf(column)) {
    case 'boolean':
    case 'date':
      return false
    case 'integer':
    case 'bigint':
    case 'numeric':
      return isSameNumber(sent, held, { strict })
    case 'timestamptz':
      return isSameMoment(sent, held, keeping)
    case 'time':
      return timeOf(sent) === timeOf(held)
    case 'varchar':
      return sent.slice(0, idCharacters) === held.slice(0, idCharacters)
    case 'text':
      return forms.loose(sent) === forms.loose(held)
    default: {
      const ordered = strict || !column.type.endsWith('[]')
      const whole = strict && !keeping.merged?.(column)
      return isWithin(tryParseJson(sent), tryParseJson(held), { ordered, whole, forms })
    }
  }
}

/** References of such a type are ids, of which the first characters say all; the others come and go. */
const idCharacters = 15

/** What platforms do not tell from null. */
function isNothing(text: string, column: Column, { strict }: { strict: boolean }): boolean {
  if (baseOf(column) === 'boolean') return text === 'false'
  if (isJsonType(column.type)) return /^(null|\[\]|\{\}|"")$/.test(text)
  return (strict ? text : text.trim()) === ''
}

/** Digits that a double surely keeps. */
const digitsMax = 15

function isSameNumber(a: string, b: string, { strict }: { strict: boolean }): boolean {
  if (plain(a) === plain(b)) return true
  const kept = [a, b].every((text) => text.replace(/e.*$|\D/gi, '').length <= digitsMax)
  return (kept || !strict) && Number(a) === Number(b)
}

/** `-01.50` → `-1.5` */
function plain(text: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text) ??
    ['', text]
  if (whole === '' && fraction === '') return sign === '-' ? '0' : sign || '0'
  return `${sign}${whole || '0'}${fraction === '' ? '' : `.${fraction}`}`
}

function isSameMoment(a: string, b: string, { precisionMs }: Keeping): boolean {
  const [left, right] = [utcOf(a), utcOf(b)]
  if (left === undefined || right === undefined) return false
  return Math.abs(Date.parse(left) - Date.parse(right)) < precisionMs
}

function timeOf(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** A list that comes back within an object, say: the two cannot be compared. */
function isOtherForm(sent: string | null, held: string | null, { type }: Column): boolean {
  if (!isJsonType(type) || sent === null || held === null) return false
  const [list, object] = [/^\s*\[/, /^\s*\{/]
  return (list.test(sent) && object.test(held)) || (object.test(sent) && list.test(held))
}

function loose(text: string): string {
  return text.normalize('NFC').replace(/\s+/g, ' ').trim().toLowerCase()
}

/**
 * Is what was sent within what is held? An object may hold more members, and a member that was sent as null may be absent;
 * a list must be the whole list. `whole`: an object may hold no more either. Without JSON on both sides nothing is the same.
 */
function isWithin(sent: Json | undefined, held: Json | undefined, how: Within): boolean {
  if (sent === undefined) return false
  if (sent === null || held === null || held === undefined) {
    return isEmpty(sent) && isEmpty(held ?? null)
  }
  if (Array.isArray(sent)) {
    return Array.isArray(held) && isSameList(sent, held, how)
  }
  if (isJsonObject(sent)) {
    if (!isJsonObject(held)) return false
    const rest = Object.entries(held).filter(([name]) => !Object.hasOwn(sent, name))
    return (!how.whole || rest.every(([, value]) => isEmpty(value ?? null))) &&
      Object.entries(sent).every(([name, value]) =>
        isWithin(value ?? null, own<Json | undefined>(held, name) ?? null, {
          ...how,
          ordered: true,
        })
      )
  }
  // an object that comes back whole where its id was sent
  const scalar = isJsonObject(held) ? own<Json | undefined>(held, 'id') ?? null : held
  const { forms } = how
  return forms.loose(scalarOf(sent)) === forms.loose(scalarOf(scalar))
}

interface Within {
  readonly ordered: boolean
  readonly whole: boolean
  readonly forms: Forms
}

function isSameList(sent: readonly Json[], held: readonly Json[], how: Within): boolean {
  if (sent.length !== held.length) return false
  if (how.ordered) return sent.every((item, i) => isWithin(item, held[i] ?? null, how))
  const words = (items: readonly Json[]) =>
    items.map((item) => how.forms.loose(scalarOf(item))).toSorted()
  return JSON.stringify(words(sent)) === JSON.stringify(words(held))
}

function isEmpty(json: Json): boolean {
  return json === null || json === '' || (Array.isArray(json) && json.length === 0) ||
    (isJsonObject(json) && Object.keys(json).length === 0)
}

function scalarOf(json: Json): string {
  if (isJsonNumber(json)) return plain(json.rawJSON)
  return typeof json === 'string' ? json : JSON.stringify(json)
}
