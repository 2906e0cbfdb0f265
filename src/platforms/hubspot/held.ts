// Room platforms: HubSpot records as they are now, by their ids. A batch read reads the records themselves, not what the
// search knows of them. Source: CRM API guide, Objects, "Retrieve records"; changelog "Deals now support merging": who asks
// for a record that was merged into another is given that other one.

import type { SyncedTable } from '../../mutation/table.ts'
import { isJsonObject, type Json, toInteger } from '../json.ts'
import type { Caller, Page, Ref } from '../platform.ts'
import { type ApiRecord, readBatch, valuesOf } from './answer.ts'
import { propertiesOf } from './columns.ts'
import { readErrors } from './errors.ts'
import { isId } from './found.ts'
import { objectType } from './objects.ts'
import { read, unanswered } from './read.ts'

/** The most that a batch reads. */
export const readMax = 100

/** Records of a batch that are asked for once more, alone. */
const aloneMax = 10

type Held = Page['rows'][number] | { readonly id: string; readonly values: null }

/**
 * At most `readMax` records; `values` null: HubSpot has none of that id, or it was merged into another. What cannot be told
 * is left out. One request, and up to ten more where one was merged.
 * @throws Fault as `read`
 */
export async function readHeld(
  table: SyncedTable,
  refs: readonly Ref[],
  caller: Caller,
): Promise<readonly Held[]> {
  const ids = [...new Set(refs.map(({ id }) => id))]
  const asked = ids.filter(isId)
  // what is no number is no record's id
  const nowhere = ids.filter((id) => !isId(id)).map(gone)
  if (asked.length === 0) return nowhere
  const { found, open } = await readBatchOf(asked, { table, caller })
  const alone: Held[] = []
  for (const id of open.slice(0, aloneMax)) {
    const one = await readAlone(id, { table, caller })
    if (one !== undefined) alone.push(one)
  }
  return [...nowhere, ...found, ...alone]
}

interface Asking {
  readonly table: SyncedTable
  readonly caller: Caller
}

/** `open`: of these the answer does not say whether they are there. */
async function readBatchOf(
  asked: readonly string[],
  asking: Asking,
): Promise<{ readonly found: readonly Held[]; readonly open: readonly string[] }> {
  const { records, missing, isWhole } = await answerFor(asked, asking)
  const byId = new Map(records.map((record) => [record.id, record]))
  const { table, caller } = asking
  const found = asked.flatMap((id): Held[] => {
    const record = byId.get(id)
    if (record !== undefined) return [{ id, values: valuesOf(record, table, caller.log) }]
    return isWhole || missing.has(id) ? [gone(id)] : []
  })
  const told = new Set(found.map(({ id }) => id))
  return { found, open: asked.filter((id) => !told.has(id)) }
}

/** One record by itself, so that a record of another id in its place is the one that it was merged into. */
async function readAlone(id: string, asking: Asking): Promise<Held | undefined> {
  const { records, missing, isWhole, isSmooth } = await answerFor([id], asking)
  const [record, ...others] = records
  if (record === undefined) return isWhole || missing.has(id) ? gone(id) : undefined
  if (others.length > 0 || !isSmooth) return undefined
  if (record.id !== id) return gone(id)
  return { id, values: valuesOf(record, asking.table, asking.caller.log) }
}

interface Answered {
  readonly records: readonly ApiRecord[]
  /** Ids that an error says that there is no record of. */
  readonly missing: ReadonlySet<string>
  /** Nothing failed. */
  readonly isSmooth: boolean
  /** Is what it does not show surely not there? Nothing failed, and nothing was shown that was not asked for. */
  readonly isWhole: boolean
}

async function answerFor(
  ids: readonly string[],
  { table, caller }: Asking,
): Promise<Answered> {
  const json = await read((sdk) =>
    sdk.batch.read(objectType(table.object), {
      inputs: ids.map((id) => ({ id })),
      properties: propertiesOf(table.columns),
      propertiesWithHistory: [],
    }), { caller, table })
  const answer = readBatch(json)
  if (answer === undefined || !isComplete(json, answer.records.length)) {
    throw unanswered('this is not a whole batch of records', table)
  }
  const asked = new Set(ids)
  const missing = answer.errors.flatMap((error) =>
    readErrors(error).flatMap(({ codes, ids }) => codes.includes('OBJECT_NOT_FOUND') ? ids : [])
  )
  const isSmooth = failures(json) === 0
  return {
    records: answer.records,
    missing: new Set(missing),
    isSmooth,
    isWhole: isSmooth && answer.records.every(({ id }) => asked.has(id)),
  }
}

/** Is it done, and was every result a record? */
function isComplete(json: Json, count: number): boolean {
  const { status, results } = isJsonObject(json) ? json : {}
  return status === 'COMPLETE' && Array.isArray(results) && results.length === count
}

/** How many inputs failed, as far as it says. */
function failures(json: Json): number {
  const { numErrors, errors } = isJsonObject(json) ? json : {}
  const told = numErrors === undefined ? 0 : toInteger(numErrors) ?? 1
  return Math.max(told, Array.isArray(errors) ? errors.length : 0)
}

function gone(id: string): Held {
  return { id, values: null }
}
