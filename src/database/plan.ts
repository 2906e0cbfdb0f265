// Room database: what the triggers report of a plan, read back without changing a digit.

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
  /** Every column as the statement leaves it, a person's own columns too; for a delete as it was. */
  readonly row: Values
  /** Every column as it was; null for an insert. */
  readonly before: Values | null
  /** Genuine only if it is `planSeal` of this mutation and connection. */
  readonly seal: string
}

/**
 * Reads the DETAIL of a notice with SQLSTATE `planReportState`. The placeholder id of an insert reads as null.
 * Throws SyntaxError or RangeError when it is not such a report: a client's function can raise anything.
 */
export function parsePlanDetail(detail: string): PlanReport {
  const members = new Map(readJsonObject(detail).map((member) => [member.name, member]))
  const operation = operations.find((name) => name === stringOf(members, 'op'))
  if (operation === undefined) throw new RangeError('Cannot read a plan report: no operation')
  const idMember = members.get('id')
  const id = idMember?.kind === 'string' ? idMember.text : null
  const before = rowOf(members, 'old')
  const row = rowOf(members, 'new') ?? before
  if (row === null) throw new RangeError('Cannot read a plan report: no row')
  return {
    schema: stringOf(members, 'schema'),
    table: stringOf(members, 'table'),
    operation,
    ordinal: ordinalOf(members.get('n')),
    id,
    row: operation === 'insert' ? { ...row, [idColumn]: id } : row,
    before,
    seal: stringOf(members, 'seal'),
  }
}

type Members = ReadonlyMap<string, JsonMember>

function stringOf(members: Members, name: string): string {
  const member = members.get(name)
  if (member?.kind !== 'string') throw new RangeError(`Cannot read a plan report: no ${name}`)
  return member.text
}

function ordinalOf(member: JsonMember | undefined): number {
  const ordinal = member?.kind === 'number' ? Number(member.text) : 0
  if (!Number.isSafeInteger(ordinal) || ordinal < 1) {
    throw new RangeError('Cannot read a plan report: no ordinal')
  }
  return ordinal
}

function rowOf(members: Members, name: string): Values | null {
  const member = members.get(name)
  if (member === undefined || member.kind === 'null') return null
  if (member.kind !== 'object') throw new RangeError(`Cannot read a plan report: no row ${name}`)
  return Object.fromEntries(
    readJsonObject(member.text).map((
      { name, kind, text },
    ) => [name, kind === 'null' ? null : text]),
  )
}
