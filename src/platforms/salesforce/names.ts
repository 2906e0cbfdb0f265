// Room platforms: names of Salesforce objects and fields as names in Postgres. The same describe always gives the same
// names, whatever the order of its fields.

/** Postgres cuts names to this many bytes; API names are ASCII, so bytes are characters. */
export const nameBytesMax = 63

/** Columns that every Postgres table has already (manual section 5.6, System Columns). */
const systemColumns = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']

/** `LastCURequestDate` → `last_cu_request_date`, `Favorite_Color__c` → `favorite_color__c`. Not yet unique. */
export function columnName(field: string): string {
  return snake(field).slice(0, nameBytesMax)
}

/**
 * `Contact` → `contacts`, `Opportunity` → `opportunities`. A custom object has the name that its owner gave it, in lower
 * case and not in the plural: `Project__c` → `project__c`.
 */
export function tableName(object: string): string {
  const name = object.includes('__') ? object.toLowerCase() : plural(snake(object))
  return name.slice(0, nameBytesMax)
}

function snake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
}

function plural(name: string): string {
  if (/(s|x|z|ch|sh)$/.test(name)) return `${name}es`
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`
  return `${name}s`
}

/**
 * Gives each API name its own name in Postgres. Where several want the same one, the first in alphabetical order of the
 * API names has it and the others get `_2`, `_3`, …
 */
export function uniqueNames(
  apiNames: readonly string[],
  propose: (apiName: string) => string,
): Map<string, string> {
  const taken = new Set(systemColumns)
  const names = new Map<string, string>()
  for (const apiName of apiNames.toSorted(byCodeUnit)) {
    const name = firstFree(propose(apiName), taken)
    taken.add(name)
    names.set(apiName, name)
  }
  return names
}

function firstFree(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted
  for (let count = 2; taken.has(name); count++) {
    const suffix = `_${count}`
    name = wanted.slice(0, nameBytesMax - suffix.length) + suffix
  }
  return name
}

function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
