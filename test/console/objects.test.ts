// Goal: what is ticked is what is synced, and nothing that nobody has ticked. Method: the step of the console with an API and
// a sealer that the test plays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from 'hono'
import type { Api } from '../../src/console/api.ts'
import { loadAssets } from '../../src/console/assets.ts'
import { checkPage } from '../../src/console/checks.ts'
import { objectsPage } from '../../src/console/create.ts'
import type { Draft } from '../../src/console/draft.ts'
import type { Handler } from '../../src/console/visit.ts'

const field = { field: 'title', name: 'title', type: 'text', required: false, writable: true }
const objects = [{ object: 'issues', name: 'issues', fields: [field, { ...field, field: 'body' }] }]
const custom = ['Project__c', 'Visit__c']
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
  { handler = checkPage, from = draft }: { handler?: Handler; from?: Draft } = {},
): Promise<{ page: string; asked: readonly unknown[] }> {
  const asked: unknown[] = []
  const api: Api = {
    get: <T>() => Promise.resolve({ objects, custom } as T),
    send: <T>(_method: string, _path: unknown, options: { body?: unknown } = {}) => {
      asked.push(options.body)
      const body = { sync: 's', schema: 's', tables: [], findings: [], makes: [], login: null }
      return Promise.resolve({ status: 200, body: { ...body, made: false } as T })
    },
  }
  const answer = await handler({
    c: {} as Context,
    form: new URLSearchParams([
      ['draft', JSON.stringify(from)],
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

test('custom objects are offered and not chosen, others are named, and both stay as they were', async () => {
  const from: Draft = { ...draft, platform: 'salesforce' }
  const fresh = await post([], { handler: objectsPage, from })
  assert.match(fresh.page, /name="object" value="issues"\s+checked/)
  assert.match(fresh.page, /name="object" value="Project__c">/)
  assert.match(fresh.page, /<textarea id="others"[^>]*>\n<\/textarea>/)
  const given = [['object', 'issues'], ['count:issues', '2'], ['field:issues', 'title']] as const
  const { asked } = await post([
    ...given,
    ['object', 'Visit__c'],
    ['others', 'Case\r\n  Visit__c\r\n'],
  ], { from })
  const chosen = asked[0] as { objects: string[]; fields: unknown }
  assert.deepEqual(chosen.objects, ['issues', 'Visit__c', 'Case'], 'each once')
  assert.deepEqual(chosen.fields, { issues: ['title'] })
  const again = await post([], {
    handler: objectsPage,
    from: { ...from, objects: chosen.objects, fields: {} },
  })
  assert.match(again.page, /name="object" value="Visit__c"\s+checked/)
  assert.match(again.page, /name="object" value="Project__c">/)
  assert.match(again.page, /<textarea id="others"[^>]*>\nCase<\/textarea>/)
  const only = await post([['others', 'Case']], { from })
  assert.deepEqual((only.asked[0] as { objects: string[] }).objects, ['Case'])
})

test('where everything is offered nobody is asked for more', async () => {
  const { page } = await post([], { handler: objectsPage })
  assert.doesNotMatch(page, /id="others"/)
})
