// Room sync: reading ahead in a listing: the next pages are read while those before them are written. The writer takes what
// has been read meanwhile as one, so that small pages do not cost a transaction each, and no page waits for others.

import { fault } from '../mutation/fault.ts'
import type { Caller, Page } from '../platforms/platform.ts'
import type { Ahead, Load, Work } from './work.ts'
import type { Mark } from './writing.ts'

/** Nothing more is read while so many rows, */
const rowsMax = 4_000
/** or characters, wait to be written. */
const sizeMax = 4_000_000
/** A mark serves pages whose reading begins within so long, in milliseconds. */
const markMs = 250

interface Reading {
  readonly work: Work
  /** Read and not taken. */
  waiting: { readonly page: Page; readonly mark: Mark; readonly size: number }[]
  /** No further page is to be asked for. */
  stopped: boolean
  /** Nothing is under way any more. */
  ended: boolean
  failure: { readonly error: unknown } | null
  changed: PromiseWithResolvers<void>
}

/** Begins to read, from the cursor on, for as long as there is time. */
export function readAhead(work: Work, from: string | null): Ahead {
  const reading: Reading = {
    work,
    waiting: [],
    stopped: false,
    ended: false,
    failure: null,
    changed: Promise.withResolvers(),
  }
  const done = work.ask((caller) => readPages(reading, { caller, from }))
    .catch((error: unknown) => {
      reading.failure = { error }
    })
    .finally(() => {
      reading.ended = true
      tell(reading)
    })
  let cursor = from
  return {
    get cursor() {
      return cursor
    },
    take: async ({ last }) => {
      const load = await take(reading, { last })
      if (load !== null) cursor = load.next
      return load
    },
    end: () => {
      stop(reading)
      return done
    },
  }
}

function tell(reading: Reading): void {
  const { changed } = reading
  reading.changed = Promise.withResolvers()
  changed.resolve()
}

function stop(reading: Reading): void {
  reading.stopped = true
  tell(reading)
}

async function readPages(
  reading: Reading,
  { caller, from }: { caller: Caller; from: string | null },
): Promise<void> {
  const { work: { adapter, table, writer, now } } = reading
  let cursor = from
  let marked: { readonly mark: Mark; readonly at: number } | null = null
  do {
    if (marked === null || now() - marked.at > markMs) {
      const at = now()
      marked = { mark: await writer.mark(), at }
    }
    const page = onward(await adapter.page(table, cursor, caller), cursor)
    reading.waiting.push({ page, mark: marked.mark, size: sizeOf(page) })
    tell(reading)
    cursor = page.next
  } while (cursor !== null && await goesOn(reading))
}

/** Waits for room. False: nothing more is to be read. */
async function goesOn(reading: Reading): Promise<boolean> {
  const over = () => reading.stopped || !reading.work.goesOn()
  while (isFull(reading) && !over()) await reading.changed.promise
  return !over()
}

function isFull({ waiting }: Reading): boolean {
  const rows = waiting.reduce((sum, { page }) => sum + page.rows.length, 0)
  return rows >= rowsMax || waiting.reduce((sum, { size }) => sum + size, 0) >= sizeMax
}

async function take(reading: Reading, { last }: { last: boolean }): Promise<Load | null> {
  if (last) stop(reading)
  while (!reading.ended && (last || reading.waiting.length === 0)) await reading.changed.promise
  const taken = reading.waiting
  const [first] = taken
  if (first === undefined) {
    if (reading.failure !== null) throw reading.failure.error
    return null
  }
  reading.waiting = []
  tell(reading)
  return {
    rows: taken.length === 1 ? first.page.rows : taken.flatMap(({ page }) => page.rows),
    next: taken.at(-1)?.page.next ?? null,
    pages: taken.length,
    mark: first.mark,
  }
}

/** Throws `platform_failed` when the page leads to itself. */
function onward(page: Page, cursor: string | null): Page {
  if (page.next === null || page.next !== cursor) return page
  throw fault('platform_failed', { message: 'the list of records goes round in a circle' })
}

/** Characters of all values. */
function sizeOf({ rows }: Page): number {
  let size = 0
  for (const { values } of rows) {
    for (const name in values) size += values[name]?.length ?? 0
  }
  return size
}
