// Room sandbox: what HubSpot says of its objects: the properties API and the schemas of custom objects.
// https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide

import type { JsonObject } from '../json.ts'
import { type Call, type Reply, reply } from './call.ts'
import { failure } from './errors.ts'
import { writeInstant } from './moments.ts'
import type { ObjectType } from './objects/definition.ts'
import { findObjectType, objectTypes, qualifiedName } from './objects/schema.ts'
import type { Property } from './property.ts'
import { methodNotAllowed } from './single.ts'

/** When every definition was made. */
const definedAt = writeInstant(Date.UTC(2026, 0, 5, 8))

/** GET /crm/v3/properties/{type} and /crm/v3/properties/{type}/{name} */
export function properties(call: Call, type: ObjectType, name?: string): Reply {
  if (call.method !== 'GET') throw methodNotAllowed(call)
  if (name === undefined) {
    const archived = call.query.get('archived') === 'true'
    return reply(200, { results: archived ? [] : type.properties.map(renderProperty) })
  }
  const one = type.byName.get(name)
  if (one !== undefined) return reply(200, renderProperty(one))
  throw failure(`Property "${name}" does not exist`, { status: 404, category: 'OBJECT_NOT_FOUND' })
}

/** GET /crm/v3/schemas and /crm/v3/schemas/{type}, also under /crm-object-schemas/v3. The list is of custom objects. */
export function schemas(call: Call, name?: string): Reply {
  if (call.method !== 'GET') throw methodNotAllowed(call)
  if (name === undefined) {
    return reply(200, { results: objectTypes.filter(({ custom }) => custom).map(renderSchema) })
  }
  const type = findObjectType(name)
  if (type !== undefined) return reply(200, renderSchema(type))
  throw failure(`Unable to infer object type from: ${name}`)
}

function renderProperty(one: Property): JsonObject {
  return {
    updatedAt: definedAt,
    createdAt: definedAt,
    name: one.name,
    label: one.label,
    type: one.type,
    fieldType: one.fieldType,
    description: '',
    groupName: one.groupName,
    options: one.options.map(({ label, value }, displayOrder) => ({
      label,
      value,
      description: '',
      displayOrder,
      hidden: false,
    })),
    displayOrder: -1,
    calculated: one.calculated,
    externalOptions: one.externalOptions,
    archived: false,
    hasUniqueValue: one.unique,
    hidden: false,
    hubspotDefined: one.hubspotDefined,
    modificationMetadata: {
      archivable: !one.hubspotDefined,
      readOnlyDefinition: one.hubspotDefined,
      readOnlyOptions: one.hubspotDefined,
      readOnlyValue: one.readOnly,
    },
    formField: !one.readOnly,
  }
}

function renderSchema(type: ObjectType): JsonObject {
  return {
    id: type.id.split('-')[1] ?? '',
    objectTypeId: type.id,
    name: type.name,
    fullyQualifiedName: type.custom ? qualifiedName(type) : type.code,
    labels: { singular: type.label, plural: type.labels },
    requiredProperties: type.required,
    searchableProperties: [type.primary],
    primaryDisplayProperty: type.primary,
    secondaryDisplayProperties: [],
    properties: type.properties.map(renderProperty),
    associations: [],
    archived: false,
    createdAt: definedAt,
    updatedAt: definedAt,
  }
}
