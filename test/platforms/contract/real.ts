// One real error body of shared/specs/real-errors.json through a whole adapter: what the platform answered to a request,
// answered by a scripted server to the like of it.

import { createHash } from 'node:crypto'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { Fault, type FaultData } from '../../../src/mutation/fault.ts'
import type { Mutation, PlannedRow, Values } from '../../../src/mutation/mutation.ts'
import type { Operation, Platform, SyncedTable } from '../../../src/mutation/table.ts'
import { adapterFor } from '../../../src/platforms/index.ts'
import type { Caller } from '../../../src/platforms/platform.ts'
import type { Answer, FakeApi } from '../../help/fake-api.ts'
import { contacts as hubspotContacts } from '../hubspot/fake.ts'
import { contacts as salesforceContacts } from '../salesforce/fake.ts'

export interface RealError {
  readonly platform: Platform
  readonly status: number
  readonly headers: Readonly<Record<string, string>> | null
  readonly request: { readonly method: string; readonly path: string } | null
  readonly body: unknown
  readonly meaning: string
}

/** The file. */
export interface RealErrors {
  readonly errors: readonly RealError[]
}

/** By what a body is known in the table of expectations. */
export function digestOf({ platform, status, request, body }: RealError): string {
  const text = `${platform} ${request?.method} ${request?.path} ${status} ${JSON.stringify(body)}`
  return `${platform} ${createHash('sha256').update(text).digest('hex').slice(0, 8)}`
}

const operations: Readonly<Record<string, Operation>> = {
  POST: 'insert',
  PATCH: 'update',
  PUT: 'update',
  DELETE: 'delete',
}

/** What became of it: `refused 23514 email row 1`, `read 42501`, `tokens 28000`. */
export async function meaningOf(error: RealError, api: FakeApi): Promise<string> {
  const { platform, request } = error
  const table = await tableOf(error)
  const caller = api.caller({ settings: settingsOf(platform), deadline: deadlineIn(60_000) })
  api.play(() => answerOf(error))
  if (/oauth/.test(request?.path ?? '')) {
    return await thrown('tokens', () => refresh(platform, caller))
  }
  if (request?.method === 'GET' && !isRecord(error)) {
    return await thrown('read', () => adapterFor(platform).page(table, null, caller))
  }
  const operation = operationOf(error)
  const outcome = await adapterFor(platform).write(
    mutationOf(error, operation, table),
    table,
    caller,
  )
  if (api.asked.length === 0) return `not sent: ${JSON.stringify(outcome)}`
  if (outcome.state === 'accepted') return 'accepted'
  const others = outcome.state === 'partial'
    ? outcome.others.flatMap((other) =>
      other.state === 'unsent' ? ['unsent'] : [`${other.state} ${wordsOf(other.fault)}`]
    )
    : []
  return [`${outcome.state} ${wordsOf(outcome.fault)}`, ...others].join('; ')
}

/** Does the path name one record? Then the like of it is a change of that record. */
function isRecord({ platform, request }: RealError): boolean {
  const path = request?.path ?? ''
  return platform === 'stripe'
    ? /^\/v1\/\w+\/(?!upcoming)\w+$/.test(path)
    : platform === 'airtable' && /\/rec\w+$/.test(path)
}

/** What is only told as an answer was one to a change of a record, as far as anybody knows. */
function operationOf({ platform, request }: RealError): Operation {
  if (request === null) return platform === 'salesforce' ? 'update' : 'insert'
  if (request.path.endsWith('/batch/update')) return 'update'
  return operations[request.method] ?? 'update'
}

function wordsOf({ sqlstate, column, row }: FaultData): string {
  return [sqlstate, column, row === undefined ? undefined : `row ${row}`]
    .filter((word) => word !== undefined).join(' ')
}

async function thrown(what: string, act: () => Promise<unknown>): Promise<string> {
  try {
    await act()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return `${what} ${wordsOf(error.data)}`
  }
}

async function refresh(platform: Platform, { http, baseUrl, deadline }: Caller): Promise<unknown> {
  const grant = { refreshToken: 'old', clientId: 'app', clientSecret: 'secret' }
  return await adapterFor(platform).refresh({
    http,
    deadline,
    tokenUrl: `${baseUrl}/token`,
    ...grant,
  })
}

/** A collection of Salesforce's comes within a composite. */
function answerOf({ platform, status, headers, body }: RealError): Answer {
  const head = headers === null ? {} : { headers: plain(headers) }
  if (platform === 'hubspot' && status === 207) return { status, body: traced(body) }
  // a look-up of ours has another alias than the recorded one
  if (platform === 'github' && status === 200) {
    return { body: JSON.stringify(body).replaceAll('"repository"', '"a0"') }
  }
  if (platform !== 'salesforce' || status !== 200) return { status, body, ...head }
  const part = (referenceId: string, content: unknown) => ({
    body: content,
    httpHeaders: {},
    httpStatusCode: 200,
    referenceId,
  })
  return { body: { compositeResponse: [part('write', body), part('read', [])] } }
}

interface Batch {
  readonly results: readonly { readonly id: string }[]
  readonly errors: readonly { readonly context?: Readonly<Record<string, readonly string[]>> }[]
}

/** The trace ids of the errors are those of our rows, after the rows that were written. */
function traced(body: unknown): unknown {
  const { results, errors } = JSON.parse(numbered(body)) as Batch
  return {
    ...(body as object),
    results,
    errors: errors.map((error, i) =>
      error.context?.['objectWriteTraceId'] === undefined ? error : {
        ...error,
        context: { ...error.context, objectWriteTraceId: [String(results.length + i + 1)] },
      }
    ),
  }
}

/** An id that is none would not be sent at all. */
function numbered(body: unknown): string {
  return JSON.stringify(body).replaceAll('"unknownIdentifier888"', '"888"')
}

/** The ids of the records that the answer to a batch speaks of. */
function idsIn(body: unknown): string[] {
  const { results = [], errors = [] } = JSON.parse(numbered(body)) as Partial<Batch>
  return [
    ...results.map(({ id }) => id),
    ...errors.flatMap(({ context }) => context?.['ids'] ?? []),
  ]
}

/** What is said of the content is the server's own affair here. */
function plain(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(headers)
    .filter(([name]) => !/^(content-|transfer-|connection|status$)/.test(name))
  return Object.fromEntries(kept)
}

function settingsOf(platform: Platform): Caller['settings'] {
  switch (platform) {
    case 'airtable':
      return { base: 'appJxrbEgLaF00M2f' }
    case 'hubspot':
      return { batchInsert: true }
    case 'github':
      return { repositories: ['octo/hello'] }
    default:
      return {}
  }
}

async function tableOf({ platform, request }: RealError): Promise<SyncedTable> {
  const path = request?.path ?? ''
  switch (platform) {
    case 'salesforce':
      return salesforceContacts
    case 'hubspot':
      return hubspotContacts
    case 'airtable':
      return tasks
    case 'stripe':
      return await described(platform, /\/(subscriptions|payment_intents|invoices)/.exec(path)?.[1])
    case 'github':
      return await described(platform, /\/labels/.test(path) ? 'labels' : githubTable(path))
  }
}

function githubTable(path: string): string {
  return path.endsWith('/pulls') ? 'pull_requests' : 'issues'
}

async function described(platform: Platform, object = 'customers'): Promise<SyncedTable> {
  const [shape] = await adapterFor(platform).describe([object], {} as Caller)
  if (shape === undefined) throw new Error(`No table ${object}`)
  return { ...shape, syncId: 's', platform, schema: platform }
}

const field = (name: string, type: string, id: string) => ({
  name,
  field: id,
  type,
  insertable: true,
  updatable: true,
  required: false,
})

/** The table that the recorded answers of Airtable are about. */
const tasks: SyncedTable = {
  syncId: 's',
  platform: 'airtable',
  schema: 'airtable',
  name: 'tasks',
  object: 'tblTasks',
  columns: [
    { ...field('id', 'text', 'id'), insertable: false, updatable: false },
    field('title', 'text', 'fldTitle'),
    field('sessionid', 'text', 'fldSession'),
    field('fallbacktriggered', 'text', 'fldFallback'),
    field('dibuat', 'text', 'fldDibuat'),
    field('status', 'text', 'fldStatus'),
  ],
}

/** As many rows as the request had: one for each result of a collection or a batch. */
function mutationOf(error: RealError, operation: Operation, table: SyncedTable): Mutation {
  const { platform } = error
  const known = operation === 'insert' ? [] : idsIn(error.body)
  const rows = Array.from({ length: rowsIn(error) }, (_, i): PlannedRow => ({
    ordinal: i + 1,
    id: operation === 'insert' ? null : known[i] ?? ids(platform, i),
    values: operation === 'delete' ? {} : valuesOf(table, operation),
    ...(platform === 'github' && operation !== 'insert' ? { key } : {}),
  }))
  const head = { id: '00000000-0000-4000-8000-000000000001', syncId: 's' }
  return { ...head, schema: table.schema, table: table.name, operation, rows }
}

function rowsIn({ platform, status, body, request }: RealError): number {
  if (platform === 'salesforce' && status === 200 && Array.isArray(body)) return body.length || 1
  if (platform === 'hubspot' && status === 207) {
    const { results, errors } = body as Batch
    return results.length + Math.max(errors.length, idsIn(body).length - results.length)
  }
  const two = /batch/.test(request?.path ?? '') ||
    (platform === 'github' && status === 200 && /"(data)"/.test(JSON.stringify(body)))
  return two ? 2 : 1
}

const key: Values = { repository: 'octo/hello', number: '7', node_id: 'I_7', name: 'bug' }

function ids(platform: Platform, i: number): string {
  switch (platform) {
    case 'salesforce':
      return `003xx000000000${i}AAA`
    case 'airtable':
      return `rec0000000000000${i}`
    case 'hubspot':
      return String(123_456 + i)
    default:
      return String(7 + i)
  }
}

function valuesOf({ platform, name }: SyncedTable, operation: Operation): Values {
  switch (platform) {
    case 'salesforce':
      return { last_name: 'Dune', email: 'nope', status__c: 'Unknown', external_id__c: 'x' }
    case 'hubspot':
      return { email: 'bcooper@example.con', firstname: 'Bryan' }
    case 'airtable':
      return { title: 'x', status: 'vE4TzESFee', dibuat: '21/4/2026, 23.33.26' }
    case 'stripe':
      return operation === 'insert' ? stripeValues[name] ?? {} : { description: 'x' }
    case 'github': {
      const place = operation === 'insert' ? { repository: 'octo/hello' } : {}
      if (name === 'labels') return { ...place, name: 'bug', color: 'ABC' }
      if (name === 'pull_requests') return { ...place, title: 'x', head: 'branch', base: 'main' }
      return { ...place, title: 'x' }
    }
  }
}

const stripeValues: Readonly<Record<string, Values>> = {
  customers: { email: 'a@example.com' },
  subscriptions: { customer: 'cus_1', items: '[{"price":"invalid"}]' },
  payment_intents: { amount: '0', currency: 'usd' },
}
