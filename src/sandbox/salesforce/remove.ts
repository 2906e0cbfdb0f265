// Room sandbox: deleting one record, and what becomes of the records that refer to it.

import { writeDatetime } from './dates.ts'
import { type ApiError, apiError, entityIsDeleted, invalidCrossReference } from './errors.ts'
import { malformedId } from './errors.ts'
import { readId } from './ids.ts'
import { type Child, childrenOf } from './objects/schema.ts'
import type { Row } from './org.ts'
import { refusal, type Saved, type Writer } from './save.ts'

/** Puts the record with the id, given in any form, into the recycle bin. */
export function deleteRecord(writer: Writer, givenId: string): Saved {
  const id = readId(givenId)
  if (id === null) return refusal(malformedId(givenId))
  const row = writer.org.get(id)
  if (row === undefined) return refusal(invalidCrossReference)
  if (row.deletedAtMs !== null) return refusal(entityIsDeleted)
  if (!row.object.writable) {
    const message = `entity type cannot be deleted: ${row.object.name}`
    return refusal(apiError('INVALID_TYPE_FOR_OPERATION', message, { fields: [] }))
  }
  const hindrance = whyNot(writer, row)
  if (hindrance !== null) return { ok: false, errors: [hindrance], id }
  bin(writer, row)
  return { ok: true, id, created: false }
}

/** An account with a won opportunity stays. */
function whyNot(writer: Writer, row: Row): ApiError | null {
  if (row.object.name !== 'Account') return null
  const won = childrenOf(row.object)
    .filter(({ object }) => object.name === 'Opportunity')
    .flatMap((child) => writer.org.referring(child, row.id))
    .filter(({ values }) => values.get('IsWon') === true)
  if (won.length === 0) return null
  const names = won.map(({ values }) => String(values.get('Name'))).join(', ')
  const message = `Your attempt to delete ${String(row.values.get('Name'))} could not be ` +
    'completed because some opportunities in that account were closed won. The opportunities ' +
    `that were not able to be deleted are shown below.: ${names}\n`
  return apiError('DELETE_FAILED', message, { fields: [] })
}

/** Bins the record and those that go with it; other references to it become null. */
function bin(writer: Writer, row: Row): void {
  const now = writeDatetime(writer.nowMs)
  writer.org.put({
    ...row,
    values: new Map([
      ...row.values,
      ['IsDeleted', true],
      ['LastModifiedDate', now],
      ['LastModifiedById', writer.userId],
      ['SystemModstamp', now],
    ]),
    deletedAtMs: writer.nowMs,
  })
  for (const child of childrenOf(row.object)) {
    for (const other of writer.org.referring(child, row.id)) {
      if (child.field.cascadeDelete) bin(writer, other)
      else clear(writer, other, child)
    }
  }
}

function clear({ org, nowMs }: Writer, row: Row, { field }: Child): void {
  const stamp = writeDatetime(nowMs)
  org.put({
    ...row,
    values: new Map([...row.values, [field.name, null], ['SystemModstamp', stamp]]),
  })
}
