// Room platforms: names out of a platform's answer, as words of a fault. An answer can hold any number of any length.

import { cut } from './words.ts'

/** Names that are told, and the longest of them in characters. */
const namesMax = 10
const nameCharactersMax = 100

/** `a, b, c`; with more than ten `a, …, j and 7 more`. */
export function listed(names: readonly string[]): string {
  const told = names.slice(0, namesMax).map((name) => cut(name, nameCharactersMax)).join(', ')
  const more = names.length - namesMax
  return more > 0 ? `${told} and ${more} more` : told
}
