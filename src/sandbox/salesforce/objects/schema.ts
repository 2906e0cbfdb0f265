// Room sandbox: the schema of the emulated org: its objects, found by name, by prefix and by the table they fill.

import type { Field } from '../field.ts'
import { account } from './account.ts'
import { contact } from './contact.ts'
import type { ObjectDefinition } from './definition.ts'
import { lead } from './lead.ts'
import { opportunity } from './opportunity.ts'
import { project } from './project.ts'
import { user } from './user.ts'

/** An object, with its fields found by name. */
export interface Sobject extends ObjectDefinition {
  readonly custom: boolean
  /** By name in lower case: names do not tell cases apart. */
  readonly fieldsByName: ReadonlyMap<string, Field>
  /** By the name of the relationship, in lower case. */
  readonly parentsByName: ReadonlyMap<string, Field>
  /** A record always has a value for these; a new one gets some of them by default. */
  readonly neededFields: readonly Field[]
  readonly uniqueFields: readonly Field[]
}

/** A field of one object that refers to another. */
export interface Child {
  readonly object: Sobject
  readonly field: Field
}

export const sobjects: readonly Sobject[] = [account, contact, lead, opportunity, user, project]
  .map(index)

const byName = new Map(sobjects.map((object) => [object.name.toLowerCase(), object]))
const byPrefix = new Map(sobjects.map((object) => [object.keyPrefix, object]))
const byTable = new Map(
  sobjects.flatMap((object) => [
    [object.labelPlural.toLowerCase(), object] as const,
    [object.name.toLowerCase(), object] as const,
  ]),
)

function index(definition: ObjectDefinition): Sobject {
  const { fields } = definition
  return {
    ...definition,
    custom: definition.name.endsWith('__c'),
    fieldsByName: new Map(fields.map((field) => [field.name.toLowerCase(), field])),
    parentsByName: new Map(
      fields.flatMap((field) => {
        const { relationshipName } = field
        return relationshipName === null ? [] : [[relationshipName.toLowerCase(), field] as const]
      }),
    ),
    neededFields: fields.filter((field) => field.createable && !field.nillable),
    uniqueFields: fields.filter((field) => field.unique),
  }
}

/** An object by its API name, in any case. */
export function findSobject(name: string): Sobject | undefined {
  return byName.get(name.toLowerCase())
}

/** The object that an id belongs to. */
export function sobjectOfId(id: string): Sobject | undefined {
  return byPrefix.get(id.slice(0, 3))
}

/** An object by the name of a table, `contacts` or `Contact`. */
export function sobjectOfTable(table: string): Sobject | undefined {
  return byTable.get(table.toLowerCase())
}

export function findField(object: Sobject, name: string): Field | undefined {
  return object.fieldsByName.get(name.toLowerCase())
}

const children = new Map(
  sobjects.map((parent) => [
    parent.name,
    sobjects.flatMap((object) =>
      object.fields
        .filter(({ referenceTo }) => referenceTo.includes(parent.name))
        .map((field): Child => ({ object, field }))
    ),
  ]),
)

/** Every field that refers to the object. */
export function childrenOf(object: Sobject): readonly Child[] {
  return children.get(object.name) ?? []
}
