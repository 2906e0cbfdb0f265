// Room lib: putting names and values into SQL text. Names from platforms may hold anything, so every name is quoted.

/** An SQL identifier in double quotes, whatever it holds. NUL cannot stand in an identifier and is refused. */
export function quoteIdent(name: string): string {
  if (name.includes('\0')) throw new RangeError('Cannot quote an identifier with a NUL character')
  return `"${name.replaceAll('"', '""')}"`
}

/** `"schema"."name"` */
export function quoteName(schema: string, name: string): string {
  return `${quoteIdent(schema)}.${quoteIdent(name)}`
}

/** An SQL string literal that means the same with `standard_conforming_strings` on or off. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new RangeError('Cannot quote a literal with a NUL character')
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
