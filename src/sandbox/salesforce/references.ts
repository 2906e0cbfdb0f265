// Room sandbox: references between the calls of a composite: @{referenceId.path}, in a URL or anywhere in a body.

import { isArray, isObject, type Json, JsonNumber, scalarText } from '../json.ts'
import { failure } from './errors.ts'

const reference = /@\{([^}]*)\}/g

/**
 * The value with every reference replaced by what it stands for. Throws PROCESSING_HALTED for one that stands for
 * nothing.
 */
export function resolveReferences(value: Json, bodies: ReadonlyMap<string, Json>): Json {
  if (typeof value === 'string') return value.includes('@{') ? resolveText(value, bodies) : value
  if (isArray(value)) return value.map((one) => resolveReferences(one, bodies))
  if (!isObject(value)) return value
  const members = Object.keys(value)
  if (members.every((name) => isPlain(value[name] ?? null))) return value
  return Object.fromEntries(
    members.map((name) => [name, resolveReferences(value[name] ?? null, bodies)]),
  )
}

/** Surely without a reference. Such an object stays itself, so that its values keep their places in the text. */
function isPlain(value: Json): boolean {
  if (typeof value === 'string') return !value.includes('@{')
  return value === null || typeof value !== 'object' || value instanceof JsonNumber
}

/** A text that is one reference becomes its value; a reference inside a text becomes text. */
function resolveText(text: string, bodies: ReadonlyMap<string, Json>): Json {
  const whole = /^@\{([^}]*)\}$/.exec(text)
  if (whole !== null) return lookUp(whole[1] ?? '', bodies)
  return text.replace(reference, (_, path: string) => scalarText(lookUp(path, bodies)) ?? '')
}

function lookUp(path: string, bodies: ReadonlyMap<string, Json>): Json {
  const [name = '', ...steps] = path.split(/[.[\]]+/).filter(Boolean)
  let value: Json | undefined = bodies.get(name)
  for (const step of steps) {
    if (isArray(value)) value = /^\d+$/.test(step) ? value[Number(step)] : undefined
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
  }
  const found = value !== undefined && value !== null && steps.length > 0 &&
    (typeof value !== 'object' || value instanceof JsonNumber)
  if (found && value !== undefined) return value
  throw failure(
    'PROCESSING_HALTED',
    `Invalid reference specified. No value for ${path} found in ${name}`,
  )
}
