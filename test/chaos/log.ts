// What the clients of a run know: every statement, what they were told, and what must be true of every row.

import type { Platform } from '../../src/mutation/table.ts'

export type Operation = 'insert' | 'update' | 'delete'

/** What a client was told of a statement. lost: its connection ended without a word. */
export type Told =
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'hung' }

/** One row of a statement. */
export interface Part {
  /** The row's id; null: an insert of which nobody has told it. */
  id: string | null
  /** The mark that it bears afterwards; null: it is gone. */
  readonly mark: string | null
}

export interface Entry {
  readonly name: string
  readonly platform: Platform
  readonly operation: Operation
  readonly parts: readonly Part[]
  /** Milliseconds since the start of the run. */
  readonly at: number
  told: Told
  tookMs: number
}

/** What a fault of this SQLSTATE says of the platform. */
export type Truth = 'done' | 'perhaps' | 'not done'

export function truthOf(told: Told): Truth {
  switch (told.kind) {
    case 'done':
      return 'done'
    case 'lost':
    case 'hung':
      return 'perhaps'
    case 'error':
      return truths[told.code] ?? 'not done'
  }
}

const truths: Readonly<Record<string, Truth>> = {
  '40003': 'perhaps',
  'SL001': 'done',
  'SL003': 'perhaps',
}

/** SQLSTATEs that tell a client nothing, or that its connection is broken when it is not. */
export function isVague({ code, message }: { code: string; message: string }): boolean {
  return /^(08|XX)/.test(code) || code === '' || message === ''
}
