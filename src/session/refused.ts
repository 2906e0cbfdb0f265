// Room session: the forms of statements that are refused on a synced table, and the way round each of them. What no text
// shows (DO, CALL, functions and rules that write) the triggers refuse.

import { type Fault, fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { upsertForm } from './upsert.ts'

/** Message and hint. README's table of refused forms has the same lines. */
export const refusedForms = {
  two: [
    'two mutations in one statement are not supported',
    'Write one statement for each.',
  ],
  upsert: upsertForm,
  merge: [
    'MERGE is not supported on a synced table',
    'Write an INSERT, UPDATE or DELETE for each branch.',
  ],
  truncate: ['TRUNCATE is not supported on a synced table', 'Use DELETE.'],
  cursor: [
    'WHERE CURRENT OF is not supported on a synced table',
    'FETCH the id too, and write WHERE id = ….',
  ],
  copy_file: [
    'COPY FROM a file or program is not supported on a synced table',
    "Use COPY … FROM STDIN, or psql's \\copy.",
  ],
  copy_to: [
    'COPY of what a mutation returns is not supported',
    'Send the mutation itself, with RETURNING.',
  ],
  inside: [
    'a mutation inside CREATE TABLE AS, CREATE VIEW or DECLARE CURSOR is not supported',
    'Send the mutation itself, with RETURNING.',
  ],
  explain_analyze: [
    'EXPLAIN ANALYZE of a mutation is not supported',
    'Use EXPLAIN without ANALYZE, or SET sluice.dry_run = on.',
  ],
} as const satisfies Record<string, readonly [message: string, hint: string]>

/** The fault `form_not_supported` for a form; `table`: the synced table it would write to. */
export function refuseForm(form: keyof typeof refusedForms, table?: SyncedTable): Fault {
  const [message, hint] = refusedForms[form]
  const place = table === undefined ? {} : { schema: table.schema, table: table.name }
  return fault('form_not_supported', { message, detail: 'Nothing was sent.', hint, ...place })
}
