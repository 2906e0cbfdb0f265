// Room sandbox: local servers that behave like the platforms' APIs, for trying out and for tests. One HTTP server, one
// folder of URLs per platform, all state in memory.

import { randomUUID } from 'node:crypto'
import { createAirtable } from './airtable/airtable.ts'
import { createControl } from './control.ts'
import { createDeliveries } from './deliveries.ts'
import { createExchangeLog } from './exchanges.ts'
import { createGithub } from './github/github.ts'
import { createHubspot } from './hubspot/hubspot.ts'
import { createMischiefBox } from './mischief.ts'
import type { PlatformOptions, SandboxPlatform } from './platform.ts'
import { createSalesforce } from './salesforce/salesforce.ts'
import { listen } from './server.ts'
import { createStripe } from './stripe/stripe.ts'

export interface SandboxOptions {
  /** 0: any free port. */
  readonly port: number
  /** Address to listen on; loopback when absent. */
  readonly host?: string
  /** Where it says that it is, for those who reach it by another way; its own URL when absent. */
  readonly publicUrl?: string
  /** Every platform answers this much later, in milliseconds; 0 when absent. */
  readonly latencyMs?: number
  /** How long an access token lives, in milliseconds; two hours when absent. */
  readonly tokenLifetimeMs?: number
  /** Does a refresh end the refresh token that it was made with? True when absent. */
  readonly rotateRefreshTokens?: boolean
  /** Are the platforms' rate limits in force? False when absent. */
  readonly limits?: boolean
  /** Milliseconds since 1970; the clock when absent. */
  readonly now?: () => number
  /** An unguessable word for a new token; a random UUID when absent. */
  readonly makeSecret?: () => string
}

export interface Sandbox {
  readonly port: number
  /** `http://127.0.0.1:8788` */
  readonly url: string
  /** Base URL of one platform, without a slash at the end. Throws for a platform that the sandbox does not have. */
  platformUrl(name: string): string
  /** Every platform back to its seed; no exchanges, no mischief, and no webhook of before is called any more. */
  reset(): void
  /** Ends every connection; unanswered requests stay unanswered. */
  close(): Promise<void>
}

/** Makes each platform. A further platform is one more line. */
const factories: readonly ((options: PlatformOptions) => SandboxPlatform)[] = [
  createSalesforce,
  createHubspot,
  createAirtable,
  createGithub,
  createStripe,
]

const tokenLifetimeMsDefault = 2 * 60 * 60 * 1000

/** Starts the sandbox. Rejects when the port is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1'
  let url = ''
  const deliveries = createDeliveries()
  const platforms = factories.map((create) => {
    const platform: SandboxPlatform = create({
      baseUrl: () => `${options.publicUrl ?? url}/${platform.name}`,
      now: options.now ?? Date.now,
      tokenLifetimeMs: options.tokenLifetimeMs ?? tokenLifetimeMsDefault,
      limits: options.limits ?? false,
      deliver: (delivery) => deliveries.send(platform.name, delivery),
      rotateRefreshTokens: options.rotateRefreshTokens ?? true,
      makeSecret: options.makeSecret ?? randomUUID,
    })
    return platform
  })
  const log = createExchangeLog()
  const mischief = createMischiefBox()
  const reset = () => {
    for (const platform of platforms) platform.reset()
    log.clear()
    mischief.clear()
    deliveries.clear()
  }
  const control = createControl({ platforms, log, mischief, deliveries, reset })
  const latencyMs = options.latencyMs ?? 0
  const server = await listen({
    port: options.port,
    host,
    latencyMs,
    platforms,
    log,
    mischief,
    control,
  })
  url = `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${server.port}`
  return {
    port: server.port,
    url,
    reset,
    close: async () => {
      await Promise.all([server.close(), deliveries.close()])
    },
    platformUrl: (name) => {
      if (!platforms.some((platform) => platform.name === name)) {
        throw new RangeError(`The sandbox does not have the platform "${name}"`)
      }
      return `${url}/${name}`
    },
  }
}
