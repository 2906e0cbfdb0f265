// What a server's command tags say about the kinds of the statements that it has run.

import type { Statement, StatementKind } from '../../src/sql/index.ts'

/** The first words of the command tag by kind; other statements have tags of their own. */
const words: Partial<Record<StatementKind, readonly string[]>> = {
  insert: ['INSERT'],
  update: ['UPDATE'],
  delete: ['DELETE'],
  merge: ['MERGE'],
  truncate: ['TRUNCATE'],
  copy_from: ['COPY'],
  select: ['SELECT'],
  prepare: ['PREPARE'],
  deallocate: ['DEALLOCATE'],
  explain: ['EXPLAIN'],
  begin: ['BEGIN', 'START'],
  commit: ['COMMIT', 'ROLLBACK'], // of a block that has failed
  rollback: ['ROLLBACK'],
  savepoint: ['SAVEPOINT'],
  release: ['RELEASE'],
  rollback_to: ['ROLLBACK'],
  discard_all: ['DISCARD'],
}

const mutating = ['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'TRUNCATE']

/** How the tags contradict the kinds; null where they do not. */
export function contradiction(
  statements: readonly Statement[],
  tags: readonly string[],
): string | null {
  if (statements.length !== tags.length) return `${statements.length} statements, ${tags.join()}`
  for (const [index, { kind }] of statements.entries()) {
    const word = tags[index]?.split(' ')[0] ?? ''
    const expected = words[kind]
    if (kind === 'execute') continue // its tag is that of what it executes
    const contradicts = expected === undefined ? mutating.includes(word) : !expected.includes(word)
    if (contradicts) return `${kind} has the tag ${word}`
  }
  return null
}
