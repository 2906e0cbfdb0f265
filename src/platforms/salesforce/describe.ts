// Room platforms: what Salesforce's objects look like as tables.
// Sources: REST API Developer Guide, sObject Describe, Describe Global.

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

/** Names of the custom objects whose records can be listed, sorted ("Describe Global"). @throws Fault as `read` */
export async function custom(caller: Caller): Promise<readonly string[]> {
  const json = await read({ method: 'GET', path: `${apiRoot}/sobjects` }, { caller })
  const { sobjects } = isJsonObject(json) ? json : {}
  if (!Array.isArray(sobjects)) throw unanswered('this is no list of objects')
  const items: readonly Json[] = sobjects
  return items.flatMap((item) => {
    if (!isJsonObject(item)) return []
    const { name, queryable, customSetting, deprecatedAndHidden } = item
    // `__mdt`, `__kav`, `__b` and others are custom too, and no tables like the rest
    const listed = queryable === true && customSetting !== true && deprecatedAndHidden !== true
    return listed && typeof name === 'string' && name.endsWith('__c') ? [name] : []
  }).toSorted()
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

/** Salesforce answers to a name in any case, with the right one. */
function isSameButCase(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function readFields(json: Json, object: string): Field[] {
  const { name, fields } = isJsonObject(json) ? json : {}
  if (typeof name === 'string' && name !== object && isSameButCase(name, object)) {
    const hint = `The object is called "${name}": name it so, in this case.`
    throw fault('not_found', { platform: 'salesforce', hint })
  }
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
