// Goal: from nothing to a first mutation through the console alone, with a mouse, with the keyboard, and without script;
// every page can be read by everybody. Method: `npm start` in processes of its own, and a real browser.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import postgres from 'postgres'
import { noBastion, startBastion } from '../help/bastion.ts'
import { startSystem, type System, until } from '../help/system.ts'
import { startBrowser, withoutBrowser } from './browser.ts'
import { cutOff, findBarriers, findFaint, focused } from './inspect.ts'

const waitMs = 180_000

/** A page, and what it complained of. */
interface Visitor {
  readonly page: Page
  readonly complaints: string[]
  readonly context: BrowserContext
}

describe('the console in a browser', { skip: withoutBrowser }, () => {
  let system: System
  let browser: Browser
  let base: string

  before(async () => {
    system = await startSystem({
      env: {
        SLUICE_PLATFORMS: 'salesforce,stripe',
        SLUICE_SYNC: 'on',
        SLUICE_REGIONS: 'iad=iad.db.example.com:5432,fra=fra.db.example.com:5432',
      },
    })
    base = `http://localhost:${system.servicePort}`
    browser = await startBrowser()
  })
  after(async () => {
    await browser?.close()
    await system?.stop()
  })

  async function visit(
    options: { script?: boolean; scheme?: 'light' | 'dark'; width?: number } = {},
  ): Promise<Visitor> {
    const { script = true, scheme = 'light', width = 1280 } = options
    const context = await browser.newContext({
      javaScriptEnabled: script,
      colorScheme: scheme,
      viewport: { width, height: 800 },
    })
    context.setDefaultTimeout(waitMs)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        complaints.push(message.text())
      }
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.origin !== base) complaints.push(`a request to ${url.origin}`)
    })
    return { page, complaints, context }
  }

  async function logIn(page: Page): Promise<void> {
    await page.goto(`${base}/console`)
    await page.getByLabel('Administrator’s token').fill('sluice_demo_admin')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForURL(`${base}/console`)
  }

  /** Waits for the focus, which a browser gives after it has shown a page. */
  async function hasFocus(page: Page, name: RegExp): Promise<void> {
    await until(`the focus at ${name}`, async () => name.test(await focused(page)), { waitMs })
  }

  /** From the platform to the checks. */
  async function setUp(page: Page, { name }: { name: string }): Promise<void> {
    await page.getByRole('link', { name: 'New sync' }).click()
    await page.getByRole('link', { name: /^Stripe/ }).click()
    await page.getByText('With a key').click()
    const way = page.getByRole('form', { name: 'With a key' })
    await way.getByLabel('Name of the connection').fill(name)
    await way.getByLabel('Key', { exact: true }).fill('sandbox')
    await way.getByText('Another address').click()
    await way.getByLabel('Base URL of the API').fill(
      `http://127.0.0.1:${system.sandboxPort}/stripe`,
    )
    await way.getByRole('button', { name: 'Connect' }).click()
    await page.getByLabel('A new database, made here').check()
    await page.getByRole('button', { name: 'Choose objects' }).click()
    for (const box of await page.locator('input[name=object]').all()) {
      const value = await box.getAttribute('value')
      await box.setChecked(value === 'customers' || value === 'products')
    }
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await page.getByRole('heading', { name: 'Everything is in order' }).waitFor()
  }

  /** What the last page says, with the host of the listener that there is. */
  async function connectionUrl(page: Page): Promise<string> {
    const url = await page.locator('#url').innerText()
    assert.match(
      url,
      /^postgresql:\/\/app\.sync_\w+:[\w-]{20,}@iad\.db\.example\.com:5432\/sluice_/,
    )
    return url.replace('iad.db.example.com:5432', `127.0.0.1:${system.listenerPort}`)
  }

  async function writeCustomer(url: string, email: string, schema = 'stripe'): Promise<void> {
    const sql = postgres(url, { max: 1, ssl: { rejectUnauthorized: false }, onnotice: () => {} })
    try {
      await sql`insert into ${sql(schema)}.customers (email, name) values (${email}, 'Paul')`
    } finally {
      await sql.end()
    }
  }

  test('from nothing to a first mutation, which is seen live', async () => {
    const { page, complaints, context } = await visit()
    await logIn(page)
    await setUp(page, { name: 'shop' })
    await page.getByRole('button', { name: 'Create the sync' }).click()
    await page.getByText('The password is shown once').waitFor()
    await page.locator('#progress').getByText('All tables are filled').waitFor()
    await page.getByRole('status').getByText('All tables are filled').waitFor({ state: 'attached' })
    const url = await connectionUrl(page)
    const password = await page.locator('#new-password').innerText()
    await page.getByRole('link', { name: /^Go to sync_/ }).click()
    assert.ok(!(await page.content()).includes(password), 'the password is not shown again')
    await page.getByRole('link', { name: 'Mutations' }).last().click()
    await page.getByText('No mutation matches').waitFor()
    await writeCustomer(url, 'paul@dune.co')
    const row = page.getByRole('row', { name: /applied/ })
    await row.getByText('stripe.customers').waitFor()
    await row.getByRole('link').first().click()
    await page.getByRole('heading', { name: 'insert on stripe.customers' }).waitFor()
    const life = await page.locator('main').innerText()
    assert.match(life, /paul@dune\.co/)
    assert.match(life, /Who\s+app\b/)
    assert.deepEqual(await findBarriers(page), [])
    assert.deepEqual(complaints, [])
    await context.close()
  })

  test('the same without script', async () => {
    const { page, complaints, context } = await visit({ script: false })
    await logIn(page)
    await setUp(page, { name: 'shop_2' })
    await page.getByRole('button', { name: 'Create the sync' }).click()
    await page.getByText('The password is shown once').waitFor()
    await writeCustomer(await connectionUrl(page), 'jessica@dune.co')
    await page.getByRole('link', { name: /^Go to sync_/ }).click()
    await page.getByLabel('Region', { exact: true }).selectOption('fra')
    await page.getByRole('button', { name: 'Show' }).click()
    assert.match(await page.locator('#url').innerText(), /PASSWORD@fra\.db\.example\.com:5432/)
    await page.getByRole('link', { name: 'Mutations' }).last().click()
    await page.getByRole('cell', { name: 'stripe.customers' }).waitFor()
    assert.deepEqual(complaints, [])
    await context.close()
  })

  test('the same with the keyboard alone', async () => {
    const { page, context } = await visit()
    /** Goes on with Tab until this has the focus. */
    const to = async (name: RegExp) => {
      for (let steps = 0; steps < 200; steps++) {
        await page.keyboard.press('Tab')
        const at = await focused(page)
        assert.ok(!at.startsWith('UNSEEN'), `the focus is seen at ${at}`)
        if (name.test(at)) return
      }
      assert.fail(`Tab never comes to ${name}`)
    }
    const press = async (name: RegExp, key = 'Enter') => {
      await to(name)
      await page.keyboard.press(key)
    }
    const enter = async (name: RegExp, text: string) => {
      await to(name)
      await page.keyboard.press('Control+a')
      await page.keyboard.type(text)
    }
    await page.goto(`${base}/console`)
    await hasFocus(page, /token/) // without anybody's doing
    await page.keyboard.type('sluice_demo_admin')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${base}/console`)
    await press(/^New sync$/)
    await page.waitForURL(/\/new$/)
    await press(/^Stripe/)
    await page.waitForURL(/\/account/)
    await press(/^With a key$/)
    await enter(/^Name of the connection/, 'shop_3')
    await enter(/^Key$/, 'sandbox')
    await press(/^Another address$/)
    await enter(/^Base URL/, `http://127.0.0.1:${system.sandboxPort}/stripe`)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/database/)
    await press(/^Choose objects$/)
    await page.getByRole('heading', { name: 'Which objects' }).waitFor()
    await press(/^Check$/)
    await page.getByRole('heading', { name: 'Everything is in order' }).waitFor()
    await press(/^Create the sync$/)
    await page.getByText('The password is shown once').waitFor()
    await press(/^Go to sync_/)
    await page.getByRole('heading', { name: 'Connection Instructions' }).waitFor()
    await context.close()
  })

  test('an account is connected by logging in at the platform', async () => {
    const { page, context } = await visit()
    await logIn(page)
    await page.goto(`${base}/console/new/account?platform=salesforce`)
    const way = page.getByRole('form', { name: 'Log in at Salesforce' })
    await way.getByText('Another address').click()
    await way.getByLabel('Base URL').fill(`http://127.0.0.1:${system.sandboxPort}/salesforce`)
    await way.getByRole('button', { name: 'Continue to Salesforce' }).click()
    await page.getByRole('link', { name: /^Continue to / }).click()
    await page.getByRole('link', { name: 'Go on' }).click()
    await page.getByRole('heading', { name: 'Into which database?' }).waitFor()
    await context.close()
  })

  test(
    'a database behind an SSH server, whose key is wrong at first',
    { skip: noBastion },
    async () => {
      const bastion = await startBastion()
      try {
        await system.sql`create role behind_owner login createrole password 'owner-of-behind'`
        await system.sql`create database behind owner behind_owner`
        const { page, complaints, context } = await visit({ width: 390 })
        await logIn(page)
        await page.goto(`${base}/console/new/database?connection=demo_stripe`)
        await page.getByLabel('My own Postgres').check()
        await page.getByText('Through an SSH server').click()
        assert.deepEqual([...await findBarriers(page), ...await findFaint(page)], [])
        const secrets = async () => {
          const url =
            `postgres://behind_owner:owner-of-behind@127.0.0.1:${system.databasePort}/behind`
          await page.getByLabel('URL of the owner').fill(url)
          await page.getByLabel('Private key of the user').fill(bastion.ssh.privateKey)
          await page.getByLabel('Schema').fill('behind')
        }
        await secrets()
        await page.getByLabel('Host of the SSH server').fill(bastion.ssh.host)
        await page.getByLabel('Port of the SSH server').fill(String(bastion.ssh.port))
        await page.getByLabel('User there').fill(bastion.ssh.user)
        await page.getByLabel('Host key of the SSH server').fill(bastion.otherHostKey)
        await page.getByRole('button', { name: 'Choose objects' }).click()
        const ticked = page.locator('input[name=object]:checked')
        await page.getByRole('heading', { name: 'Which objects' }).waitFor()
        for (const box of await page.locator('input[name=object]').all()) {
          await box.setChecked(await box.getAttribute('value') === 'customers')
        }
        await page.getByRole('button', { name: 'Check', exact: true }).click()
        await page.getByText(/shows the host key .* is pinned/).waitFor()
        await page.getByRole('button', { name: 'Change the database' }).click()
        await page.getByLabel('Host key of the SSH server').fill(bastion.fingerprint)
        await secrets()
        await page.getByRole('button', { name: 'Choose objects' }).click()
        await page.getByRole('heading', { name: 'Which objects' }).waitFor()
        assert.equal(await ticked.count(), 1, 'what was chosen before')
        await page.getByRole('button', { name: 'Check', exact: true }).click()
        await page.getByRole('heading', { name: 'Everything is in order' }).waitFor()
        assert.match(await page.locator('main').innerText(), /showed the pinned key, let "\w+" in/)
        await page.getByRole('button', { name: 'Create the sync' }).click()
        await page.locator('#progress').getByText('All tables are filled').waitFor()
        const url = (await page.locator('#url').innerText()).replace(
          'iad.db.example.com:5432',
          `127.0.0.1:${system.listenerPort}`,
        )
        await writeCustomer(url, 'stilgar@dune.co', 'behind')
        assert.deepEqual(complaints, [])
        await context.close()
      } finally {
        await bastion.stop()
      }
    },
  )

  test('copying, choosing a region and pausing work as they look', async () => {
    const { page, complaints, context } = await visit()
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: base })
    await logIn(page)
    await page.getByRole('link', { name: 'sync_stripe' }).click()
    await page.getByLabel('Region', { exact: true }).selectOption('fra')
    await page.locator('#url').getByText('fra.db.example.com').waitFor()
    const copy = page.getByRole('button', { name: 'Copy Connection URL' })
    // it says so for two seconds, in which this process may stand still
    await page.evaluate(
      `globalThis.copySaid = []
      new MutationObserver(([{ target }]) => copySaid.push(target.textContent))
        .observe(document.querySelector('[data-copy=url]'), { childList: true })`,
    )
    await copy.click()
    await until(
      'the button to say that it has copied',
      async () => (await page.evaluate<string[]>('copySaid')).includes('Copied'),
    )
    const copied = await page.evaluate<string>('navigator.clipboard.readText()')
    assert.match(copied, /^postgresql:\/\/demo\.sync_stripe:PASSWORD@fra\.db\.example\.com:5432\//)
    await page.getByRole('link', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Pause the sync' }).click()
    await page.getByText('The sync is paused').waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByText('The sync is active again').waitFor()
    await page.getByLabel('Allowed addresses').fill('127.0.0.0/8\n::1/128')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The allowlist is saved').waitFor()
    assert.equal(await page.getByLabel('Allowed addresses').inputValue(), '127.0.0.0/8\n::1/128')
    await page.getByLabel('Allowed addresses').fill('10.0.0.0/33')
    await page.getByRole('button', { name: 'Save' }).click()
    const problem = page.getByRole('alert')
    await problem.getByText('not a range of addresses: "10.0.0.0/33"').waitFor()
    assert.match(await problem.innerText(), /\banywhere\b/)
    const field = page.getByLabel('Allowed addresses')
    assert.equal(await field.inputValue(), '10.0.0.0/33', 'what was typed is still there')
    await hasFocus(page, /Allowed addresses/)
    const y = (await problem.boundingBox())?.y ?? -1
    assert.ok(y >= 0 && y < 800, `what is wrong is seen without scrolling: ${y}`)
    assert.deepEqual([...await findBarriers(page), ...await findFaint(page)], [])
    await page.goto(page.url())
    assert.equal(await field.inputValue(), '127.0.0.0/8\n::1/128', 'nothing was saved')
    await field.fill('anywhere')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The allowlist is saved').waitFor()
    assert.equal(await field.inputValue(), '')
    assert.deepEqual(complaints, [])
    await context.close()
  })

  test('a page is live while somebody looks, and says so when it is not any more', async () => {
    const { page, context } = await visit()
    await logIn(page)
    const isLive = (request: { url(): string }) => request.url().endsWith('/live')
    const asks = () => page.waitForRequest(isLive, { timeout: waitMs })
    const ends = () => page.waitForEvent('requestfailed', { predicate: isLive, timeout: waitMs })
    const hide = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} })
        document.dispatchEvent(new Event('visibilitychange'))`,
      )
    const turn = (name: string) =>
      page.evaluate(`dispatchEvent(new PageTransitionEvent('${name}', { persisted: true }))`)
    await page.goto(`${base}/console/mutations`)
    await page.getByText('live', { exact: true }).waitFor()
    await Promise.all([ends(), hide(true)])
    await Promise.all([asks(), hide(false)])
    await page.getByText('live', { exact: true }).waitFor()
    // into the browser's memory, and out of it
    await Promise.all([ends(), turn('pagehide')])
    await Promise.all([asks(), turn('pageshow')])
    for (const place of ['mutations', 'syncs/sync_salesforce']) {
      await Promise.all([asks(), page.goto(`${base}/console/${place}`)])
      const cookies = await context.cookies()
      await hide(true)
      await context.clearCookies()
      await hide(false)
      await page.locator('main').getByText('not live – reload').waitFor()
      await page.getByRole('status').getByText('not live – reload').waitFor({ state: 'attached' })
      assert.deepEqual([...await findBarriers(page), ...await findFaint(page)], [], place)
      await context.addCookies(cookies)
    }
    await context.close()
  })

  test('a custom object is chosen, and one that there is not is told of with those there are', async () => {
    const { page, complaints, context } = await visit()
    await logIn(page)
    await page.goto(`${base}/console/new/database?connection=demo_salesforce`)
    await page.getByLabel('A new database, made here').check()
    await page.getByRole('button', { name: 'Choose objects' }).click()
    const offered = page.getByRole('checkbox', { name: /^Project__c/ })
    assert.equal(await offered.isChecked(), false)
    const others = page.getByLabel('Other objects')
    await others.fill('Projekt__c\nproject__c')
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    const found = await page.locator('.findings').innerText()
    assert.match(found, /no object "Projekt__c"[^]*Custom objects are Project__c\./)
    assert.match(found, /The object is called "Project__c"/)
    await page.getByRole('button', { name: 'Choose other objects' }).click()
    assert.equal(await others.inputValue(), 'Projekt__c\nproject__c')
    await others.fill('User')
    await offered.check()
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await page.getByRole('heading', { name: 'Everything is in order' }).waitFor()
    const makes = await page.locator('.makes').innerText()
    assert.match(makes, /salesforce\.project__c of Project__c/)
    assert.match(makes, /salesforce\.users of User/)
    assert.deepEqual(complaints, [])
    await context.close()
  })

  test('on a phone nothing is cut: rows are blocks, and whoever listens still hears a table', async () => {
    const { page, context } = await visit({ width: 375 })
    await logIn(page)
    for (const place of ['', '/syncs/sync_salesforce', '/mutations', '/limits', '/errors']) {
      await page.goto(`${base}/console${place}`)
      await page.locator('main').waitFor()
      assert.deepEqual(await cutOff(page), [], place)
    }
    await page.goto(`${base}/console/syncs/sync_salesforce`)
    const tables = page.getByRole('table', { name: 'Tables' })
    const row = tables.getByRole('row').filter({ hasText: 'salesforce.contacts' })
    await row.getByText('following').waitFor() // it may still be filled
    assert.match(await row.innerText(), /salesforce\.contacts\s[^]*Contact[^]*following/)
    assert.equal(await row.getByRole('cell').first().getAttribute('data-label'), 'Object')
    assert.equal(await tables.getByRole('columnheader').count(), 8)
    await context.close()
  })

  test('what keeps people out is found', async () => {
    const { page, context } = await visit()
    await page.setContent(`<title></title><h1>One</h1><h3>Three</h3><input id="a"><p id="a">
      <span style="color: #aaa">faint</span></p><button></button><table><tr><td>1</td></tr></table>
      <label for="nothing">For nothing</label><svg></svg><div style="width: 3000px">wide</div>`)
    const found = (await findBarriers(page)).join('\n')
    for (
      const barrier of [
        'no title',
        'not one main',
        'skips a level',
        'stands 2 times',
        'what this is for',
        'no name',
        'for leads nowhere',
        'no caption',
        'says nothing',
        'too small',
        'too wide',
      ]
    ) assert.ok(found.includes(barrier), barrier)
    assert.match((await findFaint(page)).join('\n'), /2\.\d+ to 1: "faint"/)
    await context.close()
  })

  test('everybody can read every page, by day, by night, and on a phone', async () => {
    const places = [
      '',
      '/syncs/sync_salesforce',
      '/syncs/sync_salesforce/doctor',
      '/syncs/sync_salesforce/confirm/drop',
      '/mutations',
      '/limits',
      '/errors',
      '/new',
      '/new/account?platform=github',
      '/new/database?connection=demo_stripe',
      '/nothing',
    ]
    for (const [scheme, width] of [['light', 1280], ['dark', 320]] as const) {
      const { page, complaints, context } = await visit({ scheme, width })
      await page.goto(`${base}/console/login`)
      assert.deepEqual([...await findBarriers(page), ...await findFaint(page)], [], 'login')
      await logIn(page)
      for (const place of places) {
        await page.goto(`${base}/console${place}`)
        const found = [...await findBarriers(page), ...await findFaint(page)]
        assert.deepEqual(found, [], `${place} ${scheme} ${width}`)
      }
      assert.deepEqual(complaints.filter((each) => !each.includes('404')), [])
      await context.close()
    }
  })
})
