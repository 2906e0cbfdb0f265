// Room sandbox: one value of a request, to the cell that is stored; or why Airtable refuses it. There is no typecast:
// every field takes values of its own JSON type only. https://airtable.com/developers/web/api/field-model

import { createHash } from 'node:crypto'
import { never } from '../../lib/assert.ts'
import { isArray, isObject, type Json, JsonNumber, scalarText } from '../json.ts'
import { type Base, idsIn } from './base.ts'
import { readInstant, writeInstant } from './dates.ts'
import { cannotAccept, computedField, failure, noRow } from './errors.ts'
import type { Field } from './field.ts'
import { findTable } from './schema.ts'

/** Characters that a long text holds at most. */
const textLengthMax = 100_000

const emailPattern = /^[^\s@]+@[^\s@]+\.[^\s@]+$/

/** The cell for a value, null for an empty one. `before` is what it holds. Throws an `ApiFailure`. */
export function readCell(
  field: Field,
  json: Json,
  { base, before }: { base: Base; before: Json | undefined },
): Json {
  switch (field.type) {
    case 'singleLineText':
    case 'url':
    case 'phoneNumber':
    case 'multilineText':
    case 'richText':
    case 'email':
      return readText(field, json)
    case 'number':
    case 'currency':
    case 'percent':
    case 'duration':
    case 'rating':
      return readNumber(field, json)
    case 'checkbox':
      return readCheckbox(field, json)
    case 'date':
    case 'dateTime':
      return readDate(field, json)
    case 'singleSelect':
      return json === null ? null : readChoice(field, json)
    case 'multipleSelects':
      return emptied([...new Set(listOf(field, json).map((one) => readChoice(field, one)))])
    case 'multipleRecordLinks':
      return readLinks(base, field, json)
    case 'multipleAttachments':
      return emptied(listOf(field, json).map((one) => readAttachment(field, one, before)))
    case 'formula':
    case 'rollup':
    case 'count':
    case 'multipleLookupValues':
    case 'autoNumber':
    case 'createdTime':
    case 'lastModifiedTime':
      throw computedField(field)
    default:
      return never(field.type)
  }
}

function readText(field: Field, json: Json): Json {
  if (json === null || json === '') return null
  if (typeof json !== 'string' || json.length > textLengthMax) throw cannotAccept(field)
  if (field.type === 'email' && !emailPattern.test(json)) throw cannotAccept(field)
  return json
}

function readNumber(field: Field, json: Json): Json {
  if (json === null) return null
  if (!(json instanceof JsonNumber)) throw cannotAccept(field)
  const max = Number(scalarText(field.options?.['max']) ?? Number.NaN)
  if (field.type === 'rating' && (!/^[1-9]\d*$/.test(json.text) || Number(json.text) > max)) {
    throw cannotAccept(field)
  }
  if (field.type === 'duration' && json.text.startsWith('-')) throw cannotAccept(field)
  return json
}

/** False is an empty cell. */
function readCheckbox(field: Field, json: Json): Json {
  if (json === null || json === false) return null
  if (json === true) return true
  const text = scalarText(json)
  if (text === null) throw cannotAccept(field)
  throw failure('INVALID_VALUE_FOR_COLUMN', `Cannot parse value "${text}" for field ${field.name}`)
}

function readDate(field: Field, json: Json): Json {
  if (json === null || json === '') return null
  if (typeof json !== 'string') throw cannotAccept(field)
  const timeMs = readInstant(json)
  if (timeMs === null) {
    const message = `Cannot parse date value "${json}" for field ${field.name}`
    throw failure('INVALID_VALUE_FOR_COLUMN', message)
  }
  return field.type === 'date' ? json.slice(0, 10) : writeInstant(timeMs)
}

function readChoice(field: Field, json: Json): string {
  if (typeof json !== 'string') throw cannotAccept(field)
  if (field.choices.includes(json)) return json
  throw failure(
    'INVALID_MULTIPLE_CHOICE_OPTIONS',
    `Insufficient permissions to create new select option ""${json}""`,
  )
}

function readLinks(base: Base, field: Field, json: Json): Json {
  const table = findTable(field.link?.tableId ?? '')
  const ids = listOf(field, json).map((one) => {
    const id = scalarText(one)
    if (id === null) throw cannotAccept(field)
    if (!/^rec[A-Za-z0-9]{14}$/.test(id)) {
      throw failure('INVALID_RECORD_ID', `Value "${id}" is not a valid record ID.`)
    }
    if (table === undefined || base.get(table, id) === undefined) throw noRow(id)
    return id
  })
  return emptied(idsIn([...new Set(ids)]))
}

/** A file by its address, or one that is there already by its id. */
function readAttachment(field: Field, json: Json, before: Json | undefined): Json {
  const id = isObject(json) ? scalarText(json['id']) : null
  const url = isObject(json) ? scalarText(json['url']) : null
  const kept = isArray(before)
    ? before.find((file) => isObject(file) && file['id'] === id)
    : undefined
  if (kept !== undefined) return kept
  if (!isObject(json) || url === null || !URL.canParse(url)) {
    const message = `Invalid attachment object for field ${field.name}`
    throw failure('INVALID_ATTACHMENT_OBJECT', message)
  }
  const filename = scalarText(json['filename']) ?? url.split('/').at(-1) ?? ''
  const mark = createHash('sha256').update(url).digest('hex').slice(0, 14)
  return { id: `att${mark}`, url, filename, size: url.length, type: 'application/octet-stream' }
}

function listOf(field: Field, json: Json): readonly Json[] {
  if (json === null) return []
  if (isArray(json)) return json
  throw cannotAccept(field)
}

function emptied(list: readonly Json[]): Json {
  return list.length === 0 ? null : list
}
