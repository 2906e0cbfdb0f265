// PROXY headers as a proxy writes them, for tests.

import { Buffer } from 'node:buffer'

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Version 2. `command`: 0x21 PROXY, 0x20 LOCAL. `family`: 0x11 TCP over IPv4, 0x21 over IPv6. */
export function binaryHeader(
  { command = 0x21, family = 0x11, body = Buffer.alloc(0) }: {
    command?: number
    family?: number
    body?: Buffer
  },
): Buffer {
  const head = Buffer.from([command, family, body.length >>> 8, body.length & 0xff])
  return Buffer.concat([signature, head, body])
}

const ports = (port: number) => Buffer.from([port >>> 8, port & 0xff, 443 >>> 8, 443 & 0xff])

/** Source, destination, ports. */
export function v4Body({ address, port }: { address: string; port: number }): Buffer {
  const source = Buffer.from(address.split('.').map(Number))
  return Buffer.concat([source, Buffer.from([198, 51, 100, 7]), ports(port)])
}

/** `hex`: the 16 bytes of the source. */
export function v6Body(hex: string, port = 56_324): Buffer {
  return Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(16, 1), ports(port)])
}
