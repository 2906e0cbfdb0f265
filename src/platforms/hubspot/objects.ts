// Room platforms: which HubSpot objects are tables, and how the API wants them named.
// Sources: CRM API guides of each object (required properties); changelog "Removed Support for Referencing Custom
// Object Types by Base Name" (June 2025).

/** The standard objects, each with the properties that HubSpot refuses a new record without. */
const standard: Readonly<Record<string, readonly string[]>> = {
  contacts: [],
  companies: [],
  deals: ['dealname', 'dealstage'],
  tickets: ['subject', 'hs_pipeline_stage'],
  products: ['name'],
  line_items: [],
  notes: ['hs_timestamp'],
  tasks: ['hs_timestamp'],
  calls: ['hs_timestamp'],
  meetings: ['hs_timestamp'],
  emails: ['hs_timestamp', 'hs_email_direction'],
}

/** For messages. */
export const standardObjects: readonly string[] = Object.keys(standard)

/** The properties that a new record of a standard object needs; undefined for any other object. */
export function requiredOf(object: string): readonly string[] | undefined {
  return Object.hasOwn(standard, object) ? standard[object] : undefined
}

/** Properties of which no two records have the same value, though `hasUniqueValue` does not say so: a contact's email. */
export function uniqueOf(object: string): readonly string[] {
  return object === 'contacts' ? ['email'] : []
}

/**
 * The object type as paths name it: a standard object by its name; a custom one by its object type id (`2-123`), its
 * fully qualified name (`p45_cars`) or, made from its bare name, the short form (`p_cars`).
 */
export function objectType(object: string): string {
  const asIs = Object.hasOwn(standard, object) || /^\d+-\d+$/.test(object) ||
    /^p\d*_\w+$/.test(object)
  return asIs ? object : `p_${object}`
}

/** Where the records of an object are, from the base URL on. */
export function objectPath(object: string): string {
  return `/crm/v3/objects/${encodeURIComponent(objectType(object))}`
}
