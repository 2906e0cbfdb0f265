// Goal: a listing is read ahead of what is written, within a bound, and nothing is written by a mark that is newer than the
// read it stands for.
// Method: an adapter and a writer that note what is asked of them and answer when the test says so; no clock but the test's.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Page } from '../../src/platforms/platform.ts'
import { readAhead } from '../../src/sync/reading.ts'
import type { Work } from '../../src/sync/work.ts'
import type { Mark } from '../../src/sync/writing.ts'
import { eventually } from '../help/mirror.ts'

interface Asked {
  readonly what: 'mark' | 'page'
  readonly cursor: string | null
  readonly done: PromiseWithResolvers<never>
}

interface Stage {
  readonly work: Work
  /** Everything that was asked, in order. */
  readonly asked: Asked[]
  nowMs: number
  /** Pages that are answered as soon as they are asked for. */
  readonly ready: Page[]
  /** Waits until the question has been asked, and answers it. */
  answer(at: number, value: unknown): Promise<void>
}

function createStage(): Stage {
  const asked: Asked[] = []
  const ask = (what: Asked['what'], cursor: string | null) => {
    const done = Promise.withResolvers<never>()
    asked.push({ what, cursor, done })
    return done.promise
  }
  const work = {
    now: () => stage.nowMs,
    goesOn: () => true,
    ask: (what: (caller: unknown) => Promise<unknown>) => what({}),
    adapter: {
      page: (_table: unknown, cursor: string | null) => {
        const page = stage.ready.shift()
        return page === undefined ? ask('page', cursor) : Promise.resolve(page)
      },
    },
    writer: { mark: () => ask('mark', null) },
  } as unknown as Work
  const stage: Stage = {
    work,
    asked,
    nowMs: 0,
    ready: [],
    answer: async (at, value) => {
      await eventually(() => Promise.resolve(asked[at]), { holds: (one) => one !== undefined })
      asked[at]?.done.resolve(value as never)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  return stage
}

const markOf = (at: number): Mark => ({ xid: String(at), at: String(at) })

/** `text`: the one value of each row. */
function pageOf(rows: number, next: string | null, text = 'a'): Page {
  return {
    rows: Array.from(
      { length: rows },
      (_, at) => ({ id: `${next}:${at}`, values: { name: text } }),
    ),
    next,
  }
}

const whatOf = ({ asked }: Stage) => asked.map(({ what, cursor }) => `${what} ${cursor}`)

describe('marks', () => {
  test('the first page is not asked for before there is a mark', async () => {
    const stage = createStage()
    const reading = readAhead(stage.work, null)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(whatOf(stage), ['mark null'])
    await stage.answer(0, markOf(0))
    assert.deepEqual(whatOf(stage), ['mark null', 'page null'])
    await stage.answer(1, pageOf(1, null))
    assert.deepEqual((await reading.take({ last: false }))?.mark, markOf(0))
  })

  test('an old one is renewed while a page is under way, and serves the next page only', async () => {
    const stage = createStage()
    const reading = readAhead(stage.work, null)
    stage.nowMs = 1_000
    await stage.answer(0, markOf(0))
    assert.deepEqual(whatOf(stage), ['mark null', 'page null', 'mark null'])
    await stage.answer(1, pageOf(1_000, 'b'))
    // the next page is read since the new mark, so it waits for it
    assert.deepEqual(whatOf(stage), ['mark null', 'page null', 'mark null'])
    assert.deepEqual((await reading.take({ last: false }))?.mark, markOf(0))
    await stage.answer(2, markOf(1_000))
    await stage.answer(3, pageOf(1_000, null))
    assert.deepEqual((await reading.take({ last: false }))?.mark, markOf(1_000))
  })

  test('one that cannot be taken fails the reading, after what was read before it', async () => {
    const stage = createStage()
    const reading = readAhead(stage.work, null)
    stage.nowMs = 1_000
    await stage.answer(0, markOf(0))
    await stage.answer(1, pageOf(1, 'b'))
    stage.asked[2]?.done.reject(new Error('no mark'))
    const load = await reading.take({ last: false })
    assert.deepEqual([load?.rows.length, load?.next], [1, 'b'])
    await assert.rejects(reading.take({ last: false }), /no mark/)
  })
})

describe('how much is taken', () => {
  test('small pages are taken together, in their order, with the mark of the first', async () => {
    const stage = createStage()
    const reading = readAhead(stage.work, null)
    await stage.answer(0, markOf(0))
    const taken = reading.take({ last: false })
    await stage.answer(1, pageOf(100, '1'))
    // all at once from here on: whoever waits has no time to pass
    for (let at = 2; at <= 10; at++) stage.ready.push(pageOf(100, String(at)))
    await stage.answer(2, stage.ready.shift())
    const load = await taken
    assert.deepEqual([load?.rows.length, load?.pages, load?.next, load?.mark], [
      1_000,
      10,
      '10',
      markOf(0),
    ])
    assert.deepEqual(load?.rows.map(({ id }) => id).slice(99, 101), ['1:99', '2:0'])
  })

  test('what comes slowly does not wait for more', async () => {
    const stage = createStage()
    const reading = readAhead(stage.work, null)
    await stage.answer(0, markOf(0))
    await stage.answer(1, pageOf(1, 'b'))
    const load = await reading.take({ last: false }) // the second page never comes
    assert.deepEqual([load?.rows.length, load?.next], [1, 'b'])
  })

  test('nothing more is asked for while much waits, be it rows or characters', async () => {
    for (const page of [pageOf(4_000, 'b'), pageOf(40, 'b', 'x'.repeat(100_000))]) {
      const stage = createStage()
      const reading = readAhead(stage.work, null)
      await stage.answer(0, markOf(0))
      await stage.answer(1, page)
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(whatOf(stage), ['mark null', 'page null'])
      await reading.take({ last: false })
      await stage.answer(2, pageOf(1, null))
      assert.equal((await reading.take({ last: false }))?.rows.length, 1)
    }
  })

  test('the last load is what was under way, and nothing after it is asked for', async () => {
    const stage = createStage()
    const reading = readAhead(stage.work, null)
    await stage.answer(0, markOf(0))
    const taken = reading.take({ last: true })
    await stage.answer(1, pageOf(5, 'b'))
    assert.deepEqual([(await taken)?.rows.length, whatOf(stage)], [5, ['mark null', 'page null']])
    assert.equal(await reading.take({ last: false }), null)
  })
})
