// Room sandbox: parameters read and checked: unknown ones first, then missing ones, then each value.

import { never } from '../../lib/assert.ts'
import type { Json, JsonObject } from '../json.ts'
import { missing, noSuch, refusal } from './errors.ts'
import type { Form, FormHash } from './form.ts'
import { currencies, decimalNumber } from './money.ts'
import type { Fields, Param } from './params.ts'

/** Does an object with this id exist? */
export type Exists = (object: string, id: string) => boolean

const metadataKeysMax = 50
const metadataKeyLengthMax = 40
const metadataValueLengthMax = 500
const listMax = 250

/**
 * The values of the parameters given; null is "unset". A parameter that was not given is absent.
 * Throws `StripeFailure` for the first thing wrong. `path` is the name of what the parameters stand in.
 */
export function readParams(
  form: FormHash,
  fields: Fields,
  { exists, path = '' }: { exists: Exists; path?: string },
): JsonObject {
  const unknown = [...form.keys()].filter((name) => !Object.hasOwn(fields, name))
  if (unknown.length > 0) throw unknownParams(unknown.map((name) => below(path, name)))
  for (const [name, field] of Object.entries(fields)) {
    if (field.needed === true && !form.has(name)) throw missing(below(path, name))
  }
  return Object.fromEntries(
    [...form].map(([name, value]) => {
      const field = fields[name]
      if (field === undefined) throw unknownParams([below(path, name)])
      return [name, readParam(value, field, { exists, path: below(path, name) })]
    }),
  )
}

interface Reading {
  readonly exists: Exists
  readonly path: string
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}[${name}]`
}

function unknownParams(names: readonly string[]): Error {
  const message = `Received unknown parameter${names.length > 1 ? 's' : ''}: ${names.join(', ')}`
  return refusal(message, { code: 'parameter_unknown', param: names[0] ?? '' })
}

function readParam(form: Form, param: Param, reading: Reading): Json {
  if (form === '') return param.unset === true ? null : emptied(param, reading.path)
  switch (param.kind) {
    case 'hash':
      return readParams(hashOf(form, reading.path), param.fields, reading)
    case 'list':
      return listOf(form, reading.path).map((item, index) =>
        readParam(item, param.of, { ...reading, path: `${reading.path}[${index}]` })
      )
    case 'map':
      return readMap(hashOf(form, reading.path), param.of, reading)
    case 'metadata':
      return readMetadata(form, reading.path)
    case 'range':
      return typeof form === 'string'
        ? readInteger(form, { least: 0, most: Number.MAX_SAFE_INTEGER }, reading.path)
        : readParams(form, rangeFields, reading)
    case 'either':
      return readParam(form, typeof form === 'string' ? param.other : param.hash, reading)
    case 'free':
      return readFree(form)
    default:
      if (typeof form !== 'string') {
        throw refusal(`Invalid string: ${shortened(plainText(form))}`, { param: reading.path })
      }
      return readScalar(form, param, reading)
  }
}

const bound: Param = { kind: 'integer', least: 0, most: Number.MAX_SAFE_INTEGER }
const rangeFields: Fields = { gt: bound, gte: bound, lt: bound, lte: bound }

type Scalar = Exclude<
  Param,
  { kind: 'hash' | 'list' | 'map' | 'metadata' | 'range' | 'either' | 'free' }
>

function readScalar(value: string, param: Scalar, { exists, path }: Reading): Json {
  switch (param.kind) {
    case 'text':
      return readText(value, param, path)
    case 'integer':
      return readInteger(value, param, path)
    case 'decimal':
      return readDecimal(value, param, path)
    case 'decimalText':
      if (/^-?\d+(?:\.\d{1,12})?$/.test(value)) return value
      throw refusal(`Invalid decimal: ${value}; must contain at maximum 12 decimal places.`, {
        param: path,
      })
    case 'boolean':
      if (value === 'true' || value === 'false') return value === 'true'
      throw refusal(`Invalid boolean: ${value}`, { param: path })
    case 'currency':
      if (currencies.includes(value.toLowerCase())) return value.toLowerCase()
      throw refusal(
        `Invalid currency: ${value.toLowerCase()}. Stripe currently supports these currencies: ${
          currencies.join(', ')
        }`,
        { param: path },
      )
    case 'enum':
      if (param.values.includes(value)) return value
      throw refusal(`Invalid ${path}: must be one of ${orList(param.values)}`, { param: path })
    case 'reference':
      if (exists(param.object, value)) return value
      throw noSuch(param.title, value, { param: path })
    default:
      return never(param)
  }
}

function readText(
  value: string,
  { lengthMax, form }: { lengthMax: number; form?: 'email' | 'url' },
  path: string,
): string {
  if (Array.from(value).length > lengthMax) {
    const message = `Invalid string: ${shortened(value)}; must be at most ${lengthMax} characters`
    throw refusal(message, { param: path })
  }
  if (form === 'email' && !/^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(value)) {
    throw refusal(`Invalid email address: ${value}`, { code: 'email_invalid', param: path })
  }
  if (form === 'url' && !URL.canParse(value)) {
    throw refusal('Not a valid URL', { code: 'url_invalid', param: path })
  }
  return value
}

function readInteger(
  value: string,
  { least, most }: { least: number; most: number },
  path: string,
): number {
  const code = 'parameter_invalid_integer'
  const number = Number(value)
  if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw refusal(`Invalid integer: ${value}`, { code, param: path })
  }
  if (number < least) {
    throw refusal(`This value must be greater than or equal to ${least}.`, { code, param: path })
  }
  if (number > most) {
    const message = `This value must be less than or equal to ${most} (it currently is '${value}').`
    throw refusal(message, { code, param: path })
  }
  return number
}

function readDecimal(
  value: string,
  { least, most }: { least: number; most: number },
  path: string,
): Json {
  if (!/^-?\d+(?:\.\d+)?$/.test(value)) throw refusal(`Invalid decimal: ${value}`, { param: path })
  const number = Number(value)
  if (number < least || number > most) {
    throw refusal(`Invalid decimal: ${value}; must be between ${least} and ${most}`, {
      param: path,
    })
  }
  return decimalNumber(value)
}

function emptied(param: Param, path: string): never {
  const code = 'parameter_invalid_empty'
  throw refusal(
    `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a parameter; however ` +
      `'${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`,
    { code, param: path },
  )
}

function readMetadata(form: Form, path: string): JsonObject {
  const entries = [...hashOf(form, path)]
  if (entries.length > metadataKeysMax) throw tooManyKeys(path)
  return Object.fromEntries(entries.map(([key, value]) => {
    if (typeof value !== 'string') {
      throw refusal(`Invalid string: ${shortened(plainText(value))}`, { param: below(path, key) })
    }
    if (key.length > metadataKeyLengthMax) {
      throw refusal(
        `Metadata keys can have up to ${metadataKeyLengthMax} characters, but you passed in a key that is ` +
          `${key.length} characters. Invalid key: ${key}`,
        { param: path },
      )
    }
    if (value.length > metadataValueLengthMax) {
      throw refusal(
        `Metadata values can have up to ${metadataValueLengthMax} characters, but you passed in a value that is ` +
          `${value.length} characters. Invalid value: ${value}`,
        { param: below(path, key) },
      )
    }
    return [key, value === '' ? null : value]
  }))
}

/** What an object's metadata becomes: keys are set, and unset by null; null unsets all. */
export function mergeMetadata(before: JsonObject, given: Json | undefined): JsonObject {
  if (given === null) return {}
  if (typeof given !== 'object') return before
  const merged = Object.entries({ ...before, ...(given as JsonObject) })
    .filter(([, value]) => value !== null)
  if (merged.length > metadataKeysMax) throw tooManyKeys('metadata')
  return Object.fromEntries(merged)
}

function tooManyKeys(path: string): Error {
  return refusal(`You can only set up to ${metadataKeysMax} metadata keys.`, { param: path })
}

function hashOf(form: Form, path: string): FormHash {
  if (typeof form === 'string') throw refusal('Invalid object', { param: path })
  return form
}

function listOf(form: Form, path: string): Form[] {
  if (typeof form === 'string' || [...form.keys()].some((key) => !/^\d+$/.test(key))) {
    throw refusal('Invalid array', { param: path })
  }
  if (form.size > listMax) {
    throw refusal(`Array ${path} exceeded maximum ${listMax} allowed elements.`, { param: path })
  }
  return [...form].toSorted(([one], [other]) => Number(one) - Number(other)).map(([, item]) => item)
}

function readMap(form: FormHash, of: Param, reading: Reading): JsonObject {
  return Object.fromEntries(
    [...form].map(([name, value]) => [
      name,
      readParam(value, of, { ...reading, path: below(reading.path, name) }),
    ]),
  )
}

/** Parameters whose types are not written down here: what looks like a flag or a whole number is taken for one. */
function readFree(form: Form): Json {
  if (typeof form !== 'string') {
    const entries = [...form].map(([name, value]) => [name, readFree(value)] as const)
    return entries.length > 0 && entries.every(([name], index) => name === String(index))
      ? entries.map(([, value]) => value)
      : Object.fromEntries(entries)
  }
  if (form === '') return null
  if (form === 'true' || form === 'false') return form === 'true'
  return /^(?:0|-?[1-9]\d{0,14})$/.test(form) ? Number(form) : form
}

function plainText(form: Form): string {
  return JSON.stringify(readFree(form))
}

/** Long text as Stripe quotes it. */
function shortened(value: string): string {
  return value.length > 30 ? `${value.slice(0, 10)}...${value.slice(-10)}` : value
}

/** `a`, `a or b`, `a, b, or c` */
function orList(values: readonly string[]): string {
  if (values.length < 3) return values.join(' or ')
  return `${values.slice(0, -1).join(', ')}, or ${values.at(-1) ?? ''}`
}
