// Room session: which hosts may be reached behind a bastion. The bastion looks names up in its own network, and SSH does not
// tell what it found: so this is decided by what is written, and the rest is the bastion's to permit (PermitOpen). What it
// keeps safe are the bastion and the platform that it runs on; the network behind it is that of whoever gave its key.

import { isIP } from 'node:net'
import { type AddressGuard, parseAddress, parseRange, within } from '../lib/addresses.ts'

/** What leads to the bastion itself, to its neighbours on the wire, or to the host it runs on. */
const forbidden = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '100.100.100.200', // metadata of Alibaba Cloud
  '168.63.129.16', // Azure's host
  '192.0.0.192', // metadata of Oracle Cloud
  '::/96',
  '64:ff9b::/96', // these three lead to any address of IPv4
  '64:ff9b:1::/48',
  '2002::/16',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254', // metadata of AWS
  'fd20:ce::254', // metadata of Google Cloud
].map(parseRange)

const loopbackNames = /(^|\.)(localhost|localhost\.localdomain|(ip6-)?loopback|ip6-localhost)$/
const metadataNames = /(^|\.)(metadata|instance-data|metadata\.google\.internal)$/
/** `127.1`, `2130706433`, `0x7f.1`: what the bastion's resolver may take for an address. */
const numeric = /(^|\.)(\d+|0x[0-9a-f]*)$/

/**
 * Why a host is not to be reached through a bastion, in words that go after its name; null: it may be. Private addresses
 * may be. What `guard` allows may be, too: a literal address of a range of its, a name that stands for one. `bastion` is the
 * bastion's own host, which may not unless the guard allows this machine.
 */
export function behindFlaw(
  host: string,
  { guard, bastion }: { guard: AddressGuard; bastion: string },
): string | null {
  const name = plainName(host)
  if (isSameHost(name, plainName(bastion)) && !guard.allows('127.0.0.1')) {
    return 'is the bastion itself'
  }
  const literal = parseAddress(name)
  if (literal !== null) {
    const inside = forbidden.some((range) => within(literal, range))
    return inside && !guard.allows(name) ? 'is the bastion itself, or its own host' : null
  }
  if (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(name)) return 'is no host name'
  if (isIP(name) === 0 && numeric.test(name)) return 'is an address in an unusual form'
  if (loopbackNames.test(name) && !guard.allows('127.0.0.1')) return 'is the bastion itself'
  if (metadataNames.test(name) && !guard.allows('169.254.169.254')) return "is the bastion's host"
  return null
}

function plainName(host: string): string {
  return host.toLowerCase().replace(/\.$/, '')
}

/** Addresses however they are written. */
function isSameHost(one: string, other: string): boolean {
  const [left, right] = [parseAddress(one), parseAddress(other)]
  if (left === null || right === null) return one === other
  return left.every((byte, index) => byte === right[index])
}
