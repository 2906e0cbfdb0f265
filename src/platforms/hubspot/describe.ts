// Room platforms: what HubSpot's objects look like as tables.
// Sources: CRM API guide, Properties; Schemas (custom objects).

import { Fault, fault } from '../../mutation/fault.ts'
import { recoded } from '../faults.ts'
import { isJsonObject, type Json } from '../json.ts'
import { nameOfWords, uniqueNames } from '../names.ts'
import type { Caller, TableShape } from '../platform.ts'
import { columnsOf, type Property, readProperty } from './columns.ts'
import { objectType, requiredOf, standardObjects, uniqueOf } from './objects.ts'
import { read, resultsOf, unanswered } from './read.ts'
import { batchRowsMax } from './request.ts'
import { readSettings } from './settings.ts'

/** A custom object. */
interface Schema {
  readonly name: string
  readonly typeId: string
  readonly qualifiedName: string
  readonly required: readonly string[]
}

/**
 * Describes these objects, in this order: standard ones by name, custom ones by name, object type id or fully qualified
 * name. One request for each, and one for the schemas when a custom object is among them.
 * @throws Fault not_found for an object that the account does not have or may not see; else as `read`
 */
export async function describe(objects: readonly string[], caller: Caller): Promise<TableShape[]> {
  const { batchInsert } = readSettings(caller.settings)
  const rowsMax = batchInsert ? { rowsMax: { insert: batchRowsMax } } : {}
  const custom = objects.some((object) => requiredOf(object) === undefined)
  const schemas = custom ? await readSchemas(caller) : []
  const known = new Map([...new Set(objects)].map((object) => [object, knownOf(object, schemas)]))
  const names = uniqueNames([...known.keys()], (object) => known.get(object)?.name ?? object)
  const shapes: TableShape[] = []
  for (const object of objects) {
    const properties = await propertiesOf(object, caller)
    const required = known.get(object)?.required ?? []
    const columns = columnsOf(properties, { required, unique: uniqueOf(object) })
    shapes.push({ object, name: names.get(object) ?? object, columns, ...rowsMax })
  }
  return shapes
}

/** Names of the custom objects, sorted ("Schemas"). @throws Fault as `read` */
export async function custom(caller: Caller): Promise<readonly string[]> {
  return (await readSchemas(caller)).map(({ name }) => name).toSorted()
}

/** Asks for one contact, which every account may have. @throws Fault as `read`; without the scope it is a token all the same */
export async function check(caller: Caller): Promise<void> {
  try {
    await read((sdk) => sdk.basic.getPage(objectType('contacts'), 1), { caller })
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_permitted') throw error
  }
}

/** The proposed name of its table and the properties that it requires. */
function knownOf(object: string, schemas: readonly Schema[]) {
  const required = requiredOf(object)
  if (required !== undefined) return { name: object, required }
  const schema = schemas.find(({ name, typeId, qualifiedName }) =>
    object === typeId || object === qualifiedName || objectType(object) === objectType(name)
  )
  if (schema === undefined) throw fault('not_found', missing(object))
  return { name: snake(schema.name), required: schema.required }
}

/** `ServiceVisit` → `service_visit` */
function snake(name: string): string {
  return nameOfWords(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2'))
}

function missing(object: string) {
  return {
    platform: 'hubspot',
    detail: `The HubSpot account has no object "${object}" or may not see it.`,
    hint: `Standard objects are ${standardObjects.join(', ')}; others are custom objects.`,
  } as const
}

async function readSchemas(caller: Caller): Promise<Schema[]> {
  const json = await read((sdk) => sdk.schemas.getAll(), { caller })
  return resultsOf(json, 'a list of schemas').flatMap((item) => readSchema(item) ?? [])
}

function readSchema(json: Json): Schema | undefined {
  if (!isJsonObject(json)) return undefined
  const { name, objectTypeId, fullyQualifiedName, requiredProperties } = json
  if (typeof name !== 'string' || typeof objectTypeId !== 'string') return undefined
  const required: readonly unknown[] = Array.isArray(requiredProperties) ? requiredProperties : []
  return {
    name,
    typeId: objectTypeId,
    qualifiedName: typeof fullyQualifiedName === 'string' ? fullyQualifiedName : objectTypeId,
    required: required.filter((property) => typeof property === 'string'),
  }
}

async function propertiesOf(object: string, caller: Caller): Promise<Property[]> {
  const json = await readProperties(object, caller)
  const items = resultsOf(json, `the properties of ${object}`)
    .filter((item) => !isJsonObject(item) || item['archived'] !== true)
  const properties = items.map(readProperty).filter((property) => property !== undefined)
  if (properties.length === 0 || properties.length !== items.length) {
    throw unanswered(`the description of ${object} lacks properties`)
  }
  return properties
}

async function readProperties(object: string, caller: Caller): Promise<Json> {
  try {
    return await read((sdk) => sdk.properties.getAll(objectType(object)), { caller })
  } catch (error) {
    const gone = error instanceof Fault &&
      (error.code === 'record_gone' || error.code === 'not_found')
    if (!gone) throw error
    const { detail, hint } = missing(object)
    throw new Fault(recoded(error.data, 'not_found', { detail, hint }), { cause: error })
  }
}
