// Bench: the hosts that Sluice's parts run on, and the ways between them, as long as one likes.

import { openWay, type Way } from './delay.ts'
import type { Program } from './child.ts'

/** One for each part; the store is beside the service. Which of them are in one region, the ways say. */
export const hosts = ['client', 'listener', 'database', 'service', 'platform'] as const
export type Host = typeof hosts[number]

export interface Link {
  readonly name: string
  /** Who connects. */
  readonly from: Host
  readonly to: Host
}

/** The ways that a statement may take. */
export const links: readonly Link[] = [
  { name: 'client–listener', from: 'client', to: 'listener' },
  { name: 'listener–database', from: 'listener', to: 'database' },
  { name: 'listener–service', from: 'listener', to: 'service' },
  { name: 'service–API', from: 'service', to: 'platform' },
]

export interface Network {
  /** What the hosts are and what delays them, in a sentence. */
  readonly description: string
  /** Where a host's programs listen. */
  readonly bindAddress: string
  /** The program, to be run on that host. */
  on(host: Host, program: Program): Program
  /** By which address this process reaches a host that others connect to, without any delay. */
  reach(host: Host): string
  /** A way of no length to this port of its end. Its address is the one at its beginning, and good here too. */
  openWay(link: Link, port: () => number): Promise<Way>
  close(): Promise<void>
}

const loopback = '127.0.0.1'

/** All hosts are this one. `why`: there are none of their own. */
export function loopbackNetwork(why: string): Network {
  return {
    description: `One host for all, ways through delaying relays on loopback: ${why}.`,
    bindAddress: loopback,
    on: (_host, program) => program,
    reach: () => loopback,
    openWay: (_link, port) => openWay(() => ({ host: loopback, port: port() }), { host: loopback }),
    close: () => Promise.resolve(),
  }
}
