// Goal: an account is connected by whoever has a link for it, once, in the browser that began, and by nobody else.
// Method: the service, a browser with cookies, and the sandbox as the five platforms, which check code, redirect address
// and PKCE by themselves.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { platforms } from '../../../src/mutation/table.ts'
import { type Connection, readConnection, saveConnection } from '../../../src/store/connections.ts'
import { readOAuthApp, saveOAuthApp } from '../../../src/store/oauth-apps.ts'
import type { Store } from '../../../src/store/store.ts'
import { testCluster } from '../../help/cluster.ts'
import { testStore } from '../../store/help.ts'
import {
  type Bench,
  consentAt,
  createBench,
  createBrowser,
  insert,
  onwardIn,
  publicUrl,
  syncOf,
} from './help.ts'

const cluster = await testCluster()
let store: Store
let bench: Bench

before(async () => {
  const url = await cluster.createDatabase()
  store = await testStore(url)
  bench = await createBench(url, store)
})

after(async () => {
  await bench?.close()
  await store?.close()
  await cluster.stop()
})

/** Asserts that nothing about the connection has changed. */
async function assertUntouched(before: Connection): Promise<void> {
  assert.deepEqual(await readConnection(store, before.id), before)
}

function tokenOf(connection: Connection): string | undefined {
  return connection.credential.kind === 'oauth' ? connection.credential.accessToken : undefined
}

for (const platform of platforms) {
  test(`${platform}: an account is connected with a link, and a mutation uses its tokens`, async () => {
    const { service, sandbox } = bench
    const id = await bench.connection(platform)
    const browser = createBrowser()
    const back = await browser.consent(service, await bench.link(id))
    assert.ok(back.startsWith(`${publicUrl}/oauth/${platform}/callback?`), back)
    const answer = await browser.open(service, back)
    assert.equal(answer.status, 200, answer.body)
    assert.match(answer.body, /is connected/)
    const connected = await readConnection(store, id)
    assert.equal(connected.state, 'active')
    assert.equal(connected.baseUrl, sandbox.platformUrl(platform))
    const outcome = await insert(service, await syncOf(bench, platform, id))
    assert.equal(outcome.state, 'accepted', JSON.stringify(outcome))
    const used = (await bench.exchanges()).at(-1)?.requestHeaders['authorization'] ?? ''
    assert.ok(used.endsWith(tokenOf(connected) ?? 'no token'))
  })
}

test('where the platform takes a code challenge, it gets one, and the verifier proves it', async () => {
  for (const platform of platforms) {
    const id = await bench.connection(platform)
    const browser = createBrowser()
    const { location } = await browser.start(bench.service, await bench.link(id))
    const asked = new URL(location).searchParams
    const taken = ['salesforce', 'airtable', 'github'].includes(platform)
    assert.equal(asked.get('code_challenge_method'), taken ? 'S256' : null, platform)
    assert.match(asked.get('state') ?? '', /^[\w-]{43}$/)
    if (!taken) continue
    const before = await readConnection(store, id)
    const forged = new URL(location)
    forged.searchParams.set('code_challenge', 'A'.repeat(43))
    const answer = await browser.open(bench.service, await consentAt(forged.href))
    assert.equal(answer.status, 401, answer.body)
    assert.match(answer.body, /The token endpoint answered/)
    await assertUntouched(before)
  }
})

test('a state serves once', async () => {
  const id = await bench.connection('salesforce')
  const browser = createBrowser({ accept: 'application/json' })
  const back = await browser.consent(bench.service, await bench.link(id))
  assert.equal((await browser.open(bench.service, back)).status, 200)
  const connected = await readConnection(store, id)
  const again = await browser.open(bench.service, back)
  assert.equal(again.status, 400)
  assert.equal(again.headers.get('content-type'), 'application/problem+json')
  assert.equal(JSON.parse(again.body).code, 'bad_request')
  await assertUntouched(connected)
})

test('a state that is forged, of another platform, of another browser or too old connects nothing', async () => {
  const id = await bench.connection('salesforce')
  const before = await readConnection(store, id)
  const { service } = bench
  const cases: Record<string, () => Promise<number>> = {
    forged: async () => {
      const browser = createBrowser()
      const back = new URL(await browser.consent(service, await bench.link(id)))
      back.searchParams.set('state', 'A'.repeat(43))
      return (await browser.open(service, back.href)).status
    },
    platform: async () => {
      const browser = createBrowser()
      const back = await browser.consent(service, await bench.link(id))
      return (await browser.open(service, back.replace('/salesforce/', '/airtable/'))).status
    },
    browser: async () => {
      const back = await createBrowser().consent(service, await bench.link(id))
      return (await createBrowser().open(service, back)).status
    },
    old: async () => {
      const browser = createBrowser()
      const back = await browser.consent(service, await bench.link(id))
      await store.sql`update sluice_store.oauth_states set expires_at = now()`
      return (await browser.open(service, back)).status
    },
    none: async () =>
      (await createBrowser().open(service, `${publicUrl}/oauth/salesforce/callback?code=x`)).status,
  }
  for (const [name, status] of Object.entries(cases)) {
    assert.equal(await status(), 400, name)
    await assertUntouched(before)
  }
  const tokens = (await bench.exchanges()).filter(({ url }) => url.endsWith('/oauth2/token'))
  const codes = tokens.filter(({ requestBody }) => requestBody.includes('authorization_code'))
  assert.ok(codes.every(({ status }) => status === 200 || status === 400))
})

test('a state is ten minutes good, as a cookie for its own callback only, and secure on https', async () => {
  const id = await bench.connection('hubspot')
  const { cookies } = await createBrowser().start(bench.service, await bench.link(id))
  assert.equal(cookies.length, 1)
  const [cookie = ''] = cookies
  assert.match(cookie, /^sluice_oauth_[0-9a-f]{16}=[\w-]{43};/)
  assert.match(cookie, /; Max-Age=600(;|$)/)
  assert.match(cookie, /; HttpOnly(;|$)/)
  assert.match(cookie, /; SameSite=Lax(;|$)/)
  assert.match(cookie, /; Path=\/oauth\/hubspot\/callback(;|$)/)
  assert.doesNotMatch(cookie, /Secure/)
  const safe = await bench.another({ publicUrl: 'https://sluice.test/behind' })
  const secure = await createBrowser().start(safe, await bench.link(id))
  assert.match(secure.cookies[0] ?? '', /; Path=\/behind\/oauth\/hubspot\/callback; .*Secure/)
  const [row] = await store.sql`
    select expires_at - made_at as wait, id, details
    from sluice_store.oauth_states order by made_at desc limit 1`
  assert.equal(String(row?.['wait']), '00:10:00')
  const { searchParams } = new URL(secure.location)
  assert.ok(
    !Buffer.from(row?.['details'] as Uint8Array).includes(id) &&
      row?.['id'] !== searchParams.get('state'),
  )
})

test('a person who says no is told so, in words that cannot become a page of their own', async () => {
  const id = await bench.connection('github')
  const before = await readConnection(store, id)
  const browser = createBrowser()
  const { location } = await browser.start(bench.service, await bench.link(id))
  const back = new URL(`${publicUrl}/oauth/github/callback`)
  back.searchParams.set('state', new URL(location).searchParams.get('state') ?? '')
  back.searchParams.set('error', 'access_denied')
  back.searchParams.set('error_description', '<script>alert(1)</script>')
  const answer = await browser.open(bench.service, back.href)
  assert.equal(answer.status, 403)
  assert.match(answer.body, /access_denied: &lt;script&gt;/)
  assert.ok(!answer.body.includes('<script'))
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  await assertUntouched(before)
  const [, again = ''] = /href="([^"]+)">Try again/.exec(answer.body) ?? []
  const second = await browser.consent(bench.service, again.replaceAll('&amp;', '&'))
  assert.equal((await browser.open(bench.service, second)).status, 200)
  assert.equal((await readConnection(store, id)).state, 'active')
})

test('a person who says no gets a link that is good for as long as the first one, and no longer', async () => {
  const start = Date.now()
  let clock = start
  const service = await bench.another({ now: () => clock })
  const id = await bench.connection('github')
  const decline = async (link: string) => {
    const browser = createBrowser()
    const { location } = await browser.start(service, link)
    const back = new URL(`${publicUrl}/oauth/github/callback`)
    back.searchParams.set('state', new URL(location).searchParams.get('state') ?? '')
    back.searchParams.set('error', 'access_denied')
    const finish = async () => {
      const { status, body } = await browser.open(service, back.href)
      assert.equal(status, 403)
      const [, again = ''] = /href="([^"]+)">Try again/.exec(body) ?? []
      return again.replaceAll('&amp;', '&')
    }
    return { finish }
  }
  let link = await bench.link(id, { expiresAt: start + 120_000, anyAccount: true })
  const ticket = new URL(link).searchParams.get('ticket')
  for (const afterMs of [0, 60_000, 110_000]) {
    clock = start + afterMs
    link = await (await decline(link)).finish()
    assert.equal(new URL(link).searchParams.get('ticket'), ticket)
  }
  const late = await decline(link)
  clock = start + 120_000
  assert.equal(await late.finish(), '', 'it was over meanwhile')
  assert.equal((await createBrowser().open(service, link)).status, 401)
})

test('a link that is forged, expired, used or of another connection begins nothing', async () => {
  const id = await bench.connection('salesforce')
  const other = await bench.connection('salesforce')
  const good = await bench.link(id)
  const links: Record<string, string> = {
    forged: `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
    unsigned: good.replace(/&ticket=.*$/, ''),
    empty: good.replace(/&ticket=.*$/, '&ticket='),
    expired: await bench.link(id, { expiresAt: Date.now() - 1_000 }),
    prolonged: good.replace(/(ticket=\w+\.)(\d+)/, (_all, start: string, end: string) => {
      return start + String(Number(end) + 1)
    }),
    'another connection': good.replace(id, other),
    'no connection': good.replace(id, 'nobody'),
    'another platform': good.replace('/salesforce/', '/hubspot/'),
  }
  for (const [name, link] of Object.entries(links)) {
    const answer = await createBrowser().open(bench.service, link)
    assert.deepEqual([answer.status, answer.location, answer.cookies], [401, '', []], name)
  }
  const browser = createBrowser()
  const back = await browser.consent(bench.service, good)
  assert.equal((await browser.open(bench.service, back)).status, 200)
  assert.equal((await browser.open(bench.service, good)).status, 401)
})

test('of two who are connecting the same account the second is told', async () => {
  const id = await bench.connection('salesforce')
  const [one, two] = [createBrowser(), createBrowser()]
  const link = await bench.link(id)
  const backs = [await one.consent(bench.service, link), await two.consent(bench.service, link)]
  assert.equal((await one.open(bench.service, backs[0] ?? '')).status, 200)
  const connected = await readConnection(store, id)
  const late = await two.open(bench.service, backs[1] ?? '')
  assert.equal(late.status, 400)
  assert.match(late.body, /was changed meanwhile/)
  await assertUntouched(connected)
})

test('another process may take the callback', async () => {
  const id = await bench.connection('airtable')
  const other = await bench.another()
  const browser = createBrowser()
  const back = await browser.consent(bench.service, await bench.link(id))
  assert.equal((await browser.open(other, back)).status, 200)
  assert.equal((await readConnection(store, id)).state, 'active')
})

test('a browser returns to a path of ours or to an allowed origin, and nowhere else', async () => {
  const service = await bench.another({ returnOrigins: ['https://app.example'] })
  const finish = async (returnTo: string) => {
    const id = await bench.connection('salesforce')
    const browser = createBrowser()
    const started = await browser.start(service, await bench.link(id, { returnTo }))
    if (started.status !== 302) return started.status
    return (await browser.open(service, await consentAt(started.location))).location
  }
  assert.equal(await finish('/console?x=1'), `${publicUrl}/console?x=1`)
  assert.equal(await finish('https://app.example/done'), 'https://app.example/done')
  const bad = [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    'https://app.example@evil.example/',
    'http://app.example/',
    'javascript:alert(1)',
    'blob:https://app.example/done',
    `blob:${publicUrl}/done`,
    'https://user:pass@app.example/',
  ]
  for (const returnTo of bad) assert.equal(await finish(returnTo), 400, returnTo)
})

test('a connection does not change to another account unless its link says so', async () => {
  const id = await bench.connection('salesforce')
  const { state: _, given: __, ...before } = await readConnection(store, id)
  await saveConnection(store, { ...before, account: '00D000000000other' })
  const untouched = await readConnection(store, id)
  const connect = async (anyAccount: boolean) => {
    const browser = createBrowser()
    const back = await browser.consent(bench.service, await bench.link(id, { anyAccount }))
    return await browser.open(bench.service, back)
  }
  const refused = await connect(false)
  assert.equal(refused.status, 400)
  assert.match(refused.body, /another account/)
  await assertUntouched(untouched)
  assert.equal((await connect(true)).status, 200)
  assert.match((await readConnection(store, id)).account ?? '', /^00D5/)
})

for (const platform of platforms) {
  test(`${platform}: the account is known once it is connected, and another one is refused`, async () => {
    const id = await bench.connection(platform)
    const connect = async (anyAccount = false) => {
      const browser = createBrowser()
      const back = await browser.consent(bench.service, await bench.link(id, { anyAccount }))
      return await browser.open(bench.service, back)
    }
    assert.equal((await connect()).status, 200)
    const { account } = await readConnection(store, id)
    assert.match(account ?? 'unknown', /\d/)
    assert.equal((await connect()).status, 200)
    await store.sql`update sluice_store.connections set account = 'another' where id = ${id}`
    const untouched = await readConnection(store, id)
    const refused = await connect()
    assert.equal(refused.status, 400)
    assert.match(refused.body, /another account/)
    await assertUntouched(untouched)
    assert.equal((await connect(true)).status, 200)
    assert.equal((await readConnection(store, id)).account, account)
  })
}

test('an account that the platform will not name is not connected', async () => {
  const id = await bench.connection('github')
  const before = await readConnection(store, id)
  const service = await bench.another({
    http: {
      ...bench.http,
      send: async (request) => {
        if (!request.url.endsWith('/user')) return await bench.http.send(request)
        return { status: 503, headers: {}, body: 'no server is available' }
      },
    },
  })
  const browser = createBrowser()
  const answer = await browser.open(service, await browser.consent(service, await bench.link(id)))
  assert.equal(answer.status, 502)
  assert.match(answer.body, /GET \/user answered 503/)
  await assertUntouched(before)
})

test('while an account is unknown no error has a link for it', async () => {
  for (const account of [undefined, 'usrKnown']) {
    const id = await bench.connection('airtable', { kind: 'oauth', refreshToken: 'sandbox' })
    const table = await syncOf(bench, 'airtable', id)
    await store.sql`
      update sluice_store.connections set state = 'revoked', account = ${account ?? null}
      where id = ${id}`
    const { fault } = await insert(await bench.another(), table)
    assert.equal(fault?.sqlstate, '28000')
    const { hint = '' } = fault as { hint?: string }
    const command = `Connect the account again: sluice connect --connection ${id}`
    if (account === undefined) assert.equal(hint, command)
    else assert.match(hint, /^Connect the account again: http:\S+ticket=/)
    bench.sandbox.reset()
  }
})

test('a link shows what it would connect, and nothing begins without a click on that very page', async () => {
  const { service } = bench
  const id = await bench.connection('hubspot')
  const link = await bench.link(id)
  const states = async () => {
    const [row] = await store.sql`
      select count(*)::int as count from sluice_store.oauth_states where connection_id = ${id}`
    return Number(row?.['count'])
  }
  const [one, two] = [createBrowser(), createBrowser()]
  const shown = await one.open(service, link)
  assert.equal(shown.status, 200)
  assert.match(shown.body, /connect a hubspot account to connection &quot;hubspot_\d+&quot;/)
  assert.match(shown.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
  assert.match(shown.cookies[0] ?? '', /; Path=\/oauth\/hubspot\/start; HttpOnly; SameSite=Strict$/)
  const onward = new URL(onwardIn(shown) ?? '', link).href
  // in a browser that was not shown the page, or was shown another one, the click is only another look at it
  for (const prepare of [async () => {}, async () => void await two.open(service, link)]) {
    await prepare()
    const { status, location } = await two.open(service, onward)
    assert.deepEqual([status, location], [200, ''])
  }
  assert.equal(await states(), 0)
  const begun = await one.open(service, onward)
  assert.equal(begun.status, 302)
  assert.match(begun.location, /\/oauth\/authorize\?/)
  assert.equal(await states(), 1)
})

test('a connection keeps its own place to log in: a sandbox or a My Domain', async () => {
  const id = await bench.connection('salesforce')
  const { state: _, given: __, ...before } = await readConnection(store, id)
  const tokenUrl = 'https://dune.my.salesforce.com/services/oauth2/token'
  await saveConnection(store, { ...before, tokenUrl })
  const { location } = await createBrowser().start(bench.service, await bench.link(id))
  assert.ok(location.startsWith('https://dune.my.salesforce.com/services/oauth2/authorize?'))
})

for (const platform of platforms) {
  test(`${platform}: where the app's secret is wrong, whoever connects hears that, and with the right one it works`, async () => {
    const app = await readOAuthApp(store, platform)
    const id = await bench.connection(platform)
    const before = await readConnection(store, id)
    const browser = createBrowser()
    const { service } = bench
    await saveOAuthApp(store, { ...app, clientSecret: 'pasted-wrong' })
    const back = await browser.consent(service, await bench.link(id))
    const answer = await browser.open(service, back)
    await saveOAuthApp(store, app)
    assert.equal(answer.status, 401, answer.body)
    assert.match(answer.body, /Look whether the app(&#39;|')s client id and secret are right/)
    assert.match(answer.body, new RegExp(`sluice apps set --platform ${platform}`))
    assert.ok(!answer.body.includes('pasted-wrong'))
    await assertUntouched(before)
    const again = await browser.open(
      service,
      await browser.consent(service, await bench.link(id)),
    )
    assert.equal(again.status, 200, again.body)
  })
}

test('an account whose app is not registered, or changes meanwhile, is not connected', async () => {
  const id = await bench.connection('stripe')
  const link = await bench.link(id)
  const browser = createBrowser()
  const back = await browser.consent(bench.service, link)
  const app = { platform: 'stripe', clientId: 'another', clientSecret: 'another' } as const
  await saveOAuthApp(store, app)
  assert.equal((await browser.open(bench.service, back)).status, 400)
  await store.sql`delete from sluice_store.oauth_apps where id = 'stripe'`
  const answer = await browser.open(bench.service, link)
  assert.equal(answer.status, 404)
  assert.match(answer.body, /sluice apps set/)
})

test('a revoked grant gives 28000 with a link, and with it the account works again', async () => {
  const id = await bench.connection('salesforce')
  const connect = async (link: string) => {
    const browser = createBrowser()
    return await browser.open(bench.service, await browser.consent(bench.service, link))
  }
  await connect(await bench.link(id))
  const table = await syncOf(bench, 'salesforce', id)
  bench.sandbox.reset() // every grant that the platform has given is gone
  const refused = await insert(bench.service, table)
  assert.deepEqual([refused.state, refused.fault?.sqlstate], ['refused', '28000'])
  const hint = (refused.fault as { hint?: string } | undefined)?.hint ?? ''
  const [, link = ''] = /^Connect the account again: (http\S+)$/.exec(hint) ?? []
  assert.equal((await readConnection(store, id)).state, 'revoked')
  const kept = await store.sql`select outcome::text as outcome from sluice_store.mutations
    where sync_id = ${`sync_${id}`} order by received_at desc limit 1`
  const outcome = String(kept[0]?.['outcome'])
  assert.match(outcome, /sluice connect --connection/)
  assert.doesNotMatch(`${outcome}${bench.service.lines.join()}`, /ticket=/)
  assert.equal((await connect(link)).status, 200, link)
  assert.equal((await insert(bench.service, table)).state, 'accepted')
})

test('two hundred callers at two processes use up a single-use refresh token once', async () => {
  const id = await bench.connection('airtable')
  const browser = createBrowser()
  const back = await browser.consent(bench.service, await bench.link(id))
  await browser.open(bench.service, back)
  const ended = tokenOf(await readConnection(store, id))
  const both = [bench.service, await bench.another()]
  const grants = async () => {
    const all = await bench.exchanges()
    return all.filter(({ url, requestBody }) =>
      url === '/airtable/oauth2/v1/token' && requestBody.includes('refresh_token')
    ).length
  }
  const before = await grants()
  const tokens = await Promise.all(Array.from({ length: 200 }, async (_, number) => {
    const service = both[number % 2] ?? bench.service
    return await (await service.callerFor(id, { deadline: deadlineIn(120_000) })).token(ended)
  }))
  assert.equal(new Set(tokens).size, 1)
  assert.notEqual(tokens[0], ended)
  assert.equal(await grants(), before + 1)
})

test('a refused key says where to put a new one', async () => {
  const id = await bench.connection('hubspot', { kind: 'key', key: 'sandbox' })
  const table = await syncOf(bench, 'hubspot', id)
  const { state: _, given: __, ...before } = await readConnection(store, id)
  await saveConnection(store, { ...before, credential: { kind: 'key', key: 'wrong' } })
  const service = await bench.another()
  const { fault } = await insert(service, table)
  assert.equal(fault?.sqlstate, '28000')
  const hint = (fault as { hint?: string } | undefined)?.hint ?? ''
  assert.ok(hint.includes(`sluice connections set-key --connection ${id}`), hint)
})
