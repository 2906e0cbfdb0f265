// `npm run regress`: Postgres's own regression suite, directly and through the listener, each on a fresh cluster. Prints how
// many files pass either way and every file whose output differs. Fails where a difference is not explained below.

import { readFileSync } from 'node:fs'
import { suiteNames } from './names.ts'
import { startProxy } from './proxied.ts'
import {
  isExpected,
  openPlace,
  runFile,
  type SuiteDoor,
  suiteFiles,
  suiteMissing,
  type SuitePlace,
} from './suite.ts'

/** Files whose output is another one through the listener, and why. None is known. */
const explained: Readonly<Record<string, string>> = {}

const newerPsql =
  'a psql since 15.19 takes what follows a refused COPY FROM STDIN for its data; the suite is older'

/** Files that Postgres itself does not pass today, and why. */
const failing: Readonly<Record<string, string>> = {
  alter_table: newerPsql,
  copy: newerPsql,
  copy2: newerPsql,
  copyselect: newerPsql,
  generated: newerPsql,
  privileges: newerPsql,
  rowsecurity: newerPsql,
  horology: 'compares with the date of today in a way that holds only at some dates and hours',
}

interface Verdict {
  readonly name: string
  readonly direct: boolean
  readonly proxied: boolean
  /** The two outputs are the same, byte for byte. */
  readonly same: boolean
}

async function judge(
  name: string,
  { direct, proxied }: Record<'direct' | 'proxied', { place: SuitePlace; door: SuiteDoor }>,
): Promise<Verdict> {
  const [one, other] = await Promise.all([runFile(name, direct), runFile(name, proxied)])
  const hide = (output: string, { folder }: SuitePlace) =>
    readFileSync(output, 'latin1').replaceAll(folder, '…')
  return {
    name,
    direct: isExpected(name, one),
    proxied: isExpected(name, other),
    same: hide(one, direct.place) === hide(other, proxied.place),
  }
}

function report(verdicts: readonly Verdict[]): number {
  const passed = (how: 'direct' | 'proxied') => verdicts.filter((verdict) => verdict[how]).length
  console.log(`directly             ${passed('direct')} of ${verdicts.length} files pass`)
  console.log(`through the listener ${passed('proxied')} of ${verdicts.length} files pass`)
  for (const { name, direct, same } of verdicts) {
    if (!direct && same) {
      console.log(
        `${name}: fails either way with the same output: ${failing[name] ?? 'unknown why'}`,
      )
    }
  }
  const different = verdicts.filter(({ direct, proxied, same }) => !same && !(direct && proxied))
  for (const { name } of different) {
    console.log(
      `${name}: another output through the listener: ${explained[name] ?? 'NOT EXPLAINED'}`,
    )
  }
  if (different.length === 0) console.log('No file differs.')
  return different.filter(({ name }) => explained[name] === undefined).length
}

const missing = suiteMissing()
if (missing !== null) {
  console.error(missing)
  process.exit(1)
}
const places = await Promise.all([openPlace(), openPlace()])
const [direct, behind] = places
const names = suiteNames()
const proxy = await startProxy({ databasePort: behind.cluster.port, names })
const ways = {
  direct: {
    place: direct,
    door: { port: direct.cluster.port, user: 'postgres', password: 'postgres' },
  },
  proxied: { place: behind, door: proxy },
}
console.log(`${names.length} tables of the suite are looked at closely.`)
const only = process.argv.slice(2)
const verdicts: Verdict[] = []
for (const name of suiteFiles()) {
  verdicts.push(await judge(name, ways))
  if (only.length > 0 && only.every((wanted) => verdicts.some((done) => done.name === wanted))) {
    break
  }
}
const unexplained = report(verdicts)
await proxy.close()
for (const place of places) await place.close()
process.exit(unexplained === 0 ? 0 : 1)
