// Bench: hosts that are network namespaces. Each way is two cables (veth pairs), from either of its hosts to a namespace in
// their midst, where this process is and joins them; no packet gets by it. What makes a way long is netem on the first
// cable, or, where the kernel has none, the relay that joins the two. Nothing has a name or a file outside: a namespace
// is gone, with its cables, as soon as nobody is in it, and nobody outlives this process.

import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { withDeadline } from '../src/lib/deadline.ts'
import { type Child, type Program, runProgram, startProgram } from './child.ts'
import { openWay, type Way } from './delay.ts'
import { type Host, hosts, type Link, links, type Network } from './regions-network.ts'

const waitMs = 10_000
/** Packets under way at once that netem keeps; its own 1000 would drop some. */
const packetsMax = 100_000

/** Why namespaces cannot be made here; null: they can. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are Linux’s'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const attempt =
    'ip link add probe0 type veth peer name probe1 && nsenter --net=/proc/self/ns/net true'
  const tried = spawnSync('unshare', ['--net', 'sh', '-c', attempt], {
    encoding: 'utf8',
    timeout: waitMs,
  })
  if (tried.error !== undefined) return `no namespace could be made (${tried.error.message})`
  if (tried.status === 0) return null
  return `no namespace could be made (${tried.stderr.trim().split('\n')[0]})`
}

/** The program, to be run in a new namespace. */
export function inNewNamespace({ command, args, ...rest }: Program): Program {
  return { ...rest, command: 'unshare', args: ['--net', command, ...args] }
}

/** Makes a host for each part. To be called in a namespace of one's own: that is the one in their midst. */
export async function namespaceNetwork(): Promise<Network> {
  const holders = new Map<Host, Child>()
  const close = async () => {
    for (const holder of holders.values()) await holder.stop()
  }
  const within = (host: Host, { command, args, ...rest }: Program): Program => {
    const file = `--net=/proc/${holders.get(host)?.process.pid}/ns/net`
    return { ...rest, command: 'nsenter', args: [file, command, ...args] }
  }
  const tell = (host: Host | null, line: string) => {
    const [command = '', ...args] = line.split(' ')
    const program = { command, args }
    return runProgram(host === null ? program : within(host, program), { waitMs })
  }
  try {
    await tell(null, 'ip link set lo up')
    for (const host of hosts) holders.set(host, await holdNamespace())
    for (const link of links) await layCables(link, { tell, pidOf: (host) => pidOf(holders, host) })
    const netem = await hasNetem(tell)
    return {
      description: `${hosts.length} hosts, each a network namespace (${hosts.join(', ')}); ways ` +
        `through ${netem ? 'netem' : 'delaying relays, as the kernel has no netem'}.`,
      bindAddress: '0.0.0.0',
      on: within,
      reach: (host) => cablesOf(links.find(({ to }) => to === host)).second.host,
      openWay: (link, port) => joinCables(link, { tell, port, netem }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Runs a command line on a host, or in their midst. */
type Tell = (host: Host | null, line: string) => Promise<string>

/** Keeps a namespace for as long as this process lives: a program in it that ends with its input. */
async function holdNamespace(): Promise<Child> {
  const program = { command: 'sh', args: ['-c', 'ip link set lo up && echo up && exec cat'] }
  const holder = startProgram({ ...inNewNamespace(program), endsWithStdin: true })
  const up = new Promise<void>((resolve) => holder.process.stdout?.once('data', () => resolve()))
  const first = Promise.race([up, holder.ended])
  await withDeadline(first, { waitMs, what: 'Making a namespace' })
  return holder
}

function pidOf(holders: ReadonlyMap<Host, Child>, host: Host): number {
  const pid = holders.get(host)?.process.pid
  if (pid === undefined) throw new Error(`There is no host ${host}`)
  return pid
}

interface Cable {
  /** The device in the midst, and its address. */
  readonly midst: string
  readonly midstAddress: string
  /** The device at the host, and its address. */
  readonly end: string
  readonly host: string
}

/** Of a way: from its first host to the midst, and on to its second. */
function cablesOf(link: Link | undefined): { first: Cable; second: Cable } {
  const at = links.findIndex((each) => each === link)
  if (at < 0) throw new RangeError('There is no such way')
  const cable = (number: number): Cable => ({
    midst: `midst${number}`,
    end: `end${number}`,
    // RFC 2544: addresses for benchmarks
    midstAddress: `198.18.${number}.1`,
    host: `198.18.${number}.2`,
  })
  return { first: cable(2 * at), second: cable(2 * at + 1) }
}

async function layCables(
  link: Link,
  { tell, pidOf }: { tell: Tell; pidOf: (host: Host) => number },
): Promise<void> {
  const { first, second } = cablesOf(link)
  for (const [host, cable] of [[link.from, first], [link.to, second]] as const) {
    const { midst, midstAddress, end, host: address } = cable
    await tell(null, `ip link add ${midst} type veth peer name ${end} netns ${pidOf(host)}`)
    await tell(null, `ip address add ${midstAddress}/30 dev ${midst}`)
    await tell(null, `ip link set ${midst} up`)
    await tell(host, `ip address add ${address}/30 dev ${end}`)
    await tell(host, `ip link set ${end} up`)
    // to where other ways begin: recovery connects to the database from the service's host
    await tell(host, `ip route replace default via ${midstAddress}`)
  }
}

async function hasNetem(tell: Tell): Promise<boolean> {
  const [link] = links
  const { midst } = cablesOf(link).first
  return await tell(null, `tc qdisc replace dev ${midst} root netem delay 0ms`)
    .then(() => true, () => false)
}

async function joinCables(
  link: Link,
  { tell, port, netem }: { tell: Tell; port: () => number; netem: boolean },
): Promise<Way> {
  const { first, second } = cablesOf(link)
  const target = () => ({ host: second.host, port: port() })
  const way = await openWay(target, { host: first.midstAddress })
  if (!netem) return way
  return {
    ...way,
    set: async (oneWayMs) => {
      const discipline = `root netem delay ${oneWayMs}ms limit ${packetsMax}`
      await tell(null, `tc qdisc replace dev ${first.midst} ${discipline}`)
      await tell(link.from, `tc qdisc replace dev ${first.end} ${discipline}`)
    },
  }
}
