// Room sync: reading ahead in a listing: the next pages are read while those before them are written. The writer takes what
// has been read meanwhile as one, so that small pages do not cost a transaction each, and no page waits for others.

import { fault } from '../mutation/fault.ts'
import type { Caller, Page } from '../platforms/platform.ts'
import type { Ahead, Load, Work } from './work.ts'
import type { Mark, TableWriter } from './writing.ts'

/** Nothing more is read while so many rows, */
const rowsMax = 4_000
/** or characters, wait to be written. */
const sizeMax = 4_000_000
/** So many rows are written at once where they come within this time, in milliseconds. */
const gatherRows = 1_000
const gatherMs = 100
/** A mark serves pages whose reading begins within so long, in milliseconds, and one more. */
const markMs = 250
/** Rows of a page whose size is looked at. */
const sizedRows = 64

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
  const { work: { adapter, table, writer } } = reading
  const marks = createMarks(writer, reading.work.now)
  let cursor = from
  do {
    const mark = await marks.take()
    const asked = adapter.page(table, cursor, caller)
    marks.renew()
    const page = onward(await asked, cursor)
    reading.waiting.push({ page, mark, size: sizeOf(page) })
    tell(reading)
    cursor = page.next
  } while (cursor !== null && await goesOn(reading))
}

interface Marks {
  /** One that was taken before now. Throws as `TableWriter.mark`. */
  take(): Promise<Mark>
  /** Has another taken, if the last one is old, for whoever comes next: nobody is to wait for it. */
  renew(): void
}

function createMarks(writer: TableWriter, now: () => number): Marks {
  const begin = () => {
    const mark = writer.mark()
    mark.catch(() => {}) // whoever takes it hears of it
    return { mark, at: now() }
  }
  let last = begin()
  return {
    take: () => last.mark,
    renew: () => {
      if (now() - last.at > markMs) last = begin()
    },
  }
}

/** Waits for room. False: nothing more is to be read. */
async function goesOn(reading: Reading): Promise<boolean> {
  const over = () => reading.stopped || !reading.work.goesOn()
  while (isFull(reading) && !over()) await reading.changed.promise
  return !over()
}

function isFull(reading: Reading): boolean {
  const size = reading.waiting.reduce((sum, { size }) => sum + size, 0)
  return rowsOf(reading) >= rowsMax || size >= sizeMax
}

function rowsOf({ waiting }: Reading): number {
  return waiting.reduce((sum, { page }) => sum + page.rows.length, 0)
}

async function take(reading: Reading, { last }: { last: boolean }): Promise<Load | null> {
  if (last) stop(reading)
  while (!reading.ended && (last || reading.waiting.length === 0)) await reading.changed.promise
  if (!last) await gather(reading)
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

/** Waits a little for more: a transaction costs as much as many rows do. */
async function gather(reading: Reading): Promise<void> {
  const until = Promise.withResolvers<void>()
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    until.resolve()
  }, gatherMs)
  const isEnough = () => rowsOf(reading) >= gatherRows || isFull(reading)
  while (!reading.ended && !reading.stopped && !isOver && !isEnough()) {
    await Promise.race([reading.changed.promise, until.promise])
  }
  clearTimeout(timer)
}

/** Throws `platform_failed` when the page leads to itself. */
function onward(page: Page, cursor: string | null): Page {
  if (page.next === null || page.next !== cursor) return page
  throw fault('platform_failed', { message: 'the list of records goes round in a circle' })
}

/** Characters of all values, about: by some of the rows, since the next page waits for it. */
function sizeOf({ rows }: Page): number {
  const step = Math.ceil(rows.length / sizedRows)
  let [size, sized] = [0, 0]
  for (let at = 0; at < rows.length; at += step) {
    const values = rows[at]?.values ?? {}
    for (const name in values) size += values[name]?.length ?? 0
    sized += 1
  }
  return sized === 0 ? 0 : size / sized * rows.length
}
