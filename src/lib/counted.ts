// Room lib: a number of things in words.

/** `1 row`, `2 rows`; `many`: the plural where it is not the word with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
