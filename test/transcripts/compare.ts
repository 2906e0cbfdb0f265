// A session with Postgres and the same one through the listener: what both answer, frame by frame.

import assert from 'node:assert/strict'
import { play, type Sender, type Turn, whole } from '../help/golden.ts'
import { type RawClient, rawClient, type Stage } from '../help/stage.ts'

export interface Both {
  readonly direct: RawClient
  readonly through: RawClient
}

/** Opens both with the same startup parameters, works, and closes them. */
export async function withBoth(
  stage: Pick<Stage, 'direct' | 'through'>,
  work: (both: Both) => Promise<void>,
  parameters: Readonly<Record<string, string>> = {},
): Promise<void> {
  const direct = await rawClient(stage.direct(), parameters)
  try {
    const through = await rawClient(stage.through(), parameters)
    try {
      await work({ direct, through })
    } finally {
      through.destroy()
    }
  } finally {
    direct.destroy()
  }
}

/**
 * Plays the turns to both and asserts that the answers are the same, as far as `seen` shows of each frame. Gives
 * Postgres's.
 */
export async function assertSame(
  { direct, through }: Both,
  turns: readonly Turn[],
  { send = whole, seen = (frame) => frame }: {
    send?: Sender | undefined
    seen?: (frame: string) => string
  } = {},
): Promise<string[][]> {
  const expected = await play(direct, turns)
  const actual = await play(through, turns, send)
  for (const [index, frames] of expected.entries()) {
    assert.deepEqual(actual[index]?.map(seen), frames.map(seen), `turn ${index + 1}`)
  }
  return expected
}

/** Letters of the messages of rendered frames. */
export function lettersOf(frames: readonly string[]): string {
  return frames.map((frame) => frame[0]).join('')
}
