// `npm run check:sql`: is the recogniser ever wrong? It is compared with Postgres's grammar (libpg-query) on the statements
// of Postgres's regression suite and on a million made from them and from the corpora (a fifth of which it accepts), and with a real server's command tags
// on what psql sends when it runs the suite. Fails where it is wrong, or where more than 0.5 % of what the grammar accepts
// is unsure. Arguments: [statements to make, 1000000] [seed, 20261125].

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { recognise } from '../../src/sql/index.ts'
import { startTap, type Tapped } from '../help/tap.ts'
import { cutApart, suiteTexts } from '../regression/names.ts'
import { openPlace, runFile, source, suiteFiles, suiteMissing } from '../regression/suite.ts'
import { compare } from './compare.ts'
import { choices, cut, dressed, knownStatements, strewnIn } from './fuzz.ts'
import { loadOracle, oracle } from './oracle.ts'
import { contradiction } from './tags.ts'

const unsureShareMax = 0.005
const shownMax = 10
/** The longest statement that others are made from, in characters. */
const knownMax = 1_000

/** Counts verdicts over texts, and prints them. */
class Tally {
  readonly #name: string
  readonly #counts = { equal: 0, refused: 0, unsure: 0, wrong: 0 }
  readonly #reasons = new Map<string, number>()

  constructor(name: string) {
    this.#name = name
  }

  count(verdict: 'equal' | 'refused'): void {
    this.#counts[verdict] += 1
  }

  unsure(reason: string): void {
    this.#counts.unsure += 1
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
  }

  wrong(what: string): void {
    this.#counts.wrong += 1
    if (this.#counts.wrong <= shownMax) console.log(`WRONG ${what}`)
  }

  /** Prints; true where all is well. */
  report(): boolean {
    const { equal, refused, unsure, wrong } = this.#counts
    const share = unsure / Math.max(1, equal + unsure + wrong)
    console.log(
      `${this.#name}: ${equal} right, ${wrong} wrong, ${unsure} unsure ` +
        `(${(share * 100).toFixed(2)} %), ${refused} that Postgres refuses`,
    )
    const reasons = [...this.#reasons].toSorted(([, one], [, other]) => other - one)
    for (const [reason, count] of reasons) console.log(`  ${count} unsure: ${reason}`)
    return wrong === 0 && share <= unsureShareMax
  }
}

function judge(text: string, tally: Tally): void {
  try {
    const verdict = compare(text)
    if (verdict !== 'unsure') return tally.count(verdict)
    const recognition = recognise(text, { standardConformingStrings: true })
    tally.unsure(recognition.certain ? '' : recognition.reason)
  } catch (error) {
    tally.wrong(String(error))
  }
}

function checkSuite(texts: readonly string[]): boolean {
  const tally = new Tally('the suite against the grammar')
  for (const text of texts) judge(text, tally)
  return tally.report()
}

function checkMade(texts: readonly string[], { count, seed }: { count: number; seed: number }) {
  const short = texts.filter((text) => text.length < knownMax && (oracle(text)?.length ?? 0) > 0)
  const known = [...knownStatements(), ...short.map(cut)]
  const made = new Tally(`${count} made, seed ${seed}, against the grammar`)
  fc.assert(
    fc.property(choices, fc.nat(2), (chosen, changes) => {
      const tokens = known[chosen.start % known.length] ?? []
      judge(changes === 0 ? dressed(tokens, chosen) : strewnIn(tokens, chosen, changes), made)
    }),
    { seed, numRuns: count },
  )
  return made.report()
}

/** What psql sends when it runs the suite, and the tags it gets; taken once. */
async function tappedSuite(): Promise<readonly Tapped[]> {
  const file = join(source, 'tapped.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Tapped[]
  console.log('running the suite once to see what psql sends …')
  const place = await openPlace()
  const tap = await startTap({ port: place.cluster.port })
  const door = { port: tap.port, user: 'postgres', password: 'postgres' }
  for (const name of suiteFiles()) await runFile(name, { place, door })
  await tap.close()
  await place.close()
  writeFileSync(file, JSON.stringify(tap.tapped))
  return tap.tapped
}

async function checkTags(): Promise<boolean> {
  const tally = new Tally('the suite against a server’s command tags')
  for (const { sql, tags, error, conforming } of await tappedSuite()) {
    if (error !== null) {
      tally.count('refused')
      continue
    }
    const recognition = recognise(sql, { standardConformingStrings: conforming })
    if (!recognition.certain) {
      tally.unsure(recognition.reason)
      continue
    }
    const found = contradiction(recognition.statements, tags)
    if (found === null) tally.count('equal')
    else tally.wrong(`${found}: ${JSON.stringify(sql)}`)
  }
  return tally.report()
}

const missing = suiteMissing()
if (missing !== null) {
  console.error(missing)
  process.exit(1)
}
const [count = '1000000', seed = '20261125'] = process.argv.slice(2)
await loadOracle()
const texts = [...new Set(suiteTexts().flatMap(cutApart))]
const well = [
  checkSuite(texts),
  checkMade(texts, { count: Number(count), seed: Number(seed) }),
  await checkTags(),
]
process.exit(well.every(Boolean) ? 0 : 1)
