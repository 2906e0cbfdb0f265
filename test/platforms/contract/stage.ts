// One sandbox for the whole contract, with its control endpoints and the record of everything that was said.

import assert from 'node:assert/strict'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { createHttp, type Http } from '../../../src/lib/http.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { Mutation, Outcome, OutcomeRow, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, SyncedTable } from '../../../src/mutation/table.ts'
import { isJsonNumber, isJsonObject, parseJson } from '../../../src/platforms/json.ts'
import type { Adapter, Caller, Page, Settings } from '../../../src/platforms/platform.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { isTokens, isWrite, type Mangler, startMangler } from './mangler.ts'

/** One exchange, as the sandbox's log has it. */
export interface Exchange {
  readonly platform: string
  readonly method: string
  /** With the platform's prefix. */
  readonly url: string
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: string
  /** 0: no answer. */
  readonly status: number
  readonly responseBody: string
}

export interface Row {
  readonly id?: string
  readonly key?: Values
  readonly values?: Values
}

/** Whose table is written to. */
export interface Place {
  readonly adapter: Adapter
  readonly object: string
  readonly settings: Settings
}

export class Stage {
  readonly sandbox: Sandbox
  readonly http: Http
  readonly mangler: Mangler
  /** By how much the sandbox's clock is ahead, in milliseconds. */
  readonly clock: { aheadMs: number }
  /** Everything said since the start, for the tests of conformance. */
  readonly said: Exchange[] = []
  readonly #tables = new Map<string, SyncedTable>()

  constructor(
    sandbox: Sandbox,
    { http, mangler, clock }: Pick<Stage, 'http' | 'mangler' | 'clock'>,
  ) {
    this.sandbox = sandbox
    this.http = http
    this.mangler = mangler
    this.clock = clock
  }

  /** Now, by the sandbox's clock. */
  now(): number {
    return Date.now() + this.clock.aheadMs
  }

  caller({ adapter, settings }: Place, more: Partial<Caller> = {}): Caller {
    return {
      baseUrl: this.sandbox.platformUrl(adapter.platform),
      settings,
      http: this.http,
      deadline: deadlineIn(60_000),
      signal: new AbortController().signal,
      log: silentLog,
      token: () => Promise.resolve('sandbox'),
      ...more,
    }
  }

  async table(place: Place): Promise<SyncedTable> {
    const { adapter, object, settings } = place
    const name = JSON.stringify([adapter.platform, object, settings])
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const [shape] = await adapter.describe([object], this.caller(place))
    assert.ok(shape)
    const { platform } = adapter
    const table = { ...shape, syncId: 'sync_test', platform, schema: platform }
    this.#tables.set(name, table)
    return table
  }

  async mutation(place: Place, operation: Operation, rows: readonly Row[]): Promise<Mutation> {
    const { name, schema } = await this.table(place)
    return {
      id: crypto.randomUUID(),
      syncId: 'sync_test',
      schema,
      table: name,
      operation,
      rows: rows.map(({ id, key, values = {} }, i) => ({
        ordinal: i + 1,
        id: id ?? null,
        values,
        ...(key === undefined ? {} : { key }),
      })),
    }
  }

  async write(
    place: Place,
    operation: Operation,
    { rows, ...more }: { rows: readonly Row[] } & Partial<Caller>,
  ): Promise<Outcome> {
    const mutation = await this.mutation(place, operation, rows)
    return await place.adapter.write(mutation, await this.table(place), this.caller(place, more))
  }

  /** The rows of an outcome that must be an accepted one, with their keys. */
  async accepted(place: Place, outcome: Outcome): Promise<Written[]> {
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome).slice(0, 2000))
    const { keyColumns = [] } = await this.table(place)
    const rows = outcome.state === 'accepted' ? outcome.rows : []
    return rows.map((row) => ({
      ...row,
      values: row.values ?? {},
      key: Object.fromEntries(keyColumns.map((name) => [name, row.values?.[name] ?? null])),
    }))
  }

  async insert(place: Place, drafts: readonly Values[]): Promise<Written[]> {
    const rows = drafts.map((values) => ({ values }))
    return await this.accepted(place, await this.write(place, 'insert', { rows }))
  }

  /** All rows of the table, page by page. */
  async pages(place: Place): Promise<Page[]> {
    const table = await this.table(place)
    const pages: Page[] = []
    let cursor: string | null = null
    do {
      const page: Page = await place.adapter.page(table, cursor, this.caller(place))
      pages.push(page)
      cursor = page.next
    } while (cursor !== null)
    return pages
  }

  async control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<string> {
    const text = body === undefined ? {} : { body: JSON.stringify(body) }
    const url = `${this.sandbox.url}${path}`
    const answer = await this.http.send({ method, url, ...text, waitMs: 60_000 })
    assert.ok(answer.status < 300, answer.body)
    return answer.body
  }

  async mischief(place: Place, kind: string, times = 1): Promise<void> {
    await this.control('POST', '/_mischief', { platform: place.adapter.platform, kind, times })
  }

  /** The ids of the records that the platform holds now. */
  async held({ adapter }: Place, table: string): Promise<string[]> {
    const json = parseJson(await this.control('GET', `/_records/${adapter.platform}/${table}`))
    assert.ok(Array.isArray(json))
    return json.map((record: unknown) => {
      const id = isJsonObject(record) ? record['id'] ?? record['Id'] : undefined
      if (isJsonNumber(id)) return id.rawJSON
      assert.ok(typeof id === 'string', 'a record has no id')
      return id
    })
  }

  /** What was said since the last look or `quiet`. */
  async exchanges(): Promise<Exchange[]> {
    const lines = (await this.control('GET', '/_exchanges')).split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Exchange)
  }

  /** Notes what was said for the tests of conformance, and forgets it. */
  async quiet(): Promise<void> {
    this.said.push(...await this.exchanges())
    await this.control('DELETE', '/_exchanges')
  }

  /** The write requests since `quiet`. */
  async writes(): Promise<Exchange[]> {
    return (await this.exchanges()).filter(({ method, url, requestBody }) =>
      isWrite({ method, url, body: requestBody })
    )
  }

  async refreshes(): Promise<Exchange[]> {
    return (await this.exchanges()).filter(({ url }) => isTokens(url))
  }

  async reset(): Promise<void> {
    await this.quiet()
    this.mangler.mangle(null)
    this.clock.aheadMs = 0
    this.sandbox.reset()
  }

  async close(): Promise<void> {
    await this.mangler.close()
    await this.http.close()
    await this.sandbox.close()
  }
}

export interface Written extends OutcomeRow {
  readonly values: Values
  readonly key: Values
}

export async function startStage(): Promise<Stage> {
  const clock = { aheadMs: 0 }
  const sandbox = await startSandbox({ port: 0, now: () => Date.now() + clock.aheadMs })
  const mangler = await startMangler(sandbox.port)
  return new Stage(sandbox, { http: createHttp(), mangler, clock })
}

/** The fault of an outcome that is not accepted. */
export function faultOf(outcome: Outcome) {
  assert.notEqual(outcome.state, 'accepted', 'it was accepted')
  assert.ok(outcome.state !== 'accepted')
  return outcome.fault
}
