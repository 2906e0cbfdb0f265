// What the platform heard: the sandbox's log of exchanges, gathered during a run before it forgets, and its records.

import { isUnheard, isWrite, recordsOf, type Subject } from '../help/subjects.ts'
import type { Exchange } from '../help/system.ts'

export interface Witness {
  /** Reads what is new. */
  gather(): Promise<void>
  /** Writes so far. */
  readonly writes: number
  /** Rows, by their marks, that were sent more than once, other than as a replay under the same idempotency key. */
  sentTwice(): string[]
  /** Exchanges that the sandbox forgot before they were read. */
  readonly missed: number
}

const marks = /[a-z0-9]+n\d+y[A-Za-z0-9_]+z/g

export function createWitness(sandboxUrl: string): Witness {
  /** Mark → what tells its requests apart. */
  const sent = new Map<string, Set<string>>()
  let seen = 0
  let missed = 0
  let writes = 0
  const note = (exchange: Exchange, index: number): void => {
    if (!isWrite(exchange) || isUnheard(exchange)) return
    writes += 1
    const key = exchange.requestHeaders['idempotency-key'] ?? String(index)
    for (const mark of new Set(exchange.requestBody.match(marks) ?? [])) {
      const keys = sent.get(mark) ?? new Set()
      sent.set(mark, keys.add(key))
    }
  }
  return {
    gather: async () => {
      const response = await fetch(`${sandboxUrl}/_exchanges`, {
        signal: AbortSignal.timeout(60_000),
      })
      const dropped = Number(response.headers.get('x-exchanges-dropped'))
      const lines = (await response.text()).split('\n').filter((line) => line !== '')
      missed += Math.max(0, dropped - seen)
      lines.slice(Math.max(0, seen - dropped)).forEach((line, n) => {
        note(JSON.parse(line) as Exchange, Math.max(seen, dropped) + n)
      })
      seen = dropped + lines.length
    },
    get writes() {
      return writes
    },
    get missed() {
      return missed
    },
    sentTwice: () => [...sent].filter(([, keys]) => keys.size > 1).map(([mark]) => mark),
  }
}

/** Id → mark of every live record. */
export async function recordsAt(
  sandboxUrl: string,
  subject: Subject,
): Promise<ReadonlyMap<string, string>> {
  const response = await fetch(`${sandboxUrl}/_records/${subject.platform}/${subject.table}`, {
    signal: AbortSignal.timeout(60_000),
  })
  return recordsOf(subject, await response.text())
}
