// An org of a few lines to follow: its answers, its clock and ours are written by the tests.

import assert from 'node:assert/strict'
import { Fault } from '../../../src/mutation/fault.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import type { Changes } from '../../../src/platforms/platform.ts'
import { createFollower } from '../../../src/platforms/salesforce/follow.ts'
import { type Answer, type Asked, contacts, type FakeOrg, fakeOrg, idAt } from './fake.ts'

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
export const noon = Date.UTC(2026, 10, 26, 12)

const [idColumn] = contacts.columns
assert.ok(idColumn)
const bin = { ...idColumn, name: 'is_deleted', field: 'IsDeleted', type: 'boolean' }

/** Contacts, whose deletions can be followed as well. */
export const table: SyncedTable = { ...contacts, columns: [...contacts.columns, bin] }

export interface Mark {
  readonly n: number
  readonly at: number
  readonly deleted?: boolean
}

/** `2026-11-26T12:00:00.000+0000` */
export const iso = (timeMs: number) => new Date(timeMs).toISOString().replace('Z', '+0000')

const recordsOf = (list: readonly Mark[]) =>
  list.map(({ n, at, deleted = false }) => ({
    Id: idAt(n),
    SystemModstamp: iso(at),
    IsDeleted: deleted,
  }))

export interface Feed {
  readonly org: FakeOrg
  /** This service's clock, and by how much the platform's is ahead. */
  readonly clock: { nowMs: number; aheadMs: number }
  /**
   * Answers queries with these, in turn, then with no records; reads of records with what is asked for, but for the
   * missing ones; what the log of deletions is.
   */
  play(
    pages: readonly (readonly Mark[] | Answer)[],
    more?: { missing?: readonly number[]; log?: Answer },
  ): void
  begin(): Promise<string>
  poll(cursor: string): Promise<Changes>
  close(): Promise<void>
}

export async function openFeed(): Promise<Feed> {
  const org = await fakeOrg()
  const clock = { nowMs: noon, aheadMs: 0 }
  const follower = createFollower({ now: () => clock.nowMs })
  const play: Feed['play'] = (pages, { missing = [], log = {} } = {}) => {
    const left = [...pages]
    const gone = new Set(missing.map(idAt))
    org.play(({ url, body }) => {
      const headers = { date: new Date(clock.nowMs + clock.aheadMs).toUTCString() }
      if (url.includes('/deleted?')) return { headers, ...log }
      if (url.includes('/composite/sobjects/')) {
        const { ids } = JSON.parse(body) as { ids: string[] }
        return { headers, body: ids.map((Id) => gone.has(Id) ? null : { Id, LastName: Id }) }
      }
      const page = left.shift() ?? []
      if (!('map' in page)) return { headers, ...page }
      return { headers, body: { done: true, totalSize: page.length, records: recordsOf(page) } }
    })
  }
  return {
    org,
    clock,
    play,
    begin: async () => {
      play([[]])
      return await follower.start(table, org.caller())
    },
    poll: (cursor) => follower.changes(table, cursor, org.caller()),
    close: () => org.close(),
  }
}

/** The SOQL of a request. */
export function queryOf(asked: Asked | undefined): string {
  return new URL(`http://x${asked?.url ?? ''}`).searchParams.get('q') ?? ''
}

/** Resources that were asked for: `queryAll`, … */
export function pathsOf({ asked }: FakeOrg): string[] {
  return asked.map(({ url }) => url.replace(/\?.*/, '').split('/').slice(4).join('/'))
}

/** Where the window of a request begins. */
export function sinceOf(asked: Asked | undefined): number {
  return Date.parse(/>= (\S+)/.exec(queryOf(asked))?.[1] ?? '')
}

export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof Fault, `not a Fault: ${String(error)}`)
    return error
  }
  throw new Error('no fault')
}
