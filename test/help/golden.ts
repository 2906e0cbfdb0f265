// The same frames sent to two servers, and what comes back, made comparable.

import { Buffer } from 'node:buffer'
import { decodeBackend } from '../../src/wire/backend.ts'
import { encodeBind, encodeExecute, encodeParse, encodeQuery } from '../../src/wire/frontend.ts'
import type { RawClient } from './stage.ts'

/** Messages to send in one go, and what to wait for: so many ReadyForQuery, or a frame of one of these types. */
export interface Turn {
  readonly send: readonly Uint8Array[]
  readonly until: number | string
}

export const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value)
export const query = (sql: string): Turn => ({ send: [encodeQuery(sql)], until: 1 })
export const parse = (sql: string, name = '') => encodeParse({ name, sql })
/** `s` and `p`: names of the statement and the portal. */
export const bind = (
  values: readonly (string | null)[] = [],
  names: { s?: string; p?: string } = {},
) =>
  encodeBind({
    portal: names.p ?? '',
    statement: names.s ?? '',
    parameters: values.map((value) => value === null ? null : bytesOf(value)),
  })
export const execute = (portal = '', rowsMax = 0) => encodeExecute({ portal, rowsMax })
export const run = (
  sql: string,
  values: readonly (string | null)[] = [],
) => [parse(sql), bind(values), execute()]

export type Sender = (client: RawClient, messages: readonly Uint8Array[]) => Promise<void>

export const whole: Sender = (client, messages) => {
  client.send(...messages)
  return Promise.resolve()
}

/** Cuts everywhere: in headers, in names, between frames. */
export const inPieces: Sender = async (client, messages) => {
  const bytes = Buffer.concat(messages)
  const size = Math.max(3, Math.ceil(bytes.length / 1_000))
  for (let at = 0; at < bytes.length; at += size) {
    client.socket.write(bytes.subarray(at, at + size))
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** Takes the turns and gives, for each, what came back, rendered. */
export async function play(
  client: RawClient,
  turns: readonly Turn[],
  send: Sender = whole,
): Promise<string[][]> {
  const played: string[][] = []
  for (const { send: messages, until } of turns) {
    await send(client, messages)
    const frames: Uint8Array[] = []
    const rounds = typeof until === 'number' ? until : 1
    for (let round = 0; round < rounds; round++) {
      frames.push(...await client.until(typeof until === 'number' ? 'Z' : until))
    }
    played.push(frames.map(render))
  }
  return played
}

/** Text of a frame in which what differs between two sessions (pids, OIDs) is masked. */
export function render(frame: Uint8Array): string {
  const bytes = Buffer.from(frame)
  const letter = String.fromCharCode(bytes[0] ?? 0)
  if (letter === 'A') bytes.fill(0, 5, 9)
  const message = letter === 'T' ? decodeBackend({ tag: 0x54, bytes }) : null
  if (message?.type === 'RowDescription') {
    const fields = message.fields.map((field) => ({
      ...field,
      name: field.name.text,
      tableOid: 0,
    }))
    return `T ${JSON.stringify(fields)}`
  }
  return `${letter} ${bytes.length} ${bytes.toString('latin1', 5, 20_005)}`
}
