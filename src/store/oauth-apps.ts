// Room store: our registrations at the platforms, one for each: what an OAuth app is called there, and its secret, sealed.

import { fault } from '../mutation/fault.ts'
import type { Platform } from '../mutation/table.ts'
import { open, type Place, seal } from './seal.ts'
import type { Store } from './store.ts'

/** An app as somebody registered it. */
export interface OAuthApp {
  readonly platform: Platform
  readonly clientId: string
  readonly clientSecret?: string
  /** Other endpoints than the platform's own. */
  readonly authorizeUrl?: string
  readonly tokenUrl?: string
}

/** An app as people see it: without its secret. */
export type OAuthAppInfo = Omit<OAuthApp, 'clientSecret'> & { readonly hasSecret: boolean }

interface Row {
  readonly id: Platform
  readonly client_id: string
  readonly secret: Uint8Array
  readonly key_id: string
  readonly authorize_url: string | null
  readonly token_url: string | null
}

const place = (platform: string): Place => ({
  table: 'oauth_apps',
  row: platform,
  column: 'secret',
})

/** Registers the platform's app, or changes it. Throws `service_unreachable`. */
export async function saveOAuthApp(store: Store, app: OAuthApp): Promise<void> {
  const { platform, clientId, clientSecret = '', authorizeUrl = null, tokenUrl = null } = app
  const { bytes, keyId } = seal(store.keyring, place(platform), clientSecret)
  await store.ask('Saving the app', (sql) =>
    sql`
      insert into sluice_store.oauth_apps (id, client_id, secret, key_id, authorize_url, token_url)
      values (${platform}, ${clientId}, ${bytes}, ${keyId}, ${authorizeUrl}, ${tokenUrl})
      on conflict (id) do update set client_id = excluded.client_id, secret = excluded.secret,
        key_id = excluded.key_id, authorize_url = excluded.authorize_url,
        token_url = excluded.token_url, updated_at = now()`)
}

/** The platform's app. Throws `not_found`, `service_unreachable`. */
export async function readOAuthApp(store: Store, platform: Platform): Promise<OAuthApp> {
  const [row] = await store.ask(
    'Reading the app',
    (sql) => sql<Row[]>`select * from sluice_store.oauth_apps where id = ${platform}`,
  )
  if (row !== undefined) return openApp(store, row)
  throw fault('not_found', {
    message: `no app is registered for ${platform}`,
    hint: `Register one: sluice apps set --platform ${platform} --client-id <id>`,
  })
}

/** All apps, without their secrets. Throws `service_unreachable`. */
export async function listOAuthApps(store: Store): Promise<OAuthAppInfo[]> {
  const rows = await store.ask(
    'Reading the apps',
    (sql) => sql<Row[]>`select * from sluice_store.oauth_apps order by id`,
  )
  return rows.map((row) => {
    const { clientSecret, ...app } = openApp(store, row)
    return { ...app, hasSecret: clientSecret !== undefined }
  })
}

function openApp(store: Store, row: Row): OAuthApp {
  const sealed = { bytes: row.secret, keyId: row.key_id }
  const clientSecret = open(store.keyring, place(row.id), sealed)
  return {
    platform: row.id,
    clientId: row.client_id,
    ...(clientSecret === '' ? {} : { clientSecret }),
    ...(row.authorize_url === null ? {} : { authorizeUrl: row.authorize_url }),
    ...(row.token_url === null ? {} : { tokenUrl: row.token_url }),
  }
}
