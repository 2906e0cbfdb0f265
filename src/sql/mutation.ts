// Room sql: the recogniser as sessions use it: with the second opinion, and remembering what it has seen.

import { describeMutation } from './describe.ts'
import { recognise } from './recognise.ts'
import type { RecogniseOptions, Recognition } from './statement.ts'

export interface MemoryOptions {
  /** The most texts remembered. */
  readonly entriesMax: number
  /** The most UTF-16 units of all remembered texts together. A text longer than an eighth of it is not remembered. */
  readonly charactersMax: number
}

export type Recogniser = (text: string, options: RecogniseOptions) => Recognition

/**
 * A recogniser with a memory of its own: the texts used last are answered without being read again. Pure otherwise:
 * the same text and options always get the same answer.
 */
export function createRecogniser({ entriesMax, charactersMax }: MemoryOptions): Recogniser {
  const memory = new Map<string, { setting: boolean | undefined; recognition: Recognition }>()
  let characters = 0
  const forget = (text: string) => {
    if (memory.delete(text)) characters -= text.length
  }
  return (text, options) => {
    const setting = options.standardConformingStrings
    const known = memory.get(text)
    const hit = known !== undefined && known.setting === setting
    const recognition = hit ? known.recognition : recogniseChecked(text, options)
    if (text.length * 8 > charactersMax) return recognition
    // set anew, so that the oldest key is the one not used for longest
    forget(text)
    memory.set(text, { setting, recognition })
    characters += text.length
    while (memory.size > entriesMax || characters > charactersMax) {
      const [oldest] = memory.keys()
      if (oldest === undefined) break
      forget(oldest)
    }
    return recognition
  }
}

/** `recognise`, and "not certain" where a second reading of a single mutation differs from the first. */
function recogniseChecked(text: string, options: RecogniseOptions): Recognition {
  const recognition = recognise(text, options)
  if (!recognition.certain) return recognition
  const [statement, another] = recognition.statements
  if (statement === undefined || another !== undefined) return recognition
  const agreement = describeMutation(text, statement)
  if (agreement.agrees !== false) return recognition
  return { certain: false, reason: agreement.reason, beyond: false }
}

/** Recognises a text for a session. Never throws. One memory for the process: 2,000 texts, 4 million characters. */
export const recogniseMutation: Recogniser = createRecogniser({
  entriesMax: 2_000,
  charactersMax: 4_000_000,
})
