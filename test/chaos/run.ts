// `npm run chaos`: the whole system under load from real clients, while its processes are killed, its connections cut and
// its databases restarted; then a judgement. Exit code 0: nothing was lost, nothing doubled, nobody told a lie. 2: nothing of that
// was found, but the machine stood still too often to say what clients meet during a deployment.

import process from 'node:process'
import { subjects as allSubjects } from '../help/subjects.ts'
import { type ActName, runActs } from './acts.ts'
import { type Findings, judge, openMutations, openTables } from './checker.ts'
import { type ClientLog, createClientLog, runClient } from './clients.ts'
import { truthOf } from './log.ts'
import { type Options, readOptions } from './options.ts'
import { pause } from './processes.ts'
import { feelPulse, type Pulse } from './pulse.ts'
import { createRandom } from './random.ts'
import { runStranger } from './stranger.ts'
import { createWitness, type Witness } from './witness.ts'
import { createWorld, type World } from './world.ts'

/** Recovery and inquiries begin at once, and go on often: a run is short. */
const chaosEnv = {
  SLUICE_RECOVERY_AFTER_MS: '2000',
  SLUICE_RECOVERY_EVERY_MS: '500',
  SLUICE_INQUIRY_AFTER_MS: '300',
}
const timeoutsMs = [2_000, 4_000, 8_000]
/** Nothing but the deployment is to be felt. */
const deployTimeoutsMs = [50_000]
/** A deployment is judged by what clients meet while the machine runs: so much of the run it must, or the run goes on. */
const calmShare = 0.5
/** Where so much was met while it stood still, it must for as long as was asked for. */
const excusedMax = 5
/** So many times as long as was asked for, at most. */
const longerMax = 6
const calmLookEveryMs = 200
const gatherEveryMs = 10_000
/** While all settles only inquiries and the sync processes ask. */
const gatherSeldomMs = 60_000
/** What a person, or CI, is shown of a kind of finding. */
const shownMax = 40
/** GitHub takes 80 changes a minute, an Airtable base five requests a second. */
const thinkMs = (platform: string) =>
  platform === 'github' ? 3_000 : platform === 'airtable' ? 1_000 : 60

interface Ran {
  readonly findings: Findings
  readonly log: ClientLog
  readonly acts: ReadonlyMap<ActName, number>
  readonly writes: number
  /** Made directly at the platforms. */
  readonly changes: number
  readonly settleMs: number
  /** What clients met of a deployment while the machine stood still. */
  readonly excused: readonly string[]
  /** How long the load ran, in milliseconds, and for how much of it the machine did not stand still; null: that was not felt. */
  readonly loadMs: number
  readonly calmMs: number | null
  /** Why nothing can be said of the deployment; null: it can. */
  readonly inconclusive: string | null
}

async function run(options: Options): Promise<Ran> {
  const subjects = allSubjects.filter(({ platform }) => options.platforms.includes(platform))
  console.error(`Starting (seed ${options.seed}) …`)
  const world = await createWorld({
    subjects,
    keep: options.keep,
    env: chaosEnv,
    syncs: 2,
  })
  if (options.keep) console.error(`Logs: ${world.logs}`)
  const witness = createWitness(world.sandboxUrl)
  try {
    const log = createClientLog()
    const acts = new Map<ActName, number>()
    const feeling = new AbortController()
    const pulse = options.deploy ? feelPulse(world, feeling.signal) : null
    const loading = { world, options, subjects, log, acts, witness, pulse, since: Date.now() }
    const { changes, inconclusive } = await load(loading).finally(() => feeling.abort())
    const loadMs = Date.now() - loading.since
    const calmMs = pulse?.calmMs(loading.since, Date.now()) ?? null
    console.error('Settling …')
    const settleMs = await settle(world, { options, witness })
    await witness.gather()
    const found = await judge(world, { subjects, entries: log.entries, witness })
    const { felt, excused } = untold(loading)
    const findings = {
      ...found,
      violations: [
        ...log.violations,
        ...world.accidents,
        ...found.violations,
        ...felt,
      ],
    }
    const { writes } = witness
    return { findings, log, acts, writes, changes, settleMs, excused, loadMs, calmMs, inconclusive }
  } finally {
    // what was found out must be told whatever cannot be stopped
    await world.close().catch((error: unknown) => console.error(error))
  }
}

interface Load {
  readonly world: World
  readonly options: Options
  readonly subjects: typeof allSubjects
  readonly log: ClientLog
  readonly acts: Map<ActName, number>
  readonly witness: Witness
  /** With a deployment only. */
  readonly pulse: Pulse | null
  /** When it begins, milliseconds since 1970. */
  readonly since: number
}

/** Clients, acts and a stranger at the same time, for as long as is asked for. Gives how much the stranger has changed. */
async function load(loading: Load): Promise<Pick<Ran, 'changes' | 'inconclusive'>> {
  const { world, options, subjects, log, acts, witness, since } = loading
  const random = createRandom(options.seed)
  const ending = new AbortController()
  const over = ending.signal
  const clients = subjects.flatMap((subject) =>
    Array.from({ length: subject.platform === 'github' ? 1 : options.clients }, () => subject)
  )
  const running = clients.map((subject, n) =>
    runClient({
      subject,
      name: `c${n}`,
      random: random.fork(),
      url: world.plant.url(subject.platform, world.relays.client.port),
      thinkMs: thinkMs(subject.platform),
      timeoutsMs: options.deploy ? deployTimeoutsMs : timeoutsMs,
      log,
      since,
    }, over)
  )
  const acting = runActs({
    world,
    random: random.fork(),
    platforms: options.platforms,
    only: options.acts,
    pauseMs: options.pauseMs,
    done: acts,
    say: (what) =>
      options.keep && console.error(`${((Date.now() - since) / 1000).toFixed(1)} s: ${what}`),
  }, over)
  const { platforms } = options
  const changing = runStranger({
    sandboxUrl: world.sandboxUrl,
    random: random.fork(),
    platforms,
    pauseMs: 400,
  }, over)
  const lasting = lastLongEnough(loading).finally(() => ending.abort())
  await Promise.all([...running, acting, gather(witness, over)])
  return { changes: await changing, inconclusive: await lasting }
}

/**
 * Resolves after the time that is asked for; where the machine stood still, later. Gives why nothing can be said of the deployment
 * even then.
 */
async function lastLongEnough(loading: Load): Promise<string | null> {
  const { options: { seconds }, since } = loading
  const end = since + longerMax * seconds * 1000
  await pause(seconds * 1000)
  let doubt = doubtOf(loading)
  if (doubt !== null) console.error(`Going on for longer: ${doubt} …`)
  for (; doubt !== null && Date.now() < end; doubt = doubtOf(loading)) await pause(calmLookEveryMs)
  return doubt
}

/** Why nothing can be said of a deployment so far; null: it can, or there is none. */
function doubtOf(loading: Load): string | null {
  const { options: { seconds }, pulse, acts, since } = loading
  if (pulse === null) return null
  const excused = untold(loading).excused.length
  const wantedMs = seconds * 1000 * (excused > excusedMax ? 1 : calmShare)
  const calmMs = pulse.calmMs(since, Date.now())
  if (calmMs < wantedMs) {
    return `the machine stood still too often, and ran undisturbed for ${calmMs} ms of ${wantedMs} ms that a verdict needs`
  }
  return acts.size === 0 ? 'nothing was deployed' : null
}

async function gather(witness: Witness, over: AbortSignal): Promise<void> {
  for (let last = Date.now(); !over.aborted;) {
    await pause(100)
    if (Date.now() - last < gatherEveryMs) continue
    await witness.gather()
    last = Date.now()
  }
}

/** Waits until nothing is open, at most as long as is asked for. Gives how long it took, in milliseconds. */
async function settle(
  { plant, sandboxUrl }: World,
  { options: { settleSeconds }, witness }: Pick<Load, 'options' | 'witness'>,
): Promise<number> {
  const since = Date.now()
  let gatheredAt = since
  await fetch(`${sandboxUrl}/_mischief`, { method: 'DELETE' })
  let quietAt: number | null = null
  while (Date.now() - since < settleSeconds * 1000) {
    const open = await openMutations(plant.store)
    const quiet = open !== null && Object.keys(open).length === 0
    if (!quiet) quietAt = null
    else quietAt ??= Date.now()
    if (quietAt !== null && (await openTables(plant.store, quietAt))?.length === 0) break
    await pause(200)
    if (Date.now() - gatheredAt < gatherSeldomMs) continue
    await witness.gather()
    gatheredAt = Date.now()
  }
  return Date.now() - since
}

/** During a deployment a client may meet nothing but 57P01, unless the machine stood still just then: that says nothing of it. */
function untold(
  { log: { metAt, entries }, since, pulse }: Load,
): { felt: string[]; excused: string[] } {
  if (pulse === null) return { felt: [], excused: [] }
  const others = metAt.filter(({ what }) => what !== '57P01' && !refusals.has(what))
  const told = entries.filter(({ told }) => truthOf(told) === 'perhaps')
  const all = [
    ...others.map(({ what, at }) => ({ at, text: `a client met: ${what}` })),
    ...told.map(({ platform, name, at, tookMs }) => ({
      at: since + at + tookMs,
      text: `${platform} ${name} had no answer`,
    })),
  ]
  const line = ({ at, text }: typeof all[number]) =>
    `during a deployment, at ${((at - since) / 1000).toFixed(1)} s, ${text}`
  return {
    felt: all.filter(({ at }) => !pulse.stood(at)).map(line),
    excused: all.filter(({ at }) => pulse.stood(at)).map(line),
  }
}

/** What the platforms say of values that they do not take. */
const refusals: ReadonlySet<string> = new Set(['23514', '22P02', '23503'])

function report(options: Options, ran: Ran): string {
  const { findings, log, acts, writes, changes, settleMs, excused, loadMs, calmMs } = ran
  const told = new Map<string, number>()
  for (const { told: { kind }, ...entry } of log.entries) {
    void entry
    told.set(kind, (told.get(kind) ?? 0) + 1)
  }
  const list = (counts: Iterable<readonly [string, number]>) =>
    [...counts].map(([name, count]) => `${count} ${name}`).join(', ') || 'none'
  const shown = (title: string, all: readonly string[]) => [
    `${title}: ${all.length}`,
    ...all.slice(0, shownMax).map((line) => `  ${line}`),
    ...(all.length > shownMax ? [`  and ${all.length - shownMax} more`] : []),
  ]
  return [
    `Chaos: ${options.seconds} s, seed ${options.seed}, ${options.platforms.join(', ')}`,
    `  mutations: ${log.entries.length} (${list(told)}), reads: ${log.reads}`,
    `  writes that the platforms heard: ${writes}, changes made directly there: ${changes}`,
    `  acts: ${list(acts)}`,
    `  clients met: ${list(log.met)}`,
    `  journal: ${list(Object.entries(findings.journal))}; settled after ${settleMs} ms`,
    `  in doubt and settled: ${findings.settled}`,
    ...shown('  in doubt and not settled', findings.unsettled),
    ...(calmMs === null ? [] : [`  the machine ran undisturbed for ${calmMs} ms of ${loadMs} ms`]),
    ...(excused.length > 0 ? shown('  while the machine stood still', excused) : []),
    ...shown('  violations', findings.violations),
    ...(ran.inconclusive === null ? [] : [`  inconclusive: ${ran.inconclusive}`]),
  ].join('\n')
}

const options = readOptions(process.argv.slice(2))
const ran = await run(options)
console.log(report(options, ran))
process.exit(ran.findings.violations.length > 0 ? 1 : ran.inconclusive === null ? 0 : 2)
