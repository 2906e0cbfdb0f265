// A service with its console, on a store of its own; what an administration answers, the test says.

import type { Hono } from 'hono'
import type { Http } from '../../src/lib/http.ts'
import { createLog } from '../../src/lib/log.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import type { Administration } from '../../src/service/admin/administration.ts'
import type { Place } from '../../src/service/admin/place.ts'
import { createService, type ServiceDeps } from '../../src/service/service.ts'
import { saveAdminToken } from '../../src/store/admin-tokens.ts'
import { createJournal } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import type { TestCluster } from '../help/cluster.ts'
import { testStore } from '../store/help.ts'

/** What must not run wherever it is shown. */
export const hostile = `"><script>alert('x')</script><img src=x onerror=alert(1)>'&`

export const adminToken = 'sluice_admin_of_the_console_tests_0123456789'

const noHttp: Http = {
  send: () => Promise.reject(new Error('No test sends HTTP')),
  close: () => Promise.resolve(),
}

export interface Stage {
  readonly app: Hono
  readonly store: Store
  readonly lines: string[]
  /** What was asked of the administration: name and arguments. */
  readonly calls: [string, unknown[]][]
  /** The test may put other functions in. */
  readonly administration: {
    rows: NonNullable<Administration['rows']>
    giveConnection: Administration['giveConnection']
  }
  /** Milliseconds since 1970. */
  now: number
  drain(): Promise<boolean>
  close(): Promise<void>
}

const finding = { level: 'warn', check: hostile, about: hostile, hint: hostile } as const
const login = {
  login: 'app.sync_test01',
  user: 'app',
  password: 'shown-once',
  url: 'postgresql://x',
  psql: '',
  urls: [{ region: 'iad', url: 'postgresql://x' }],
}

/** An administration of one sync, whose names are as bad as names can be. */
function hostileAdministration(
  calls: [string, unknown[]][],
): Administration & Required<Pick<Administration, 'rows'>> {
  const note = (name: string, args: unknown[]) => void calls.push([name, args])
  const say = <T>(name: string, answer: T) => (...args: unknown[]): Promise<T> => {
    note(name, args)
    return Promise.resolve(answer)
  }
  const made = {
    sync: 'sync_test01',
    schema: hostile,
    tables: [hostile],
    makes: [hostile],
    database: 'db',
  }
  return {
    create: (body, { dryRun }) => {
      note('create', [body, dryRun])
      const findings = [{ ...finding, level: 'ok' as const }]
      return Promise.resolve({ ...made, findings, made: !dryRun, login: dryRun ? null : login })
    },
    list: say('list', [{
      id: 'sync_test01',
      platform: 'salesforce' as const,
      schema: hostile,
      state: 'active' as const,
      allow: [hostile],
    }]),
    status: say('status', {
      id: 'sync_test01',
      platform: 'salesforce' as const,
      schema: hostile,
      state: 'active' as const,
      allow: [hostile],
      connection: hostile,
      database: 'db',
      selection: {},
      logins: ['app', hostile],
      webhook: null,
      tables: [{
        name: hostile,
        object: hostile,
        columns: 3,
        phase: 'failed' as const,
        listing: {
          why: 'fill' as const,
          pages: 1,
          rows: 5,
          total: 10,
          rowsPerSecond: 5,
          secondsLeft: 1,
        },
        filledAt: null,
        secondsBehind: 3,
        hints: 0,
        agreement: 0.9999,
        problem: { code: 'internal_error', message: hostile, hint: hostile },
        retired: [],
      }],
    }),
    setState: say('setState', undefined),
    setWebhookSecret: say('setWebhookSecret', { address: hostile }),
    forgetWebhookSecret: say('forgetWebhookSecret', { byItself: false }),
    setAllow: say('setAllow', null),
    resync: say('resync', []),
    drop: say('drop', [finding]),
    addTables: say('addTables', { findings: [], tables: [] }),
    removeTable: say('removeTable', []),
    repair: say('repair', { changed: false, later: [], notes: [], refill: {} }),
    grantLogin: say('grantLogin', login),
    revokeLogin: say('revokeLogin', undefined),
    doctor: say('doctor', [finding]),
    rows: say('rows', [{ name: hostile, rows: 12, exact: false }]),
    connections: say('connections', [{
      id: 'till',
      platform: 'github' as const,
      kind: 'key' as const,
      state: 'active' as const,
      baseUrl: 'https://api.github.com',
      account: hostile,
      obtainedAt: null,
      expiresAt: null,
    }]),
    giveConnection: say('giveConnection', finding),
    removeConnection: say('removeConnection', undefined),
    databases: say('databases', [{
      id: 'db',
      place: `db.example.com:5432/${hostile}`,
      role: 'r',
      owner: null,
      hosted: false,
      syncs: [],
    }]),
    changeDatabase: say('changeDatabase', []),
  }
}

const place: Place = {
  regions: [
    { name: 'iad', host: 'iad.db.example.com', port: 5432 },
    { name: 'fra', host: 'fra.db.example.com', port: 6543 },
  ],
  outbound: ['203.0.113.7'],
  hosted: true,
}

export async function consoleStage(
  cluster: TestCluster,
  deps: Partial<ServiceDeps> = {},
): Promise<Stage> {
  const store = await testStore(await cluster.createDatabase())
  await saveAdminToken(store, { id: 'admin', name: 'test', token: adminToken })
  const lines: string[] = []
  const calls: [string, unknown[]][] = []
  let now = Date.now()
  const administration = hostileAdministration(calls)
  const service = createService({
    store,
    journal: createJournal(store, { service: 0 }),
    http: noHttp,
    adapterFor,
    log: createLog({ level: 'debug', write: (line) => lines.push(line) }),
    now: () => now,
    place,
    administration: () => administration,
    ...deps,
  })
  return {
    app: service.app,
    store,
    lines,
    calls,
    administration,
    get now() {
      return now
    },
    set now(value: number) {
      now = value
    },
    drain: () => service.drain({ waitMs: 2_000 }),
    close: async () => {
      await service.drain({ waitMs: 2_000 })
      await store.close()
    },
  }
}

/** A browser without a screen: keeps cookies, follows nothing. */
export class Agent {
  readonly #app: Hono
  readonly #address: string
  readonly cookies = new Map<string, string>()
  /** As they were set, with their flags. */
  readonly set: string[] = []

  constructor(app: Hono, address = '198.51.100.1') {
    this.#app = app
    this.#address = address
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return await this.#ask(path, { headers })
  }

  async post(
    path: string,
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return await this.#ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
    })
  }

  /** Logs in with a token, as a person does. Gives the answer to the form. */
  async logIn(token = adminToken): Promise<Response> {
    const page = await (await this.get('/console/login')).text()
    return await this.post('/console/login', { csrf: csrfOf(page), token, next: '' })
  }

  async #ask(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers: Record<string, string> },
  ) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...init.headers }
    const env = { incoming: { socket: { remoteAddress: this.#address } } }
    const response = await this.#app.request(path, { ...init, headers }, env)
    for (const line of response.headers.getSetCookie()) {
      this.set.push(line)
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/Max-Age=0/i.test(line)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }
}

/** The token of a page's first form. */
export function csrfOf(page: string): string {
  return /name="csrf"\s+value="([^"]+)"/.exec(page)?.[1] ?? ''
}

/** The sealed draft in a page of the way to a new sync. */
export function draftOf(page: string): string {
  return /name="draft"\s+value="([^"]+)"/.exec(page)?.[1] ?? ''
}
