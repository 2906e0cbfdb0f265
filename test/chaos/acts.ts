// What befalls the system during a run, one act after the other, by chance.

import type { Platform } from '../../src/mutation/table.ts'
import { pause } from './processes.ts'
import type { Random } from './random.ts'
import type { Kind, Link, Slot, World } from './world.ts'

export const actNames = [
  'kill listener',
  'kill service',
  'kill sync',
  'cut client',
  'cut service',
  'cut database',
  'cut store',
  'cut platform',
  'latency',
  '429',
  '500',
  'drop',
  'lost-reply',
  'expire-token',
  'restart database',
  'restart store',
  'roll listener',
  'roll service',
  'roll sync',
] as const
export type ActName = typeof actNames[number]

const weights: Readonly<Record<ActName, number>> = {
  'kill listener': 3,
  'kill service': 3,
  'kill sync': 3,
  'cut client': 2,
  'cut service': 3,
  'cut database': 3,
  'cut store': 3,
  'cut platform': 2,
  'latency': 3,
  '429': 1,
  '500': 2,
  'drop': 3,
  'lost-reply': 3,
  'expire-token': 2,
  'restart database': 1,
  'restart store': 1,
  'roll listener': 1,
  'roll service': 1,
  'roll sync': 1,
}

export interface ActOptions {
  readonly world: World
  readonly random: Random
  readonly platforms: readonly Platform[]
  /** Acts that may be; all when absent. */
  readonly only?: readonly ActName[]
  /** Longest pause between acts, in milliseconds. */
  readonly pauseMs: number
  /** Counts each. */
  readonly done: Map<ActName, number>
  readonly say: (what: string) => void
}

const downMaxMs = 1_000
const latencyMaxMs = 1_500

/** Acts until `until` is aborted; what was stopped is started again before it resolves. */
export async function runActs(options: ActOptions, until: AbortSignal): Promise<void> {
  const { random, only = actNames, pauseMs, done, say } = options
  const choice = only.map((name) => [name, weights[name]] as const)
  while (!until.aborted) {
    await pause(random.within(pauseMs / 4, pauseMs))
    if (until.aborted) return
    const name = random.weighed(choice)
    say(name)
    await act(options, name)
    done.set(name, (done.get(name) ?? 0) + 1)
  }
}

async function act(options: ActOptions, name: ActName): Promise<void> {
  const { world, random } = options
  switch (name) {
    case 'kill listener':
    case 'kill service':
    case 'kill sync':
      return await kill(options, slotOf(options, name.slice('kill '.length) as Kind))
    case 'cut client':
    case 'cut service':
    case 'cut database':
    case 'cut store':
    case 'cut platform':
      return cut(options, name.slice(4) as Link)
    case 'latency':
    case '429':
    case '500':
    case 'drop':
    case 'lost-reply':
    case 'expire-token':
      return await mischief(options, name)
    case 'restart database':
    case 'restart store': {
      const server = world.servers[name === 'restart database' ? 'database' : 'store']
      return await server.restart(random.pick(['fast', 'immediate'] as const))
    }
    case 'roll listener':
    case 'roll service':
    case 'roll sync':
      return await world.roll(slotOf(options, name.slice('roll '.length) as Kind))
  }
}

function slotOf({ world, random }: ActOptions, kind: Kind): Slot {
  return random.pick(world.slots[kind])
}

async function kill({ world, random }: ActOptions, slot: Slot): Promise<void> {
  await slot.proc?.kill()
  await pause(random.within(0, downMaxMs))
  await world.fill(slot)
}

/** Half of the connections by chance, or all of them. */
function cut({ world, random }: ActOptions, link: Link): void {
  const relay = world.relays[link]
  if (random.next() < 0.2) return relay.cut()
  for (let nth = relay.open - 1; nth >= 0; nth--) {
    if (random.next() < 0.5) relay.cut(nth)
  }
}

async function mischief(
  { world, random, platforms }: ActOptions,
  kind: Extract<ActName, 'latency' | '429' | '500' | 'drop' | 'lost-reply' | 'expire-token'>,
): Promise<void> {
  const body = {
    platform: random.pick(platforms),
    kind,
    times: kind === 'expire-token' ? 1 : random.within(1, 3),
    ...(kind === 'latency' ? { latencyMs: random.within(50, latencyMaxMs) } : {}),
  }
  await fetch(`${world.sandboxUrl}/_mischief`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  })
}
