// Room sync: what people tell of the bastion in front of their database.

import { parseHostKey, privateKeyFlaw } from '../lib/ssh-key.ts'
import type { Bastion, DatabaseAddress } from '../mutation/config.ts'
import { fault } from '../mutation/fault.ts'

/** A bastion as plain JSON. */
export interface BastionBody {
  readonly host: string
  /** 22 when absent. */
  readonly port?: number | undefined
  readonly user: string
  /** PEM, without a passphrase. */
  readonly privateKey: string
  /** `ssh-ed25519 AAAA…`, a line of ssh-keyscan, or `SHA256:…`. */
  readonly hostKey: string
}

const usualPort = 22

/** Throws `bad_request`, never with the key. */
export function bastionOf({ host, port, user, privateKey, hostKey }: BastionBody): Bastion {
  if (host === '' || user === '') {
    throw fault('bad_request', { message: 'the bastion lacks its host or user' })
  }
  const flaw = privateKeyFlaw(privateKey)
  if (flaw !== null) {
    throw fault('bad_request', { message: `the private key for the bastion ${flaw}` })
  }
  try {
    parseHostKey(hostKey)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw fault('bad_request', {
      message: `the host key of the bastion cannot be read: ${why}`,
      hint: `ssh-keyscan -p ${port ?? usualPort} ${host}, and compare it with what its owner says`,
    }, { cause })
  }
  return { host, port: port ?? usualPort, user, privateKey, hostKey: hostKey.trim() }
}

/** The address through that bastion; null: straight; undefined: as it is. */
export function through(
  address: DatabaseAddress,
  ssh: Bastion | null | undefined,
): DatabaseAddress {
  if (ssh === undefined) return address
  const { ssh: _, ...straight } = address
  return ssh === null ? straight : { ...straight, ssh }
}
