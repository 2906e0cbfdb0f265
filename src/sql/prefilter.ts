// Room sql: the pre-filter: one regular expression that never misses a mutation.

const verb =
  /(?<![A-Za-z_\u0080-\uffff])(?:insert|update|delete|merge|truncate|copy|execute)(?![A-Za-z0-9_$\u0080-\uffff])/i

/**
 * May a mutation stand in the text? false: none does, at any depth. true says little: the word may be a name, in a
 * literal or in a comment.
 *
 * Every alternative of Postgres's gram.y that builds INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY or EXECUTE carries
 * the keyword as a terminal, and scan.l makes keywords of whole runs of identifier characters only.
 */
export function mayMutate(text: string): boolean {
  return verb.test(text)
}
