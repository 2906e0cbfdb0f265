// A GitHub of a few lines that answers what a test tells it, in the forms of GitHub's documents.

import type { Mutation, PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import { type Operation, type SyncedTable, traitsOf } from '../../../src/mutation/table.ts'
import { github } from '../../../src/platforms/github/index.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import { type Answer, type Asked, type FakeApi, fakeApi, type Script } from '../../help/fake-api.ts'

export type { Answer, Asked, Script } from '../../help/fake-api.ts'

export interface Fake extends Omit<FakeApi, 'play'> {
  /** The next requests are answered by these, in turn; the last one stays. */
  play(...scripts: (Script | Answer)[]): void
}

/** Its base URL has a path, as an enterprise server's has. */
export async function fakeGithub(): Promise<Fake> {
  const api = await fakeApi()
  const url = `${api.url}/github`
  return {
    ...api,
    url,
    play: (...next) => api.play(...next.map(scriptOf)),
    caller: (more = {}) => api.caller({ baseUrl: url, ...more }),
  }
}

/** A script that throws is a test that is wrong: its request fails at once. */
function scriptOf(script: Script | Answer): Script {
  if (typeof script !== 'function') return () => script
  return (asked, response) => {
    try {
      return script(asked, response)
    } catch (error) {
      return { status: 599, body: String(error) }
    }
  }
}

/** A table as a sync has it. */
export async function tableOf(object: string): Promise<SyncedTable> {
  const [shape] = await github.describe([object], undefined as unknown as Caller)
  if (shape === undefined) throw new Error(object)
  const { name, columns } = shape
  const head = { syncId: 'sync_test', platform: 'github', schema: 'github' } as const
  return { ...head, name, object, columns, ...traitsOf(shape) }
}

export interface Draft {
  readonly id?: string
  readonly values?: Values
  readonly key?: Values
}

export function mutation(table: string, operation: Operation, rows: readonly Draft[]): Mutation {
  const planned = rows.map(({ id, values = {}, key }, i): PlannedRow => ({
    ordinal: i + 1,
    id: operation === 'insert' ? null : id ?? String(1000 + i),
    values,
    ...(key === undefined ? {} : { key }),
  }))
  return {
    id: '00000000-0000-4000-8000-000000000001',
    syncId: 'sync_test',
    schema: 'github',
    table,
    operation,
    rows: planned,
  }
}

/** The key of the n-th issue of the tests, from 0. */
export function issueKey(n: number): Values {
  return { repository: 'octo/hello', number: String(n + 1), node_id: `I_${n}` }
}

/** An issue of the GraphQL API; its id is 1000 + n. */
export function issueNode(n: number, more: Record<string, unknown> = {}) {
  return {
    id: `I_${n}`,
    fullDatabaseId: String(1000 + n),
    number: n + 1,
    title: `Issue ${n}`,
    body: '',
    state: 'OPEN',
    stateReason: null,
    locked: false,
    activeLockReason: null,
    authorAssociation: 'OWNER',
    url: `https://github.com/octo/hello/issues/${n + 1}`,
    createdAt: '2026-11-22T10:20:30Z',
    updatedAt: '2026-11-22T10:20:30Z',
    closedAt: null,
    repository: { nameWithOwner: 'octo/hello' },
    labels: { nodes: [{ name: 'bug' }] },
    assignees: { nodes: [] },
    milestone: { number: 3 },
    author: { __typename: 'User', login: 'octocat' },
    comments: { totalCount: 0 },
    ...more,
  }
}

/** The same issue of the REST API, as text: numbers keep their digits. */
export function issueRecord(n: number, more: Record<string, unknown> = {}, id = String(1000 + n)) {
  const api = 'https://api.github.com/repos/octo/hello'
  const record = {
    node_id: `I_${n}`,
    url: `${api}/issues/${n + 1}`,
    repository_url: api,
    html_url: `https://github.com/octo/hello/issues/${n + 1}`,
    number: n + 1,
    title: `Issue ${n}`,
    body: null,
    state: 'open',
    state_reason: null,
    locked: false,
    active_lock_reason: null,
    author_association: 'OWNER',
    comments: 0,
    created_at: '2026-11-22T10:20:30Z',
    updated_at: '2026-11-22T10:20:30Z',
    closed_at: null,
    labels: [{ id: 1, name: 'bug' }],
    assignees: [],
    milestone: { number: 3, title: 'One' },
    user: { login: 'octocat', id: 1 },
    ...more,
  }
  return `{"id":${id},${JSON.stringify(record).slice(1)}`
}

/** The rows of a document: how many mutations it has. */
export function aliasesIn({ body }: Asked): number {
  const { query } = JSON.parse(body) as { query: string }
  return query.match(/\bm\d+: /g)?.length ?? 0
}

/** Is it a look-up of names? */
export function isLookUp({ body }: Asked): boolean {
  return body.startsWith('{"query":"query')
}

/** Answers every look-up with an id made of the alias. */
export function lookUpAnswer({ body }: Asked): Answer {
  const { query } = JSON.parse(body) as { query: string }
  const data = Object.fromEntries(
    [...query.matchAll(/\b(a\d+): (\w+)\([^)]*\) \{ (it)?/g)].map(([, alias = '', , it]) => [
      alias,
      it === undefined ? { id: `N_${alias}` } : { it: { id: `N_${alias}` } },
    ]),
  )
  return { body: { data } }
}

/** An error of the GraphQL API at one alias. */
export function errorAt(alias: string, type: string | undefined, message: string) {
  const head = type === undefined ? {} : { type }
  return { ...head, path: [alias], locations: [{ line: 1, column: 2 }], message }
}
