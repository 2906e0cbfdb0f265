// Room database: what the triggers report of a plan, read back without changing a digit.

import { Buffer } from 'node:buffer'
import { type JsonMember, readJsonObject } from '../lib/json.ts'
import type { Values } from '../mutation/mutation.ts'
import { idColumn, type Operation, operations } from '../mutation/table.ts'

/** One row that the statement would change. */
export interface PlanReport {
  readonly schema: string
  readonly table: string
  readonly operation: Operation
  /** Position in the statement, from 1: an insert's is the ticket key of its row in the apply. */
  readonly ordinal: number
  /** update, delete: the id before the change. insert: null, or the id that the statement gave. */
  readonly id: string | null
  /**
   * Every column as the statement leaves it, a person's own columns too; for a delete as it was. An insert leaves those
   * out that are null, its id excepted: most are.
   */
  readonly row: Values
  /** Every column as it was; null for an insert. */
  readonly before: Values | null
  /** Genuine only if it is `planSeal` of this mutation and connection. */
  readonly seal: string
}

/** What stands before a row in a report, and between the parts of one. JSON can hold neither. */
const [rowSeparator, partSeparator] = ['\u001e', '\u001f']

/** How a client in another encoding than UTF8 gets the UTF-8 of a report. */
const hex = /^[0-9a-f]+$/

/**
 * Reads the DETAIL of a notice with SQLSTATE `planReportState`. The placeholder id of an insert reads as null.
 * Throws SyntaxError or RangeError when it is not such a report: a client's function can raise anything.
 */
export function parsePlanDetail(detail: string): PlanReport[] {
  const text = hex.test(detail) ? Buffer.from(detail, 'hex').toString() : detail
  const [head = '', ...rows] = text.split(rowSeparator)
  const members = new Map(readJsonObject(head).map((member) => [member.name, member]))
  const operation = operations.find((name) => name === stringOf(members, 'op'))
  if (operation === undefined) throw new RangeError('Cannot read a plan report: no operation')
  const about = {
    schema: stringOf(members, 'schema'),
    table: stringOf(members, 'table'),
    operation,
    seal: stringOf(members, 'seal'),
  }
  return rows.map((row) => readRow(row, about))
}

type Members = ReadonlyMap<string, JsonMember>

function stringOf(members: Members, name: string): string {
  const member = members.get(name)
  if (member?.kind !== 'string') throw new RangeError(`Cannot read a plan report: no ${name}`)
  return member.text
}

function readRow(
  text: string,
  about: Pick<PlanReport, 'schema' | 'table' | 'operation' | 'seal'>,
): PlanReport {
  const [ordinal = '', idJson = '', newJson = '', oldJson = '', more] = text.split(partSeparator)
  if (more !== undefined) throw new RangeError('Cannot read a plan report: too many parts')
  const id = idOf(idJson)
  const insert = about.operation === 'insert'
  const before = rowOf(oldJson)
  const row = rowOf(newJson, { nulls: !insert }) ?? before
  if (row === null) throw new RangeError('Cannot read a plan report: no row')
  return {
    ...about,
    ordinal: ordinalOf(ordinal),
    id,
    row: insert ? { ...row, [idColumn]: id } : row,
    before,
  }
}

function ordinalOf(text: string): number {
  const ordinal = Number(text)
  if (!Number.isSafeInteger(ordinal) || ordinal < 1) {
    throw new RangeError('Cannot read a plan report: no ordinal')
  }
  return ordinal
}

function idOf(json: string): string | null {
  const id: unknown = JSON.parse(json)
  if (id === null || typeof id === 'string') return id
  throw new RangeError('Cannot read a plan report: no id')
}

function rowOf(json: string, options?: { nulls: boolean }): Values | null {
  if (json === 'null') return null
  return Object.fromEntries(
    readJsonObject(json, options).map((
      { name, kind, text },
    ) => [name, kind === 'null' ? null : text]),
  )
}
