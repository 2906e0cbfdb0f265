// Goal: what is ticked is what is synced, and nothing that nobody has ticked. Method: the step of the console with an API and
// a sealer that the test plays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from 'hono'
import type { Api } from '../../src/console/api.ts'
import { loadAssets } from '../../src/console/assets.ts'
import { checkPage } from '../../src/console/checks.ts'
import type { Draft } from '../../src/console/draft.ts'

const field = { field: 'title', name: 'title', type: 'text', required: false, writable: true }
const objects = [{ object: 'issues', name: 'issues', fields: [field, { ...field, field: 'body' }] }]
const draft: Draft = {
  id: 'sync_test0abc',
  connection: 'till',
  platform: 'github',
  schema: 'github',
  database: { hosted: true },
  login: 'app',
  objects: 'all',
  fields: {},
}

/** Posts the step. Gives the page, and what was asked for. */
async function post(
  given: readonly (readonly [string, string])[],
): Promise<{ page: string; asked: readonly unknown[] }> {
  const asked: unknown[] = []
  const api: Api = {
    get: <T>() => Promise.resolve({ objects } as T),
    send: <T>(_method: string, _path: unknown, options: { body?: unknown } = {}) => {
      asked.push(options.body)
      const body = { sync: 's', schema: 's', tables: [], findings: [], makes: [], login: null }
      return Promise.resolve({ status: 200, body: { ...body, made: false } as T })
    },
  }
  const answer = await checkPage({
    c: {} as Context,
    form: new URLSearchParams([
      ['draft', JSON.stringify(draft)],
      ...given.map((pair) => [...pair]),
    ]),
    view: { base: '/console', assets: loadAssets(), csrf: 'c', now: 0 },
    api,
    sealer: { seal: (_purpose, text) => text, open: (_purpose, sealed) => sealed },
    newName: () => 'abcdefgh',
  })
  assert.ok(!(answer instanceof Response))
  return { page: answer.toString(), asked }
}

test('an object without any of its fields is asked about, and nothing is checked', async () => {
  const { page, asked } = await post([['object', 'issues'], ['count:issues', '2']])
  assert.deepEqual(asked, [])
  assert.match(page, /No field of issues is chosen: choose some, or leave the object out\./)
  assert.match(page, /name="object" value="issues"\s+checked/)
  assert.doesNotMatch(page, /name="field:issues" value="\w+"\s+checked/, 'as it was left')
  const none = await post([['count:issues', '2']])
  assert.deepEqual(none.asked, [])
  assert.match(none.page, /Choose at least one object\./)
})

test('some fields are some, and all are all that the platform will have', async () => {
  const ticked = [['object', 'issues'], ['count:issues', '2'], ['field:issues', 'title']] as const
  const some = await post(ticked)
  assert.deepEqual((some.asked[0] as { fields: unknown }).fields, { issues: ['title'] })
  const all = await post([...ticked, ['field:issues', 'body']])
  assert.equal('fields' in (all.asked[0] as object), false)
})
