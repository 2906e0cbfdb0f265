// Goal: what the platforms' answers have in common when they say what became of a mutation. Method: a witness that says what
// a test wants.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isLearnedFrom } from '../../src/mutation/doubt.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome, PlannedRow, Values } from '../../src/mutation/mutation.ts'
import { type Operation, operations, type SyncedTable } from '../../src/mutation/table.ts'
import { outcomeOf } from '../../src/platforms/outcome.ts'
import type { Doubt } from '../../src/platforms/platform.ts'
import type { Trace } from '../../src/platforms/traces.ts'
import { testify, tracesMax, type Witness } from '../../src/platforms/witness.ts'

const text = { field: 'x', type: 'text', insertable: true, updatable: true, required: false }
const table: SyncedTable = {
  syncId: 'sync_test',
  platform: 'hubspot',
  schema: 's',
  name: 't',
  object: 'o',
  columns: [{ ...text, name: 'id' }, { ...text, name: 'word' }],
}
const place = { platform: 'hubspot', schema: 's', table: 't' } as const
const sentAt = 1_800_000_000_000

/** 150 s for its turns, and the platform's own time. */
const overMs = 150_000 + 60_000

const witness = (more: Partial<Witness> = {}): Witness => ({
  place,
  keeping: { precisionMs: 1 },
  requestMaxMs: 60_000,
  allOrNone: false,
  apartMs: () => 0,
  doubtful: (reason) => faultData('outcome_unknown', { ...place, detail: reason }),
  made: () => Promise.resolve({ traces: [], isWhole: () => true }),
  held: () => Promise.resolve(new Map()),
  ...more,
})

const mutation = (operation: Operation, words: readonly string[]): Mutation => ({
  id: 'm',
  syncId: 'sync_test',
  schema: 's',
  table: 't',
  operation,
  rows: words.map((word, i): PlannedRow => ({
    ordinal: i + 1,
    id: operation === 'insert' ? null : `r${i + 1}`,
    values: operation === 'delete' ? {} : { word },
  })),
})

const unknown = { state: 'unknown', fault: faultData('outcome_unknown', place) } as const

async function ask(
  asked: Mutation,
  said: Partial<Witness>,
  more: Partial<Doubt> = {},
  of = table,
) {
  const doubt: Doubt = {
    mutation: asked,
    outcome: unknown,
    sentAt,
    now: sentAt + overMs,
    others: new Set(),
    ...more,
  }
  const inquiry = await testify(witness(said), doubt, of)
  const before = doubt.outcome
  assert.ok(isLearnedFrom({ mutation: asked, before }, inquiry.outcome), 'it can be believed')
  return inquiry
}

const made = (traces: readonly Trace[], whole = true): Partial<Witness> => ({
  made: () => Promise.resolve({ traces, isWhole: () => whole }),
})
const held = (traces: Readonly<Record<string, Trace | null>>): Partial<Witness> => ({
  held: () => Promise.resolve(new Map(Object.entries(traces))),
})
const trace = (id: string, word: string, at = sentAt): Trace => ({
  id,
  values: { id, word },
  createdAt: at,
  changedAt: at,
})

describe('absence', () => {
  test('is refused at the moment when the request is surely over, not one millisecond before', async () => {
    const early = await ask(mutation('insert', ['a']), {}, { now: sentAt + overMs - 1 })
    assert.equal(early.outcome.state, 'unknown')
    const late = await ask(mutation('insert', ['a']), {}, { now: sentAt + overMs })
    assert.ok(late.outcome.state === 'refused')
    assert.equal(late.outcome.fault.code, 'platform_failed')
    assert.match(late.outcome.fault.detail ?? '', /the request is over/)
  })

  test('proves nothing where not everything was read', async () => {
    const { outcome } = await ask(mutation('insert', ['a']), made([], false))
    assert.equal(outcome.state, 'unknown')
  })

  test('of one row of several is told row by row', async () => {
    const { outcome } = await ask(mutation('insert', ['a', 'b']), made([trace('1', 'b')]))
    assert.ok(outcome.state === 'partial')
    assert.deepEqual(outcome.rows.map(({ ordinal, id }) => [ordinal, id]), [[2, '1']])
    assert.deepEqual(outcome.others.map(({ state }) => state), ['refused'])
  })
})

describe('the time of a record', () => {
  const state = async (createdAt: number) => {
    const { outcome } = await ask(mutation('insert', ['a']), made([trace('1', 'a', createdAt)]))
    return outcome.state
  }

  test('five seconds before are within what clocks differ by; a minute may be; more is not', async () => {
    assert.equal(await state(sentAt - 5_000), 'accepted')
    assert.equal(await state(sentAt - 5_001), 'unknown')
    assert.equal(await state(sentAt - 60_000), 'unknown')
    assert.equal(await state(sentAt - 60_001), 'refused')
  })

  test('nor is one of a minute after the request was over', async () => {
    assert.equal(await state(sentAt + overMs + 60_000), 'accepted')
    assert.equal(await state(sentAt + overMs + 60_001), 'refused')
  })

  test('a record that does not say when it was made is not taken', async () => {
    const { createdAt: _, ...undated } = trace('1', 'a')
    const { outcome } = await ask(mutation('insert', ['a']), made([undated]))
    assert.equal(outcome.state, 'refused')
  })
})

describe('what belongs to others', () => {
  test('a record that another mutation has made is not taken', async () => {
    const others = new Set(['1'])
    const { outcome } = await ask(mutation('insert', ['a']), made([trace('1', 'a')]), { others })
    assert.equal(outcome.state, 'refused')
  })

  test('nor one that another row of the same mutation is known to have made', async () => {
    const asked = mutation('insert', ['a', 'a'])
    const outcome = outcomeOf(asked, [
      { state: 'written', ordinal: 1, id: '1', values: { id: '1', word: 'a' } },
      { state: 'unknown', ordinal: 2, fault: unknown.fault },
    ], place)
    assert.ok(outcome.state === 'partial')
    const traces = [trace('1', 'a'), trace('2', 'a')]
    const found = await ask(asked, made(traces), { outcome })
    assert.ok(found.outcome.state === 'accepted')
    assert.deepEqual(found.outcome.rows.map(({ id }) => id), ['1', '2'])
  })
})

describe('what was known', () => {
  test('of an unknown outcome its DETAIL says which rows were refused or not sent', async () => {
    const asked = mutation('insert', ['a', 'b', 'c'])
    const refusal = faultData('duplicate', { ...place, column: 'word', detail: 'Key (word)=(b).' })
    const outcome = outcomeOf(asked, [
      { state: 'unknown', ordinal: 1, fault: unknown.fault },
      { state: 'refused', ordinal: 2, fault: refusal },
    ], place)
    assert.ok(outcome.state === 'unknown')
    const { outcome: found } = await ask(asked, made([trace('1', 'a')]), { outcome })
    assert.ok(found.state === 'partial')
    assert.deepEqual(found.others.map(({ state }) => state), ['refused', 'unsent'])
    const [second] = found.others
    assert.ok(second?.state === 'refused')
    assert.equal(second.fault.sqlstate, '23505')
    assert.equal(second.fault.column, 'word')
  })

  test('words of a platform that look like a list are no report', async () => {
    for (const detail of ['[', '[1,null,{"row":"1"}]', '[{"row":9,"state":"not sent"}]']) {
      const outcome = { ...unknown, fault: { ...unknown.fault, detail } }
      const { outcome: found } = await ask(mutation('insert', ['a']), {}, { outcome })
      assert.equal(found.state, 'refused', detail)
    }
  })
})

describe('all or none', () => {
  const allOrNone = { allOrNone: true }
  const old = sentAt - 3_600_000
  const states = async (operation: Operation, said: Partial<Witness>, words: string[]) => {
    const { outcome } = await ask(mutation(operation, words), { ...said, ...allOrNone })
    return statesOf(outcome, words.length)
  }

  test('a row that is surely not written says it of all, though others have the values already', async () => {
    const said = held({ r1: trace('r1', 'a', old), r2: trace('r2', 'x', old) })
    assert.equal(await states('update', said, ['a', 'b']), 'refused')
  })

  test('rows written at that time leave the one that was changed again in doubt', async () => {
    const said = held({ r1: trace('r1', 'a'), r2: trace('r2', 'x') })
    assert.equal(await states('update', said, ['a', 'b']), 'written unknown')
  })

  test('rows that contradict each other are all in doubt', async () => {
    const said = held({ r1: trace('r1', 'a'), r2: trace('r2', 'x', old) })
    assert.equal(await states('update', said, ['a', 'b']), 'unknown')
    assert.equal(await states('insert', made([trace('1', 'a')]), ['a', 'b']), 'unknown')
  })

  test('of a delete a record that is there says that none was deleted', async () => {
    const said = held({ r1: null, r2: trace('r2', 'x', old) })
    assert.equal(await states('delete', said, ['', '']), 'refused')
    assert.equal(await states('delete', held({ r1: null, r2: null }), ['', '']), 'written written')
  })
})

describe('what no later inquiry can tell', () => {
  const old = sentAt - 3_600_000
  const forGood = async (
    operation: Operation,
    said: Partial<Witness>,
    { words = ['a'], ...more }: { words?: string[] } & Partial<Doubt> = {},
  ) => {
    const inquiry = await ask(mutation(operation, words), said, more)
    assert.equal(inquiry.overAt, (more.sentAt ?? sentAt) + overMs)
    return inquiry.forGood
  }
  const changed = held({ r1: trace('r1', 'x') })
  const gone = held({ r1: null })

  test('is an update whose record was changed or deleted since, once the request is over', async () => {
    for (const said of [changed, gone]) {
      assert.equal(await forGood('update', said, { now: sentAt + overMs - 1 }), false)
      assert.equal(await forGood('update', said), true)
      const { outcome } = await ask(mutation('update', ['a']), said)
      assert.equal(outcome.state, 'unknown')
    }
  })

  test('is nothing that is known, and no row that the platform did not tell', async () => {
    assert.equal(await forGood('update', held({ r1: trace('r1', 'a') })), false)
    assert.equal(await forGood('update', held({ r1: trace('r1', 'x', old) })), false)
    assert.equal(await forGood('update', held({})), false)
    assert.equal(await forGood('update', changed, { words: ['a', 'b'] }), false)
    assert.equal(await forGood('delete', gone), false)
    assert.equal(await forGood('delete', held({})), false)
  })

  test('is nothing while the clocks differ, which may be set right', async () => {
    assert.equal(await forGood('update', { ...changed, apartMs: () => 9_000 }), false)
  })

  test('is no insert: more may become known of others', async () => {
    const said = made([trace('1', 'a'), trace('2', 'a')])
    assert.equal(await forGood('insert', said), false)
    const torn = { ...made([trace('1', 'a')]), allOrNone: true }
    assert.equal(await forGood('insert', torn, { words: ['a', 'b'] }), false)
  })

  test('are rows that contradict each other, or leave each other open, where all are written or none', async () => {
    const allOrNone = { allOrNone: true }
    const torn = held({ r1: trace('r1', 'a'), r2: trace('r2', 'x', old) })
    const words = ['a', 'b']
    assert.equal(await forGood('update', { ...torn, ...allOrNone }, { words }), true)
    const open = held({ r1: trace('r1', 'a', old), r2: null })
    assert.equal(await forGood('update', { ...open, ...allOrNone }, { words }), true)
  })
})

function statesOf(outcome: Outcome, count: number): string {
  if (outcome.state === 'refused' || outcome.state === 'unknown') return outcome.state
  const others = outcome.state === 'partial' ? outcome.others : []
  return Array.from({ length: count }, (_, i) => {
    const other = others.find(({ ordinal }) => ordinal === i + 1)
    return other?.state ?? 'written'
  }).join(' ')
}

test('too many records of that time: nothing is told, and none is shown', async () => {
  const traces = Array.from({ length: tracesMax + 1 }, (_, n) => trace(`${n}`, 'a'))
  const { outcome, seen } = await ask(mutation('insert', ['a']), made(traces))
  assert.equal(outcome.state, 'unknown')
  assert.deepEqual(seen, [])
})

test('of many records that may be the row’s two hundred are read whole and shown', async () => {
  const traces = Array.from({ length: 300 }, (_, n) => trace(`${n}`, 'a'))
  const asked: (readonly string[])[] = []
  const filled = (ids: readonly string[]) => {
    asked.push(ids)
    return Promise.resolve(new Map(ids.map((id) => [id, { id, word: 'whole' }])))
  }
  const said = { ...made(traces), filled }
  const { outcome, seen } = await ask(mutation('insert', ['a', 'b']), said)
  assert.equal(outcome.state, 'unknown')
  assert.deepEqual(asked.map((ids) => ids.length), [200])
  assert.equal(seen.length, 200)
  assert.ok(seen.every(({ values }) => values?.['word'] === 'whole'))
})

test('a record that the platform says nothing of stays in doubt', async () => {
  for (const operation of ['update', 'delete'] as const) {
    const { outcome, seen } = await ask(mutation(operation, ['a']), held({}))
    assert.equal(outcome.state, 'unknown')
    assert.deepEqual(seen, [])
  }
})

describe('a record that was there before', () => {
  const columns = [...table.columns, { ...text, name: 'files', type: 'jsonb' }]
  const mute: Witness['keeping'] = { precisionMs: 1, mute: ({ type }) => type === 'jsonb' }
  const state = async (values: Values, was: Trace, more: Partial<Witness> = {}) => {
    const rows = [{ ordinal: 1, id: 'r1', values }]
    const asked = { ...mutation('update', []), rows }
    const said = { ...held({ r1: was }), keeping: mute, ...more }
    return (await ask(asked, said, {}, { ...table, columns })).outcome.state
  }
  const old = sentAt - 3_600_000

  test('with the very values is as it should be, whenever it was changed', async () => {
    assert.equal(await state({ word: 'Ann' }, trace('r1', 'Ann', old)), 'accepted')
  })

  test('with values that only resemble those sent is taken where it was changed since, not else', async () => {
    assert.equal(await state({ word: 'Ann' }, trace('r1', 'ann', old)), 'refused')
    assert.equal(await state({ word: 'Ann' }, trace('r1', 'ann')), 'accepted')
    const { changedAt: _, ...undated } = trace('r1', 'ann')
    assert.equal(await state({ word: 'Ann' }, undated), 'unknown')
  })

  test('with a column that cannot be compared is taken where it was changed since, not else', async () => {
    const values = { word: 'Ann', files: '["a"]' }
    assert.equal(await state(values, trace('r1', 'Ann', old)), 'refused')
    assert.equal(await state(values, trace('r1', 'Ann')), 'accepted')
  })

  test('a minute before the request is within what clocks may differ by: it proves nothing', async () => {
    assert.equal(await state({ word: 'b' }, trace('r1', 'a', sentAt - 9_000)), 'unknown')
    assert.equal(await state({ word: 'b' }, trace('r1', 'a', sentAt - 60_000)), 'unknown')
    assert.equal(await state({ word: 'b' }, trace('r1', 'a', sentAt - 60_001)), 'refused')
  })
})

describe('clocks that differ', () => {
  const by = (ms: number): Partial<Witness> => ({ apartMs: () => ms })

  test('by more than they do when nothing is wrong: absence proves nothing, and DETAIL says why', async () => {
    for (const operation of operations) {
      const said = operation === 'insert' ? made([]) : held({ r1: trace('r1', 'x', 0) })
      const near = await ask(mutation(operation, ['a']), { ...said, ...by(5_000) })
      assert.equal(near.outcome.state, 'refused', operation)
      const far = await ask(mutation(operation, ['a']), { ...said, ...by(61_000) })
      assert.ok(far.outcome.state === 'unknown', operation)
      assert.match(far.outcome.fault.detail ?? '', /clock .* differ by 61 s/)
    }
  })

  test('nor do times prove that a record is of now; equal values and a record that is gone do', async () => {
    const inserted = await ask(mutation('insert', ['a']), {
      ...made([trace('1', 'a')]),
      ...by(9_000),
    })
    assert.equal(inserted.outcome.state, 'unknown')
    const changed = await ask(mutation('update', ['A']), {
      ...held({ r1: trace('r1', 'a') }),
      ...by(9_000),
    })
    assert.equal(changed.outcome.state, 'unknown')
    const exact = await ask(mutation('update', ['a']), {
      ...held({ r1: trace('r1', 'a') }),
      ...by(9_000),
    })
    assert.equal(exact.outcome.state, 'accepted')
    const gone = await ask(mutation('delete', ['']), { ...held({ r1: null }), ...by(9_000) })
    assert.equal(gone.outcome.state, 'accepted')
  })
})

describe('an upsert', () => {
  const upsert = (...words: string[]) => ({ ...mutation('insert', words), upsertBy: 'word' })
  const keyed = (traces: readonly Trace[], whole = true) => ({
    keyed: () => Promise.resolve({ traces, isWhole: () => whole }),
  })

  test('two records with its key: unknown', async () => {
    const torn = await ask(upsert('a'), keyed([trace('1', 'a'), trace('2', 'A')]))
    assert.equal(torn.outcome.state, 'unknown')
    const found = await ask(upsert('a'), keyed([trace('1', 'a', 0)]))
    assert.equal(found.outcome.state, 'accepted')
  })

  test('of which only the key can be compared is not taken for written by it', async () => {
    const columns = [...table.columns, { ...text, name: 'files', type: 'jsonb' }]
    const keeping: Witness['keeping'] = { precisionMs: 1, mute: ({ type }) => type === 'jsonb' }
    const rows = [{ ordinal: 1, id: null, values: { word: 'a', files: '["x"]' } }]
    const state = async (at: number) => {
      const said = { ...keyed([trace('1', 'a', at)]), keeping }
      const asked = { ...upsert(), rows }
      return (await ask(asked, said, {}, { ...table, columns })).outcome.state
    }
    assert.equal(await state(0), 'refused')
    assert.equal(await state(sentAt), 'unknown')
  })

  test('a record that was found by its key and shows another makes absence unclear', async () => {
    assert.equal((await ask(upsert('a'), keyed([]))).outcome.state, 'refused')
    assert.equal((await ask(upsert('a'), keyed([trace('1', 'z')]))).outcome.state, 'unknown')
    assert.equal((await ask(upsert('a'), keyed([], false))).outcome.state, 'unknown')
  })
})
