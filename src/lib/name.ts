// Room lib: how long a name in Postgres may be.

/** Postgres cuts names to this many bytes (manual section 4.1.1, Identifiers and Key Words). */
export const nameBytesMax = 63

/** The name cut to 63 bytes of UTF-8, never inside a character, as Postgres does with a NOTICE. */
export function cutName(name: string): string {
  if (name.length * 3 <= nameBytesMax) return name
  let bytes = 0
  let units = 0
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    if (bytes > nameBytesMax) return name.slice(0, units)
    units += character.length
  }
  return name
}
