// Room session: which transaction each of several statements is in, and what must be said to Postgres so that the implicit
// one, which we stand in for with one of ours, cannot be told from its own. Pure.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT

import type { Statement } from '../sql/index.ts'
import type { TransactionStatus } from '../wire/backend.ts'
import type { Part } from './cut.ts'

/** One of the client's statements. */
export interface Piece extends Part {
  readonly kind: Statement['kind']
  /** The last of its text. */
  readonly last: boolean
}

/** A statement to run: one of the client's, or `sql` of ours, of which the client sees nothing but an error. */
export interface Run {
  readonly piece: Piece | null
  readonly sql: string
  /** It runs in the transaction of ours. */
  readonly hidden: boolean
  /** It makes that transaction the client's own, which Postgres thinks worth a warning. */
  readonly begins: boolean
}

export class Block {
  /** A transaction of ours is open, in place of the implicit one. */
  hidden = false
  /** The client has one open. */
  #explicit: boolean

  constructor(status: TransactionStatus) {
    this.#explicit = status !== 'I'
  }

  /** The statement, and what has to come before it. */
  around(piece: Piece): Run[] {
    if (this.#explicit) {
      if (endsBlock(piece)) this.#explicit = false
      return [this.#run(piece)]
    }
    switch (piece.kind) {
      case 'begin': {
        const run = { ...this.#run(piece), begins: this.hidden }
        this.#explicit = true
        this.hidden = false
        return [run]
      }
      case 'commit':
        return [...this.#close(chains(piece) ? 'ROLLBACK' : 'COMMIT'), this.#run(piece)]
      case 'rollback':
      case 'savepoint': // of these Postgres says that there is no transaction block
      case 'release':
      case 'rollback_to':
        return [...this.#close('ROLLBACK'), this.#run(piece)]
      default:
        if (/^prepare\s+transaction\b/i.test(piece.text)) {
          return [...this.#close('COMMIT'), this.#run(piece)]
        }
        return [...this.#open(), this.#run(piece)]
    }
  }

  /** What has to come after the last one. */
  end(): Run[] {
    return this.#close('COMMIT')
  }

  #run(piece: Piece): Run {
    return { piece, sql: '', hidden: this.hidden, begins: false }
  }

  #open(): Run[] {
    if (this.hidden) return []
    this.hidden = true
    return [{ piece: null, sql: 'BEGIN', hidden: true, begins: false }]
  }

  #close(sql: 'COMMIT' | 'ROLLBACK'): Run[] {
    if (!this.hidden) return []
    this.hidden = false
    return [{ piece: null, sql, hidden: true, begins: false }]
  }
}

function endsBlock(piece: Piece): boolean {
  return (piece.kind === 'commit' || piece.kind === 'rollback') && !chains(piece)
}

/** AND CHAIN: a new transaction block begins at once. */
function chains({ text }: Piece): boolean {
  return /\bchain\b/i.test(text) && !/\bno\s+chain\b/i.test(text)
}
