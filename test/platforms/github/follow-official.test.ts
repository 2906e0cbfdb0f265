// Goal: following asks GitHub what GitHub documents, and the sandbox answers and calls as it documents.
// Method: all tables are followed through some changes; every exchange, document and delivery is held against the official
// descriptions.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { withDeadline } from '../../../src/lib/deadline.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { ask } from '../../sandbox/client.ts'
import { graphqlErrors } from '../contract/graphql.ts'
import { Description, type OpenApi, type Spoken } from '../contract/openapi.ts'
import { noSpecs, readSpec } from '../contract/specs.ts'
import { tableOf } from './fake.ts'
import { createStage, follow, followed, refOf, type Stage } from './follower.ts'

const objects = [
  'issues',
  'issue_comments',
  'labels',
  'milestones',
  'releases',
  'pull_requests',
  'repositories',
]
const hello = '/repos/octo/hello'

interface Sent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const sent: Sent[] = []
let arrived: () => void
/** The repository was archived: the last of all. */
const last = new Promise<void>((resolve) => void (arrived = resolve))
const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => body += chunk)
  request.on('end', () => {
    sent.push({ headers: request.headers as Record<string, string>, body })
    response.end()
    if (body.startsWith('{"action":"archived"')) arrived()
  })
})

let stage: Stage
before(async () => {
  stage = await createStage()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await happen()
})
after(async () => {
  await stage.close()
  await new Promise((resolve) => server.close(resolve))
})

async function happen(): Promise<void> {
  const caller = stage.caller({})
  const tables: SyncedTable[] = []
  for (const object of objects) tables.push(await tableOf(object))
  const { webhooks } = follow
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const url = `http://127.0.0.1:${port}/hook`
  const made = await webhooks?.register?.({ url, secret: 'secret', tables }, caller)
  assert.ok(made)
  await webhooks?.renew?.(made, caller)
  const each = await Promise.all(tables.map((table) => followed(table, caller)))
  for (const it of each) await it.poll(caller)
  await changeEverything()
  for (const it of each) await it.poll(caller)
  for (const it of each) await it.poll(caller)
  for (const [i, table] of tables.entries()) {
    const refs = [...each[i]?.rows ?? []].map(([id, values]) => refOf(table, id, values))
    await follow.read(table, refs.slice(0, follow.readMax), caller)
    await follow.count?.(table, stage.caller({ repositories: ['octo/hello', 'octo/world'] }))
  }
  await webhooks?.unregister?.(made, caller)
}

async function changeEverything(): Promise<void> {
  const { act } = stage
  await act('POST', `${hello}/issues`, { title: 'New', milestone: 1, assignees: ['hubot'] })
  await act('PATCH', `${hello}/issues/1`, { title: 'Other', labels: [], milestone: null })
  await act('PATCH', `${hello}/issues/1`, { state: 'closed', assignees: [] })
  await act('PUT', `${hello}/issues/1/lock`, { lock_reason: 'spam' })
  await act('POST', `${hello}/issues/1/comments`, { body: 'New' })
  const [comment] = await act('GET', `${hello}/issues/comments`)
  await act('PATCH', `${hello}/issues/comments/${comment.id}`, { body: 'Other' })
  await act('DELETE', `${hello}/issues/comments/${comment.id}`)
  await act('PATCH', `${hello}/labels/bug`, { new_name: 'beetle', description: 'Six legs' })
  await act('DELETE', `${hello}/labels/question`)
  await act('PATCH', `${hello}/milestones/1`, { title: 'Other', state: 'closed' })
  await act('DELETE', `${hello}/milestones/1`)
  const { id } = await act('POST', `${hello}/releases`, { tag_name: 'v9', draft: true })
  await act('PATCH', `${hello}/releases/${id}`, { draft: false, name: 'Nine' })
  await act('DELETE', `${hello}/releases/${id}`)
  await act('PATCH', `${hello}/pulls/4`, { title: 'Other' })
  await act('PUT', `${hello}/pulls/4/merge`, {})
  await act('PATCH', hello, { description: 'Other', private: true })
  await act('PATCH', hello, { archived: true })
}

/** What the description is stricter in than GitHub, or silent about. */
const exceptions: readonly RegExp[] = [
  /^GET \S+ \(304\): answer/, // Docs, Best practices: every list can answer so
  /^GET \/repositories\/\d+ /, // where redirects of repositories lead
]

test('every request and every answer fits the official description', async (context) => {
  const spec = readSpec<OpenApi>('github/rest.openapi.json')
  if (spec === null) return context.skip(noSpecs)
  const description = new Description(spec)
  const spoken = (await said()).filter(({ path }) => !path.startsWith('/graphql'))
  assert.ok(spoken.length > 50, `${spoken.length}`)
  assert.ok(spoken.some(({ status }) => status === 304))
  const wrong = new Set<string>()
  for (const one of spoken) {
    const where = `${one.method} ${one.path.replace(/\?.*/, '')} (${one.status})`
    for (const what of description.request(one)) wrong.add(`${where}: request: ${what}`)
    for (const what of description.response(one)) wrong.add(`${where}: answer: ${what}`)
  }
  const lines = [...wrong].filter((line) => !exceptions.some((known) => known.test(line)))
  assert.deepEqual(lines.slice(0, 20), [])
})

test('every GraphQL document fits the published schema', async () => {
  const bodies = (await said()).filter(({ path }) => path === '/graphql')
    .map(({ requestBody }) => requestBody)
  assert.ok(bodies.length > 5)
  for (const body of bodies) assert.deepEqual(graphqlErrors(body), [], body)
})

async function said(): Promise<Spoken[]> {
  const { text } = await ask(stage.sandbox, '/_exchanges')
  return text.split('\n').filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Spoken & { url: string })
    .map(({ url, ...rest }) => ({ ...rest, path: url.replace(/^\/github/, '') }))
}

test('every delivery fits the official description of its event and action', async (context) => {
  const schema = readSpec<AnySchema>('github/webhooks.schema.json')
  if (schema === null) return context.skip(noSpecs)
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true })
  formats.default(ajv)
  const { definitions } = open(schema) as { definitions: Record<string, object> }
  const check = (name: string) => ajv.compile({ definitions, $ref: `#/definitions/${name}` })
  await withDeadline(last, { waitMs: 60_000, what: 'waiting for the last delivery' })
  const seen = new Set<string>()
  const wrong = new Set<string>()
  for (const { headers, body } of sent) {
    const event = headers['x-github-event'] ?? ''
    const json = JSON.parse(body) as { action?: string }
    const name = `${event}$${json.action ?? 'event'}`
    seen.add(name)
    assert.ok(Object.hasOwn(definitions, name), name)
    const valid = check(name)
    if (valid(json)) continue
    for (const { instancePath, message } of valid.errors ?? []) {
      wrong.add(`${name} ${instancePath}: ${message}`)
    }
  }
  const lines = [...wrong].filter((line) => !nullable.test(line))
  assert.deepEqual(lines.slice(0, 20), [])
  assert.ok(seen.size > 20, [...seen].join())
})

/** The REST API's description knows better. */
const nullable = /\/release\/(name|body): must be string$/

/** The description of deliveries is older than the records that they carry: those may have more members. */
function open(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(open)
  if (typeof schema !== 'object' || schema === null) return schema
  const members = Object.entries(schema)
    .filter(([name, value]) => name !== 'additionalProperties' || value !== false)
  return Object.fromEntries(members.map(([name, value]) => [name, open(value)]))
}
