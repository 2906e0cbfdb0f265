// Goal: a database of one's own is reached as the form says, through its SSH server too; what is missing is told, what is
// secret is on no page, and whoever goes back finds the rest as it was. Method: the steps of the console with an API and a
// sealer that the test plays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from 'hono'
import { type Api, ApiProblem } from '../../src/console/api.ts'
import { loadAssets } from '../../src/console/assets.ts'
import { checkPage, databaseAgain } from '../../src/console/checks.ts'
import { objectsPage } from '../../src/console/create.ts'
import type { Draft } from '../../src/console/draft.ts'
import type { Handler } from '../../src/console/visit.ts'
import { hostile } from './help.ts'

const key =
  '-----BEGIN OPENSSH PRIVATE KEY-----\r\nc2VjcmV0LWtleQ==\r\n-----END OPENSSH PRIVATE KEY-----'
const answers: Readonly<Record<string, unknown>> = {
  connections: { connections: [{ id: 'till', platform: 'github', kind: 'key', state: 'active' }] },
  databases: { databases: [] },
  place: { platforms: [], regions: [], outbound: [], hosted: true },
  objects: { objects: [], custom: [] },
}
const base = {
  connection: 'till',
  platform: 'github',
  database: 'url',
  url: 'postgres://owner:owners-secret@db.internal/app',
}
const ssh = {
  sshHost: 'bastion.example.com',
  sshPort: '2222',
  sshUser: 'tunnel',
  sshPrivateKey: key,
  sshHostKey: '# bastion.example.com:22 SSH-2.0\r\nbastion.example.com ssh-ed25519 AAAA',
}
/** What no page may show. */
const secret = /owners-secret|roles-secret|c2VjcmV0LWtleQ/

/** Posts a step, with an API that refuses to make anything. Gives the page, and the drafts that are sealed in it. */
async function post(
  handler: Handler,
  form: Readonly<Record<string, string>>,
): Promise<{ page: string; drafts: readonly Draft[] }> {
  const sealed: string[] = []
  const api: Api = {
    get: <T>(path: readonly string[]) => Promise.resolve(answers[path.at(-1) ?? ''] as T),
    send: () =>
      Promise.reject(
        new ApiProblem({
          status: 400,
          title: 'the private key is none',
          detail: '',
          hint: hostile,
        }),
      ),
  }
  const answer = await handler({
    c: { req: { query: () => undefined } } as unknown as Context,
    form: new URLSearchParams(form),
    view: { base: '/console', assets: loadAssets(), csrf: 'c', now: 0 },
    api,
    sealer: {
      seal: (_purpose, text) => `sealed${sealed.push(text) - 1}.`,
      open: (_purpose, text) => text === '' ? null : text,
    },
    newName: () => 'abcdefgh',
  })
  assert.ok(!(answer instanceof Response))
  return { page: answer.toString(), drafts: sealed.map((text) => JSON.parse(text) as Draft) }
}

const asForm = (draft: Draft | undefined) => JSON.stringify(draft)

test('a URL that is typed beside another choice is not passed over, and no page shows it', async () => {
  for (const database of ['hosted', 'known:db_1', '']) {
    const { page, drafts } = await post(objectsPage, { ...base, database })
    assert.match(page, /You have given a Postgres of your own and chosen another database/)
    assert.match(page, /value="url"\s+checked/)
    assert.doesNotMatch(page, secret)
    assert.deepEqual(drafts, [])
  }
  const { drafts: [draft] } = await post(objectsPage, { ...base, database: 'hosted', url: '' })
  assert.deepEqual(draft?.database, { hosted: true })
})

test('an SSH server is told of whole, with the lines of its keys as files have them', async () => {
  const { page, drafts: [draft] } = await post(objectsPage, {
    ...base,
    ...ssh,
    loginUrl: 'postgres://app:roles-secret@db.internal/app',
  })
  assert.match(page, /Which objects and fields\?/)
  assert.doesNotMatch(page, secret)
  assert.deepEqual(draft?.database, {
    url: base.url,
    loginUrl: 'postgres://app:roles-secret@db.internal/app',
    ssh: {
      host: 'bastion.example.com',
      port: 2222,
      user: 'tunnel',
      privateKey: `${key.replaceAll('\r\n', '\n')}\n`,
      hostKey: '# bastion.example.com:22 SSH-2.0\nbastion.example.com ssh-ed25519 AAAA',
    },
  })
  const usual = await post(objectsPage, { ...base, ...ssh, sshPort: '' })
  assert.match(JSON.stringify(usual.drafts[0]), /"port":22,/)
  const none = await post(objectsPage, { ...base, sshHost: ' ', sshPort: '' })
  assert.deepEqual(none.drafts[0]?.database, { url: base.url }, 'without any of it there is none')
})

test('what an SSH server lacks is told, and the rest is still in the form', async () => {
  const told = async (more: Readonly<Record<string, string>>) => {
    const { page, drafts } = await post(objectsPage, { ...base, ...ssh, ...more })
    assert.deepEqual(drafts, [])
    assert.doesNotMatch(page, secret)
    assert.match(page, /<details\s+open\s*>\s*<summary>Through an SSH server/)
    return page
  }
  const one = await told({ sshPrivateKey: '' })
  assert.match(one, /The SSH server lacks its private key\./)
  assert.match(one, /id="sshHost" name="sshHost" type="text" value="bastion\.example\.com"/)
  assert.match(one, /value="2222"/)
  assert.match(await told({ sshHost: '', sshHostKey: '' }), /lacks its host, host key\./)
  for (const sshPort of ['0', '65536', 'x', '1.5']) {
    assert.match(await told({ sshPort }), /is a number from 1 to 65535/, sshPort)
  }
  const bare = await post(objectsPage, { ...base, url: '' })
  assert.match(bare.page, /Give the URL of the database/)
  assert.doesNotMatch(bare.page, /<details\s+open/, 'what nobody has used is folded')
})

test('whoever changes the database finds what may be shown, and the objects as they were chosen', async () => {
  const { drafts: [first] } = await post(objectsPage, { ...base, ...ssh, ca: 'PEM of the CA' })
  const chosen = { ...first, objects: ['issues'], fields: { issues: ['title'] } } as Draft
  const again = await post(databaseAgain, { draft: asForm(chosen) })
  assert.match(again.page, /Into which database\?/)
  assert.doesNotMatch(again.page, secret)
  assert.match(again.page, /value="url"\s+checked/)
  for (const shown of ['value="tunnel"', 'ssh-ed25519 AAAA', 'PEM of the CA', 'value="sealed0."']) {
    assert.ok(again.page.includes(shown), shown)
  }
  const before = asForm(again.drafts[0])
  const { drafts: [second] } = await post(objectsPage, {
    ...base,
    url: 'postgres://other@host/d',
    before,
  })
  assert.deepEqual(second, { ...chosen, database: { url: 'postgres://other@host/d' } })
  const { drafts: [other] } = await post(objectsPage, { ...base, connection: 'else', before })
  assert.equal(other?.objects, 'all', 'another account has other objects')
})

test('what the API refuses is told above the form, which shows no secret', async () => {
  const { drafts: [draft] } = await post(objectsPage, { ...base, ...ssh })
  const refused = await post(checkPage, { draft: asForm(draft), object: 'issues' })
  assert.match(refused.page, /the private key is none/)
  assert.match(refused.page, /value="bastion\.example\.com"/)
  assert.doesNotMatch(refused.page, secret)
  assert.doesNotMatch(refused.page, /<script>alert|<img/)
})
