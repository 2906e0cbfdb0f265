// Room session: what goes wrong on the way through a bastion, in words for whoever set it up. What the bastion says itself is
// cut to something that can be shown; no key is in any of them.

import type { Bastion } from '../mutation/config.ts'
import { DialFailure } from './dial-socket.ts'

/** A bastion that will say the same again until somebody does something: it is asked again less often. */
export class BastionRefused extends DialFailure {
  override name = 'BastionRefused'
}

/** The SSH connection ended under a request; on another one it may be made. */
export class TunnelLost extends DialFailure {
  override name = 'TunnelLost'
}

/** `the bastion ssh.example.com:22` */
export function nameOf({ host, port }: Pick<Bastion, 'host' | 'port'>): string {
  return `the bastion ${host.includes(':') ? `[${host}]` : host}:${port}`
}

const saidMax = 200

/** What a bastion says, on one line. */
export function said(text: string): string {
  const line = text.replace(/[^\x20-\x7e]+/g, ' ').trim()
  return line.length > saidMax ? `${line.slice(0, saidMax)}…` : line
}

const pinHint = 'If it was set up anew, give its new key (--ssh-host-key, as ssh-keyscan prints ' +
  'it); if not, somebody may be between you and it.'

/** It shows a key that is not the one pinned. */
export function wrongHostKey(
  ssh: Bastion,
  { shown, pinned }: { shown: string; pinned: string },
): BastionRefused {
  return new BastionRefused(
    `${nameOf(ssh)} shows the host key ${shown}, but ${pinned} is pinned; nothing was sent to it`,
    { hint: pinHint },
  )
}

/** It has no key of the kind that is pinned. */
export function noHostKey(ssh: Bastion, pinned: string): BastionRefused {
  return new BastionRefused(
    `${nameOf(ssh)} has no host key of the kind that is pinned (${pinned}); nothing was sent to it`,
    { hint: pinHint },
  )
}

/** It does not let the user in. */
export function loginRefused(ssh: Bastion, fingerprint: string): BastionRefused {
  return new BastionRefused(`${nameOf(ssh)} refuses user "${ssh.user}" with key ${fingerprint}`, {
    hint: `Put the public key into ~${ssh.user}/.ssh/authorized_keys there.`,
  })
}

/** The private key cannot be used. */
export function uselessKey(ssh: Bastion, why: string): BastionRefused {
  return new BastionRefused(`the private key for ${nameOf(ssh)} ${why}`)
}

const forwardHint =
  'Allow it on the bastion: AllowTcpForwarding, PermitOpen, and the options of the key in authorized_keys.'

/** RFC 4254, 5.1: why a channel is not opened. */
const [prohibited, connectFailed, , shortage] = [1, 2, 3, 4]

/** It opens no way to the database. */
export function notForwarded(
  ssh: Bastion,
  { to, error }: { to: string; error: Error },
): DialFailure {
  const { reason } = error as { reason?: unknown }
  const words = said(error.message.replace(/^\(SSH\) Channel open failure: /, ''))
  const options = { cause: error }
  if (reason === prohibited) {
    const message = `${nameOf(ssh)} does not allow connections to ${to} (${words})`
    return new DialFailure(message, { ...options, hint: forwardHint })
  }
  if (reason === connectFailed) {
    return new DialFailure(`${nameOf(ssh)} cannot connect to ${to}: ${words}`, options)
  }
  if (reason === shortage) {
    return new DialFailure(`${nameOf(ssh)} has no room for another connection (${words})`, options)
  }
  return new TunnelLost(`${nameOf(ssh)} opened no connection to ${to}: ${words}`, options)
}
