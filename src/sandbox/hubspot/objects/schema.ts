// Room sandbox: every type of object that the emulated portal has.

import { calls, emails, meetings, notes, tasks } from './activities.ts'
import type { ObjectType } from './definition.ts'
import { cars, lineItems, portalId, products } from './goods.ts'
import { companies, contacts, deals, tickets } from './records.ts'

export const objectTypes: readonly ObjectType[] = [
  contacts,
  companies,
  deals,
  tickets,
  products,
  lineItems,
  notes,
  tasks,
  calls,
  meetings,
  emails,
  cars,
]

/** The name that no other portal has: `p44237313_cars`. */
export const qualifiedName = ({ name }: ObjectType): string => `p${portalId}_${name}`

/**
 * An object type as paths name it: a standard one by its name in the plural or the singular or its id; a custom one by its
 * id, its qualified name or the short form of that, `p_cars`. The bare name of a custom one is refused since June 2025.
 * https://developers.hubspot.com/changelog/breaking-change-removed-support-for-referencing-custom-object-types-by-base-name
 */
export function findObjectType(text: string): ObjectType | undefined {
  const given = text.toLowerCase()
  return objectTypes.find((type) => type.id === given || namesOf(type).includes(given))
}

function namesOf(type: ObjectType): readonly string[] {
  return type.custom
    ? [qualifiedName(type), `p_${type.name}`]
    : [type.name, type.code.toLowerCase()]
}

/** An object type as the control endpoints name it: by its name, else as paths do. */
export function objectTypeOfTable(table: string): ObjectType | undefined {
  return objectTypes.find(({ name }) => name === table.toLowerCase()) ?? findObjectType(table)
}
