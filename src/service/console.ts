// Room service: the console at /console, on top of the administrators' routes of this very process.

import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Hono } from 'hono'
import { type Console, createConsole } from '../console/console.ts'
import type { ConsoleDeps as Deps, Sealer } from '../console/deps.ts'
import type { Log } from '../lib/log.ts'
import type { Keyring } from '../store/seal.ts'
import { createClientOf, type HttpProxies } from './console-client.ts'

export type { Console }

export interface ConsoleDeps {
  readonly store: { readonly keyring: Keyring }
  readonly publicUrl: string
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
  /** Proxies in front that say who asks. */
  readonly httpProxies: HttpProxies
  readonly holdBack?: Deps['holdBack']
}

/** Adds the routes below /console; `/` leads a browser there. */
export function addConsole(app: Hono, deps: ConsoleDeps): Console {
  const { publicUrl, now, random, log, holdBack } = deps
  const made = createConsole({
    api: async (request) => await app.fetch(request),
    sealer: createSealer(deps.store.keyring, random),
    publicUrl,
    now,
    random,
    log,
    addressOf: createClientOf(deps.httpProxies),
    ...(holdBack === undefined ? {} : { holdBack }),
  })
  const home = `${new URL(publicUrl).pathname.replace(/\/+$/, '')}/console`
  app.get('/', async (c, next) => {
    const isBrowser = /\btext\/html\b/.test(c.req.header('accept') ?? '')
    return isBrowser ? c.redirect(home, 302) : await next()
  })
  app.route('/', made.app)
  return made
}

const cipherName = 'aes-256-gcm'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

/** Seals with a key derived from the store's current one; every key of the ring opens. */
export function createSealer(keyring: Keyring, random: (bytes: number) => Uint8Array): Sealer {
  const keyOf = (id: string): Buffer | null => {
    const key = keyring.keys.get(id)
    if (key === undefined) return null
    return Buffer.from(hkdfSync('sha256', key, new Uint8Array(0), 'sluice console', keyBytes))
  }
  return {
    seal: (purpose, text) => {
      const nonce = random(nonceBytes)
      const key = keyOf(keyring.current)
      if (key === null) throw new Error('The keyring has no current key')
      const cipher = createCipheriv(cipherName, key, nonce)
      cipher.setAAD(Buffer.from(purpose))
      const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final()])
      const sealed = Buffer.concat([body, cipher.getAuthTag()]).toString('base64url')
      return `${keyring.current}.${sealed}`
    },
    open: (purpose, sealed) => {
      const [, id = '', base64 = ''] = /^([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)$/.exec(sealed) ??
        []
      const key = keyOf(id)
      const bytes = Buffer.from(base64, 'base64url')
      if (key === null || bytes.length < nonceBytes + tagBytes) return null
      const decipher = createDecipheriv(cipherName, key, bytes.subarray(0, nonceBytes))
      decipher.setAAD(Buffer.from(purpose))
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      try {
        const body = decipher.update(bytes.subarray(nonceBytes, -tagBytes))
        return Buffer.concat([body, decipher.final()]).toString('utf8')
      } catch {
        return null
      }
    },
  }
}
