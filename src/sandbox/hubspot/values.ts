// Room sandbox: one value of a request, to the text that is stored; or why HubSpot refuses it.

import { never } from '../../lib/assert.ts'
import { readDecimal } from '../salesforce/numbers.ts'
import type { Issue } from './errors.ts'
import { clockOf, readInstant, writeInstant } from './moments.ts'
import type { Property } from './property.ts'

export type Reading =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly issue: Issue }

/** Characters that a text holds at most. */
const textLengthMax = 65_536

const taken = (value: string): Reading => ({ ok: true, value })

const refused = ({ name }: Property, error: string, message: string): Reading => ({
  ok: false,
  issue: { name, error, message },
})

/** Reads the text given for a property. The empty text clears it. `before` is what the record holds. */
export function readValue(property: Property, given: string, before: string): Reading {
  if (given === '') return taken('')
  const { type } = property
  if (type !== 'string' && type !== 'phone_number' && given.trim() !== given) {
    const message = `"${given}" includes leading or trailing whitespace.`
    return refused(property, 'LEADING_TRAILING_WHITESPACE', message)
  }
  switch (type) {
    case 'string':
    case 'phone_number':
      return readText(property, given)
    case 'number':
      return readNumber(property, given)
    case 'date':
      return readDate(property, given)
    case 'datetime':
      return readDatetime(property, given)
    case 'bool':
      return readChoice(property, given.toLowerCase())
    case 'enumeration':
      return property.fieldType === 'checkbox'
        ? readChoices(property, given, before)
        : readChoice(property, given)
    default:
      return never(type)
  }
}

const emailPattern =
  /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/

function readText(property: Property, given: string): Reading {
  if (given.length > textLengthMax) {
    const message =
      `Property value is too long: ${given.length} characters, at most ${textLengthMax}`
    return refused(property, 'VALUE_TOO_LONG', message)
  }
  if (!property.email) return taken(given)
  const address = given.trim().toLowerCase()
  if (emailPattern.test(address)) return taken(address)
  return refused(property, 'INVALID_EMAIL', `Email address ${given} is invalid`)
}

function readNumber(property: Property, given: string): Reading {
  const number = readDecimal(given)
  if (number !== null && number !== 'huge') return taken(given)
  return refused(property, 'INVALID_INTEGER', `${given} was not a valid number.`)
}

function readDate(property: Property, given: string): Reading {
  const timeMs = readInstant(given)
  if (timeMs === null) return notLong(property, given)
  const clock = clockOf(timeMs)
  if (clock !== null) {
    const message = `${timeMs} is at ${clock} UTC, not midnight!`
    return refused(property, 'INVALID_DATE', message)
  }
  return taken(new Date(timeMs).toISOString().slice(0, 10))
}

function readDatetime(property: Property, given: string): Reading {
  const timeMs = readInstant(given)
  return timeMs === null ? notLong(property, given) : taken(writeInstant(timeMs))
}

const notLong = (property: Property, given: string): Reading =>
  refused(property, 'INVALID_LONG', `${given} was not a valid long.`)

function readChoice(property: Property, given: string): Reading {
  return property.allowed.includes(given) ? taken(given) : notAllowed(property, given)
}

/** Values joined by `;`. With a `;` before the first they are added to those that the record holds. */
function readChoices(property: Property, given: string, before: string): Reading {
  const chosen = given.split(';').filter(Boolean)
  const bad = chosen.find((value) => !property.allowed.includes(value))
  if (bad !== undefined) return notAllowed(property, bad)
  const kept = given.startsWith(';') ? before.split(';').filter(Boolean) : []
  return taken([...new Set([...kept, ...chosen])].join(';'))
}

function notAllowed(property: Property, given: string): Reading {
  const options = property.externalOptions
    ? property.allowed.join(', ')
    : property.options.map(({ label, value }, order) =>
      [
        `label: "${label}"`,
        `value: "${value}"`,
        `display_order: ${order}`,
        'hidden: false',
        'read_only: false',
        '',
      ].join('\n')
    ).join(', ')
  const message = `${given} was not one of the allowed options: [${options}]`
  return refused(property, 'INVALID_OPTION', message)
}
