// Room session: the messages of the extended protocol that prepare a mutation (Parse, Bind, Describe, Close). They are
// put to Postgres together and outside any pipeline of the client's, so that nothing is half done when the mutation runs.

import { Buffer } from 'node:buffer'
import { required } from '../lib/assert.ts'
import { decodeBackend, encodeCommandComplete, portalSuspended } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { encodeClose, encodeDescribe } from '../wire/frontend.ts'
import { encodeAnew, type PreparedStatement, rebind, runName } from './statement.ts'

/** A portal of a mutation: made by Bind, not yet run or with rows still to be fetched. */
export interface MutationPortal {
  readonly prepared: PreparedStatement
  /** The client's Bind, whole. */
  readonly bind: Uint8Array
  /** Null: not run. */
  result: PortalResult | null
}

/** What a mutation has returned. */
export interface PortalResult {
  /** DataRows kept back by an Execute with a row limit. */
  readonly rows: readonly Uint8Array[]
  /** Rows in all, those given to the client included. */
  readonly rowCount: number
  readonly complete: Uint8Array
}

/**
 * What an Execute gives the client, at most `rowsMax` rows (0: all), and what is left for the next one. As in Postgres,
 * exactly `rowsMax` rows suspend the portal even where none are left, and the tag counts the rows of this Execute.
 */
export function fetchRows(
  { rows, rowCount, complete }: PortalResult,
  rowsMax: number,
): { frames: readonly Uint8Array[]; left: PortalResult } {
  const given = rowsMax > 0 ? rows.slice(0, rowsMax) : rows
  const left = { rows: rows.slice(given.length), rowCount, complete }
  if (rowsMax > 0 && given.length === rowsMax) return { frames: [...given, portalSuspended], left }
  return { frames: [...given, rowCount > 0 ? recount(complete, given.length) : complete], left }
}

/** The CommandComplete with another number of rows at its end. */
function recount(complete: Uint8Array, rowCount: number): Uint8Array {
  const message = decodeBackend({ tag: required(complete[0], 'a frame'), bytes: complete })
  if (message.type !== 'CommandComplete') return complete
  return encodeCommandComplete(message.tag.replace(/\d+$/, String(rowCount)))
}

export type Held =
  | { readonly type: 'parse'; readonly frame: Uint8Array; readonly undo: () => void }
  | { readonly type: 'bind'; readonly portal: MutationPortal }
  /** A Bind of a name that a portal of a mutation has: Postgres says that it is taken. */
  | { readonly type: 'bind-again'; readonly portal: MutationPortal; readonly frame: Uint8Array }
  | { readonly type: 'describe-statement'; readonly frame: Uint8Array }
  /** `current`: as of ClientStatement. */
  | { readonly type: 'describe-portal'; readonly portal: MutationPortal; readonly current: boolean }
  | { readonly type: 'close-portal' }

/** A message to send and what becomes of its reply. */
interface Asked {
  readonly bytes: Uint8Array
  /** Tag of the frame that ends the reply; RowDescription or NoData for a Describe. */
  readonly ends: readonly number[]
  readonly forward: boolean
  /** Where the message does not get its reply: what was taken for done is not. */
  readonly undo?: () => void
}

const tags = (letters: string): number[] => Array.from(letters, (letter) => letter.charCodeAt(0))
const [errorTag] = tags('E')

/** Thrown where the reply to held messages was an error: the client has seen it. */
export class PreludeFailed extends Error {
  override name = 'PreludeFailed'
}

export interface Prelude {
  readonly bytes: Uint8Array
  /** Takes a frame of the reply: true when the client is to see it. */
  take(frame: Frame): boolean
  /** All replies have come, or an error has. */
  readonly done: boolean
  readonly failed: boolean
  /** After a failure: calls `undo` of what Postgres has not done. */
  undo(): void
}

/** The messages that stand for what was held, without Sync or Flush. */
export function createPrelude(held: readonly Held[]): Prelude {
  const asked = askAll(held)
  let at = 0
  let failed = false
  return {
    bytes: Buffer.concat(asked.map(({ bytes }) => bytes)),
    take: (frame) => {
      if (frame.tag === errorTag) {
        failed = true
        return true
      }
      const current = asked[at]
      if (current?.ends.includes(frame.tag)) at += 1
      return current?.forward ?? true
    },
    get done() {
      return failed || at === asked.length
    },
    get failed() {
      return failed
    },
    undo: () => {
      for (const { undo } of asked.slice(at).reverse()) undo?.()
    },
  }
}

function askAll(held: readonly Held[]): Asked[] {
  const asked: Asked[] = []
  let open: MutationPortal | null = null
  const closeOpen = (): void => {
    if (open !== null) asked.push(closing(false))
    open = null
  }
  const bind = (portal: MutationPortal, forward: boolean): void => {
    closeOpen()
    const names = { portal: runName, statement: portal.prepared.name }
    asked.push({ bytes: rebind(portal.bind, names), ends: tags('2'), forward })
    open = portal
  }
  for (const item of held) {
    switch (item.type) {
      case 'parse':
        asked.push({ bytes: item.frame, ends: tags('1'), forward: true, undo: item.undo })
        break
      case 'bind':
        bind(item.portal, true)
        break
      case 'bind-again':
        closeOpen()
        asked.push({ bytes: item.portal.bind, ends: tags('2'), forward: false })
        asked.push({ bytes: item.frame, ends: tags('2'), forward: true })
        break
      case 'describe-statement':
        asked.push({ bytes: item.frame, ends: tags('Tn'), forward: true })
        break
      case 'describe-portal':
        if (open !== item.portal && item.current) bind(item.portal, false)
        else if (open !== item.portal) {
          closeOpen()
          asked.push(...bindAnew(item.portal))
          open = item.portal
        }
        asked.push({ bytes: encodeDescribe('portal', runName), ends: tags('Tn'), forward: true })
        break
      case 'close-portal':
        asked.push(closing(true))
        open = null
        break
    }
  }
  closeOpen()
  return asked
}

/** The portal of a statement whose name has been given away. */
function bindAnew({ prepared, bind }: MutationPortal): Asked[] {
  const [parse, bound] = encodeAnew(prepared, bind)
  return [
    { bytes: parse, ends: tags('1'), forward: false },
    { bytes: bound, ends: tags('2'), forward: false },
    { bytes: encodeClose('statement', runName), ends: tags('3'), forward: false },
  ]
}

function closing(forward: boolean): Asked {
  return { bytes: encodeClose('portal', runName), ends: tags('3'), forward }
}
