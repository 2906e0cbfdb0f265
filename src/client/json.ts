// Room client: JSON without a changed digit, as far as JavaScript has a number for it.

// in ECMAScript 2026; where a runtime has it not, numbers are read as ever
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context?: Source) => unknown): unknown
  rawJSON?(text: string): unknown
}

interface Source {
  readonly source?: string
}

/** A number that a double cannot hold stays text: `"9007199254740993"`. */
export function readJson(text: string): unknown {
  return json.parse(text, (_key, value, context) => {
    const source = context?.source
    if (typeof value !== 'number' || source === undefined || isExact(value, source)) return value
    return source
  })
}

/** A double holds every whole number up to 2^53 and every number of fifteen significant digits. */
function isExact(value: number, source: string): boolean {
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value)
  const digits = source.replace(/[eE].*$/, '').replaceAll(/[-.]/g, '').replace(/^0+/, '')
  return digits.length <= 15 && Number.isFinite(value) && (value !== 0 || digits === '')
}

/** A bigint is written as the number that it is. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'bigint') return part
    return json.rawJSON?.(String(part)) ?? String(part)
  })
}
