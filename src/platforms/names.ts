// Room platforms: names of a platform's objects and fields as names in Postgres. The same description always gives the
// same names, whatever the order of its fields.

import { cutName, nameBytesMax } from '../lib/name.ts'

/** Columns that every Postgres table has already (manual section 5.6, System Columns), and what no table may have. */
const systemColumns = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid', '__proto__']

/**
 * Words that people wrote as a name that needs no quotes in SQL: `Full Name (EN)` → `full_name_en`. Letters of any
 * script stay; a name that begins with a digit gets an underscore before it, one of no letters or digits is `unnamed`.
 */
export function nameOfWords(words: string): string {
  const name = words.normalize('NFC').toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
  if (name === '') return 'unnamed'
  return cutName(/^\p{N}/u.test(name) ? `_${name}` : name)
}

/**
 * Gives each of the platform's names its own name in Postgres. Where several want the same one, the first in the order
 * of their code units has it and the others get `_2`, `_3`, …
 * `taken`: names that are given away already, `id` for instance.
 */
export function uniqueNames(
  apiNames: readonly string[],
  propose: (apiName: string) => string,
  taken: readonly string[] = [],
): Map<string, string> {
  const used = new Set([...systemColumns, ...taken])
  const names = new Map<string, string>()
  for (const apiName of apiNames.toSorted(byCodeUnit)) {
    const name = firstFree(propose(apiName), used)
    used.add(name)
    names.set(apiName, name)
  }
  return names
}

function firstFree(wanted: string, used: ReadonlySet<string>): string {
  let name = cutName(wanted)
  for (let count = 2; used.has(name); count++) name = withSuffix(wanted, `_${count}`)
  return name
}

function withSuffix(wanted: string, suffix: string): string {
  let stem = cutName(wanted)
  while (Buffer.byteLength(stem + suffix) > nameBytesMax) stem = stem.replace(/.$/su, '')
  return stem + suffix
}

function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
