// Room sandbox: what parameters Stripe's endpoints take, as data.

/** A parameter. `needed`: the request fails without it. `unset`: an empty text means "no value". */
export type Param = Shape & { readonly needed?: boolean; readonly unset?: boolean }

type Shape =
  | { readonly kind: 'text'; readonly lengthMax: number; readonly form?: 'email' | 'url' }
  | { readonly kind: 'integer'; readonly least: number; readonly most: number }
  | { readonly kind: 'decimal'; readonly least: number; readonly most: number }
  | { readonly kind: 'decimalText' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'currency' }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'hash'; readonly fields: Fields }
  | { readonly kind: 'list'; readonly of: Param }
  | { readonly kind: 'map'; readonly of: Param }
  | { readonly kind: 'metadata' }
  | { readonly kind: 'reference'; readonly object: string; readonly title: string }
  | { readonly kind: 'range' }
  | { readonly kind: 'either'; readonly hash: Param; readonly other: Param }
  | { readonly kind: 'free' }

export type Fields = Readonly<Record<string, Param>>

/** Text. An empty one unsets it, unless `solid`. */
export function text(lengthMax = 5000): Param {
  return { kind: 'text', lengthMax, unset: true }
}

export const email: Param = { kind: 'text', lengthMax: 512, form: 'email', unset: true }
export const url: Param = { kind: 'text', lengthMax: 5000, form: 'url', unset: true }

export function integer(least: number = -integerMax, most: number = integerMax): Param {
  return { kind: 'integer', least, most }
}

/** Beyond this, Stripe's own answer is no JSON number that every client reads exactly. */
const integerMax = Number.MAX_SAFE_INTEGER

/** The largest amount of money, in the currency's smallest unit. */
export const amountMax = 99_999_999

export const time: Param = integer(0)
export const boolean: Param = { kind: 'boolean' }
export const currency: Param = { kind: 'currency' }
export const metadata: Param = { kind: 'metadata', unset: true }
export const range: Param = { kind: 'range' }

/** A number sent as text and given back as text, such as `unit_amount_decimal`: up to twelve places. */
export const decimalText: Param = { kind: 'decimalText' }

/** Parameters that are given back as they came: the sandbox does not act on them. */
export const free: Param = { kind: 'free' }

export function decimal(least: number, most: number): Param {
  return { kind: 'decimal', least, most }
}

export function oneOf(...values: readonly string[]): Param {
  return { kind: 'enum', values }
}

export function hash(fields: Fields): Param {
  return { kind: 'hash', fields }
}

export function list(of: Param): Param {
  return { kind: 'list', of }
}

/** Names of the caller's choice. */
export function map(of: Param): Param {
  return { kind: 'map', of }
}

/** The id of another object. `title` is what an error calls it. */
export function reference(object: string, title: string = object): Param {
  return { kind: 'reference', object, title }
}

/** A hash, or a scalar in its place. */
export function either(one: Param, other: Param): Param {
  return { kind: 'either', hash: one, other }
}

export function needed(param: Param): Param {
  return { ...param, needed: true }
}

export function unset(param: Param): Param {
  return { ...param, unset: true }
}

/** Cannot be unset. */
export function solid(param: Param): Param {
  return { ...param, unset: false }
}
