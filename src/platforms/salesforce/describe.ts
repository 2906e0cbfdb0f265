// Room platforms: what Salesforce's objects look like as tables.
// Source: REST API Developer Guide, sObject Describe.

import { Fault, fault } from '../../mutation/fault.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller, TableShape } from '../platform.ts'
import { apiRoot } from './client.ts'
import { columnsOf, type Field, readField } from './columns.ts'
import { uniqueNames } from '../names.ts'
import { tableName } from './names.ts'
import { read, recoded, unanswered } from './read.ts'

/**
 * Describes these objects, in this order.
 * @throws Fault not_found for an object that the account does not have or may not see; else as `read`
 */
export async function describe(
  objects: readonly string[],
  caller: Caller,
): Promise<TableShape[]> {
  const names = uniqueNames([...new Set(objects)], tableName)
  const shapes: TableShape[] = []
  for (const object of objects) {
    const columns = columnsOf(await fieldsOf(object, caller))
    shapes.push({ object, name: names.get(object) ?? object, columns })
  }
  return shapes
}

/** Asks for the list of resources, which every user of the API may see ("Resources by Version"). @throws Fault as `read` */
export async function check(caller: Caller): Promise<void> {
  await read({ method: 'GET', path: apiRoot }, { caller })
}

async function fieldsOf(object: string, caller: Caller): Promise<Field[]> {
  if (!/^[A-Za-z]\w*$/.test(object)) throw missing(object)
  const path = `${apiRoot}/sobjects/${object}/describe`
  try {
    return readFields(await read({ method: 'GET', path }, { caller }), object)
  } catch (error) {
    const gone = error instanceof Fault && error.code === 'record_gone'
    throw gone ? recoded(error, 'not_found', missingHint(object)) : error
  }
}

function missing(object: string): Fault {
  return fault('not_found', { platform: 'salesforce', hint: missingHint(object) })
}

function missingHint(object: string): string {
  return `The Salesforce account has no object "${object}" or may not see it.`
}

function readFields(json: Json, object: string): Field[] {
  const { name, fields } = isJsonObject(json) ? json : {}
  if (name !== object || !Array.isArray(fields)) {
    throw unanswered(`this is not the description of ${object}`)
  }
  const items: readonly Json[] = fields
  const shown = items.filter((item) => !isJsonObject(item) || item['deprecatedAndHidden'] !== true)
  const read = shown.map(readField).filter((field) => field !== undefined)
  if (read.length !== shown.length || !read.some((field) => field.name === 'Id')) {
    throw unanswered(`the description of ${object} lacks fields`)
  }
  return read
}
