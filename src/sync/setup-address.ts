// Room sync: connection URLs: those that people give of their databases, and those that they are given of their syncs.

import { isPublicAddress, parseAddress } from '../lib/addresses.ts'
import { required } from '../lib/assert.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'

const usualPort = 5432

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`. Without `sslmode` it is `require`, and `disable` for a
 * database on this machine. `ca`: PEM of the authority for `verify-full`. Throws `bad_request`, never with the password.
 */
export function parseDatabaseUrl(text: string, { ca }: { ca?: string } = {}): DatabaseAddress {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw refuse('is none', 'It is postgres://user:password@host:port/database?sslmode=require')
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decode)
  if (!host || !user || !database) throw refuse('lacks its user, host or database')
  return {
    host,
    port: Number(url.port || usualPort),
    database,
    user,
    password: password ?? '',
    sslmode: sslmodeOf(url, host),
    ...(ca === undefined ? {} : { sslrootcert: ca }),
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw fault('bad_request', { message: 'the database URL has a stray %' }, { cause })
  }
}

function sslmodeOf(url: URL, host: string): DatabaseAddress['sslmode'] {
  const mode = url.searchParams.get('sslmode') ?? (isThisMachine(host) ? 'disable' : 'require')
  if (mode === 'disable' || mode === 'require' || mode === 'verify-full') return mode
  throw refuse(
    `has sslmode ${mode}`,
    'It is disable, require (encrypted) or verify-full (and proved).',
  )
}

function refuse(what: string, hint?: string): Error {
  return fault('bad_request', {
    message: `the database URL ${what}`,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Is it a loopback address, or its name? */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** Is it a literal address that is not one of the internet? */
export function isInside(host: string): boolean {
  return isThisMachine(host) || (parseAddress(host) !== null && !isPublicAddress(host))
}

/** `host:port/database`, without user and password, and the bastion in front of it. */
export function placeOf({ host, port, database, ssh }: DatabaseAddress): string {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
  return ssh === undefined ? place : `${place} through ${ssh.host}:${ssh.port}`
}

/** Where clients find the listeners of a region. */
export interface ListenerPlace {
  /** Of the region. */
  readonly name: string
  readonly host: string
  readonly port: number
}

/** How a client connects. */
export interface LoginUrls {
  /** `postgresql://user.sync:password@host:port/database?sslmode=require`, of the first region. */
  readonly url: string
  /** The same as a line for a shell. */
  readonly psql: string
  /** One for each region. */
  readonly urls: readonly { readonly region: string; readonly url: string }[]
}

/** The connection URLs of a login of a sync, by the places where there are listeners: one at least. */
export function loginUrls(
  { user, syncId, password, database }: {
    user: string
    syncId: string
    password: string
    database: string
  },
  listeners: readonly ListenerPlace[],
): LoginUrls {
  const [name, secret, where] = [`${user}.${syncId}`, password, database].map(encodeURIComponent)
  const urls = listeners.map(({ name: region, host, port }) => {
    const at = host.includes(':') ? `[${host}]` : host
    return { region, url: `postgresql://${name}:${secret}@${at}:${port}/${where}?sslmode=require` }
  })
  const { url } = required(urls[0], 'a place of listeners')
  return { url, psql: `psql '${url.replaceAll("'", '%27')}'`, urls }
}
