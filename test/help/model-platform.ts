// A platform in memory for tests of the sync process: an Adapter whose reads the test can watch, delay and let fail.

import { type Fault, fault } from '../../src/mutation/fault.ts'
import type { Values } from '../../src/mutation/mutation.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Adapter, Follower, Pace, Ref } from '../../src/platforms/platform.ts'

export type Call = 'start' | 'changes' | 'page' | 'read' | 'ids' | 'count'

export interface ModelPlatform {
  readonly adapter: Adapter
  readonly records: Map<string, Values>
  /** Every call that was made, with what it was about. */
  readonly calls: { readonly call: Call; readonly about: string; readonly at: number }[]
  /** Sets or removes a record, as if somebody had at the platform; `told`: `changes` tells of it. */
  set(id: string, values: Values | null, options?: { told?: boolean }): void
  /** Runs before each call is answered, and may throw or wait. */
  before: (call: Call, about: string) => Promise<void> | void
  /** Says of which records `read` cannot tell this time. */
  untold: (id: string) => boolean
  pace: Pace
  pageRows: number
  /** Cursors made before are too old. */
  expire(): void
}

/** A Salesforce whose only table has the columns of a contact. */
export function createModelPlatform(
  given: Partial<Pace> & { ids?: boolean; follow?: boolean } = {},
): ModelPlatform {
  const records = new Map<string, Values>()
  const log: string[] = []
  let oldest = 0
  const note = async (call: Call, about: string): Promise<void> => {
    model.calls.push({ call, about, at: Date.now() })
    await model.before(call, about)
  }
  const sorted = () => [...records].sort(([a], [b]) => a < b ? -1 : 1)
  const follower: Follower = {
    pace: () => model.pace,
    readMax: 10,
    start: async () => {
      await note('start', '')
      return String(log.length)
    },
    changes: async (_table, cursor) => {
      await note('changes', cursor)
      if (Number(cursor) < oldest) throw fault('bad_request', { message: 'the cursor is too old' })
      const ids = [...new Set(log.slice(Number(cursor)))]
      const rows = ids.flatMap((id) => rowOf(id))
      const gone = ids.filter((id) => !records.has(id))
      return { rows, gone, touched: [], next: String(log.length), more: false, until: Date.now() }
    },
    read: async (_table, refs: readonly Ref[]) => {
      await note('read', refs.map(({ id }) => id).join())
      const told = refs.filter(({ id }) => !model.untold(id))
      return told.map(({ id }) => ({ id, values: records.get(id) ?? null }))
    },
    count: async () => {
      await note('count', '')
      return records.size
    },
    ...(given.ids === true
      ? {
        ids: async () => {
          await note('ids', '')
          return { ids: sorted().map(([id]) => id), next: null }
        },
      }
      : {}),
  }
  const rowOf = (id: string) => {
    const values = records.get(id)
    return values === undefined ? [] : [{ id, values }]
  }
  const { follow: _real, ...salesforce } = adapterFor('salesforce')
  const model: ModelPlatform = {
    records,
    calls: [],
    before: () => {},
    untold: () => false,
    pageRows: 10,
    pace: { changes: true, deletions: true, everyMs: 50, scanEveryMs: 600_000, ...given },
    set: (id, values, { told = true } = {}) => {
      if (values === null) records.delete(id)
      else records.set(id, { id, ...values })
      if (told) log.push(id)
    },
    expire: () => void (oldest = log.length + 1),
    adapter: {
      ...salesforce,
      page: async (_table, cursor) => {
        await note('page', cursor ?? '')
        const from = cursor ?? ''
        const rest = sorted().filter(([id]) => id > from)
        const rows = rest.slice(0, model.pageRows).map(([id, values]) => ({ id, values }))
        return { rows, next: rest.length > model.pageRows ? rows.at(-1)?.id ?? null : null }
      },
      ...(given.follow === false ? {} : { follow: follower }),
    },
  }
  return model
}

/** A fault as an adapter throws it. */
export function refusal(code: Parameters<typeof fault>[0]): Fault {
  return fault(code, { platform: 'salesforce' })
}
