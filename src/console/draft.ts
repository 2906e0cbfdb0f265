// Room console: a sync that is being set up, as it travels from step to step: sealed, since it may hold a password, and
// good in this session only.

import type { OwnDatabase } from './own-database.ts'
import type { Visit } from './visit.ts'
import { text } from './visit.ts'

export interface Draft {
  /** Made at the beginning, so that what is asked for twice is made once. */
  readonly id: string
  readonly connection: string
  readonly platform: string
  readonly schema: string
  readonly database:
    | { readonly id: string }
    | { readonly hosted: true }
    | OwnDatabase
  readonly login: string
  readonly objects: readonly string[] | 'all'
  readonly fields: Readonly<Record<string, readonly string[]>>
}

type Sealing = Pick<Visit, 'sealer' | 'view'>

/** For a hidden field. */
export function sealDraft({ sealer, view }: Sealing, draft: Draft): string {
  return sealer.seal(`draft ${view.csrf}`, JSON.stringify(draft))
}

/** What was posted in the field of that name; null: it is not of this session. */
export function openDraft(
  { sealer, view, form }: Sealing & Pick<Visit, 'form'>,
  name: 'draft' | 'before' = 'draft',
): Draft | null {
  const opened = sealer.open(`draft ${view.csrf}`, text(form, name))
  return opened === null ? null : JSON.parse(opened) as Draft
}

/** What the API takes. */
export function bodyOf(draft: Draft): Record<string, unknown> {
  const { id, connection, database, schema, objects, fields, login } = draft
  return {
    id,
    connection,
    database,
    schema,
    objects,
    login,
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
  }
}
