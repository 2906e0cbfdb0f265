// A service over real HTTP clients, the sandbox as the five platforms, and a browser that keeps cookies and goes where it
// is sent.

import { createHttp, type Http } from '../../../src/lib/http.ts'
import type { Platform, SyncedTable } from '../../../src/mutation/table.ts'
import type { Mutation, Values } from '../../../src/mutation/mutation.ts'
import { deadlineIn } from '../../../src/lib/deadline.ts'
import { adapterFor } from '../../../src/platforms/index.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import type { Service, ServiceDeps } from '../../../src/service/service.ts'
import { connectLink } from '../../../src/service/oauth/link.ts'
import { type Credential, readConnection, saveConnection } from '../../../src/store/connections.ts'
import { saveDatabase } from '../../../src/store/databases.ts'
import { saveOAuthApp } from '../../../src/store/oauth-apps.ts'
import { saveSync } from '../../../src/store/syncs.ts'
import type { Store } from '../../../src/store/store.ts'
import { address } from '../../store/help.ts'
import { post, type TestService, testService } from '../help.ts'

export const publicUrl = 'http://sluice.test'

/** What the flow of each platform is tried with. */
export const tries: Readonly<
  Record<Platform, { object: string; values: Values; settings?: Record<string, unknown> }>
> = {
  salesforce: { object: 'Contact', values: { last_name: 'Atreides' } },
  hubspot: { object: 'contacts', values: { email: 'paul@dune.co' } },
  stripe: { object: 'customers', values: { email: 'paul@dune.co' } },
  airtable: {
    object: 'Contacts',
    values: { name: 'Paul' },
    settings: { base: 'appSandbox0000001' },
  },
  github: {
    object: 'issues',
    values: { repository: 'octo/hello', title: 'Spice' },
    settings: { repositories: ['octo/hello'] },
  },
}

export interface Bench {
  readonly url: string
  readonly sandbox: Sandbox
  readonly http: Http
  readonly store: Store
  readonly service: TestService
  /** One more service process on the same store. */
  another(deps?: Partial<ServiceDeps>): Promise<TestService>
  /** Makes the connection as if nobody had connected it yet; gives its id. */
  connection(platform: Platform, credential?: Credential): Promise<string>
  /** The link that `sluice connect` prints. */
  link(
    id: string,
    more?: { expiresAt?: number; anyAccount?: boolean; returnTo?: string },
  ): Promise<string>
  /** The exchanges of the sandbox, as it logged them. */
  exchanges(): Promise<SandboxExchange[]>
  close(): Promise<void>
}

export interface SandboxExchange {
  readonly platform: string
  readonly method: string
  readonly url: string
  readonly status: number
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: string
  readonly responseBody: string
}

let count = 0

export async function createBench(url: string, store: Store): Promise<Bench> {
  const sandbox = await startSandbox({ port: 0 })
  const http = createHttp()
  const services: TestService[] = []
  const another = async (deps: Partial<ServiceDeps> = {}) => {
    const parts = { http, adapterFor, publicUrl, ...deps }
    const service = await testService(url, adapterFor('salesforce'), parts)
    services.push(service)
    return service
  }
  for (const platform of Object.keys(tries) as Platform[]) {
    const { oauth } = adapterFor(platform)
    const at = (address: string) => sandbox.platformUrl(platform) + new URL(address).pathname
    const [authorizeUrl, tokenUrl] = [at(oauth.authorizeUrl), at(oauth.tokenUrl)]
    const client = { clientId: 'sandbox', clientSecret: 'sandbox' }
    await saveOAuthApp(store, { platform, ...client, authorizeUrl, tokenUrl })
  }
  return {
    url,
    sandbox,
    http,
    store,
    service: await another(),
    another,
    connection: async (platform, credential) => {
      const id = `${platform}_${++count}`
      const { oauth } = adapterFor(platform)
      await saveConnection(store, {
        id,
        platform,
        baseUrl: sandbox.platformUrl(platform),
        settings: tries[platform].settings ?? {},
        tokenUrl: sandbox.platformUrl(platform) + new URL(oauth.tokenUrl).pathname,
        clientId: 'sandbox',
        credential: credential ?? { kind: 'oauth', refreshToken: '' },
      }, { state: credential === undefined ? 'revoked' : 'active' })
      return id
    },
    link: async (id, more = {}) => {
      const terms = { expiresAt: Date.now() + 300_000, anyAccount: false, ...more }
      const connection = await readConnection(store, id)
      return connectLink({ publicUrl, keyring: store.keyring }, connection, terms)
    },
    exchanges: async () => {
      const response = await fetch(`${sandbox.url}/_exchanges`)
      const lines = (await response.text()).split('\n').filter((line) => line !== '')
      return lines.map((line) => JSON.parse(line) as SandboxExchange)
    },
    close: async () => {
      await Promise.all(services.map((each) => each.close()))
      await Promise.all([http.close(), sandbox.close()])
    },
  }
}

export interface Answer {
  readonly status: number
  readonly location: string
  readonly cookies: readonly string[]
  readonly headers: Headers
  readonly body: string
}

/** Who opens links. */
export interface Browser {
  /** One request to a service, with the cookies that it set; redirects are not followed. */
  open(service: Pick<Service, 'app'>, address: string): Promise<Answer>
  /** The start link, and a click on what its page offers. */
  start(service: Pick<Service, 'app'>, link: string): Promise<Answer>
  /** The start link, the platform's consent, and the address at which it sends the browser back. */
  consent(service: Pick<Service, 'app'>, link: string): Promise<string>
}

export function createBrowser({ accept = 'text/html' }: { accept?: string } = {}): Browser {
  const cookies = new Map<string, string>()
  const open: Browser['open'] = async ({ app }, address) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { accept, ...(cookie === '' ? {} : { cookie }) }
    const response = await app.request(address, { headers })
    const set = response.headers.getSetCookie()
    for (const line of set) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return {
      status: response.status,
      location: response.headers.get('location') ?? '',
      cookies: set,
      headers: response.headers,
      body: await response.text(),
    }
  }
  const start: Browser['start'] = async (service, link) => {
    const shown = await open(service, link)
    const onward = onwardIn(shown)
    return onward === null ? shown : await open(service, new URL(onward, link).href)
  }
  return {
    open,
    start,
    consent: async (service, link) => await consentAt((await start(service, link)).location),
  }
}

/** The link on the page that an address to connect an account shows; null: there is none. */
export function onwardIn({ body }: Pick<Answer, 'body'>): string | null {
  const [, href] = /<a href="([^"]+)">Continue to /.exec(body) ?? []
  return href?.replaceAll('&amp;', '&') ?? null
}

/** The person at the platform agrees: where the browser is sent. */
export async function consentAt(location: string): Promise<string> {
  const response = await fetch(location, { redirect: 'manual' })
  await response.text()
  return response.headers.get('location') ?? `${response.status}`
}

/** Makes a sync of the connection with the table of its try; gives the table. */
export async function syncOf(bench: Bench, platform: Platform, id: string): Promise<SyncedTable> {
  const { store, service } = bench
  const caller = await service.callerFor(id, { deadline: deadlineIn(120_000) })
  const adapter = adapterFor(platform)
  const shapes = await adapter.describe([tries[platform].object], caller)
  const syncId = `sync_${id}`
  const tables = shapes.map((shape) => ({ ...shape, syncId, platform, schema: platform }))
  await saveDatabase(store, { id: syncId, address }, { random: (size) => new Uint8Array(size) })
  const sync = { id: syncId, connectionId: id, databaseId: syncId, schema: platform, tables }
  await saveSync(store, { ...sync, users: [] })
  const [table] = tables
  if (table === undefined) throw new Error(`${platform} describes no table`)
  return table
}

/** Inserts a row into the table, as a listener has it done. */
export async function insert(service: TestService, table: SyncedTable) {
  const { syncId, schema, name, platform } = table
  const mutation: Mutation = {
    id: crypto.randomUUID(),
    syncId,
    schema,
    table: name,
    operation: 'insert',
    rows: [{ ordinal: 1, id: null, values: tries[platform].values }],
  }
  return (await post(service, mutation, { waitMs: 120_000 })).body
}
