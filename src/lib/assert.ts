// Room lib: things every room needs and no domain word.

/** Throws when a thing we rely on is not so. A failed assertion is our bug, never the client's. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed: ${what}`)
}

/** For the default arm of an exhaustive switch: the compiler proves that it is never reached. */
export function never(value: never): never {
  throw new Error(`Unexpected value: ${JSON.stringify(value)}`)
}

/** The value, or an error that names what was missing. */
export function required<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`Missing: ${what}`)
  return value
}
