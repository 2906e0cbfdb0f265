// Room platforms: names of Salesforce objects and fields as names in Postgres.

import { cutName } from '../../lib/name.ts'

/** `LastCURequestDate` → `last_cu_request_date`, `Favorite_Color__c` → `favorite_color__c`. Not yet unique. */
export function columnName(field: string): string {
  return cutName(snake(field))
}

/**
 * `Contact` → `contacts`, `Opportunity` → `opportunities`. A custom object has the name that its owner gave it, in lower
 * case and not in the plural: `Project__c` → `project__c`.
 */
export function tableName(object: string): string {
  const name = object.includes('__') ? object.toLowerCase() : plural(snake(object))
  return cutName(name)
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
