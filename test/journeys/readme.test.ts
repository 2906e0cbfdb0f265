// Goal: the README does not lie. Method: its sessions and commands are run against the whole system and compared with
// what it shows; its table of errors with the catalogue; its variables with what the workers read.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { withDeadline } from '../../src/lib/deadline.ts'
import { errorRows, tableCells } from '../help/readme-errors.ts'
import {
  commandFlaw,
  commandsIn,
  commandsOfCode,
  commandsOfMarkdown,
} from '../help/named-commands.ts'
import { metricRows, metricsOf } from '../help/readme-metrics.ts'
import { describedPlatforms, platformTable } from '../help/readme-platforms.ts'
import { startSystem, type System } from '../help/system.ts'
import { requirePsql, runSteps } from './psql.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

let system: System

before(async () => {
  requirePsql()
  system = await startSystem()
})
after(() => system?.stop())

/** A fenced block that is run: a ```psql-session, or an ```sh with `<!-- run -->` above it. */
interface Block {
  readonly kind: 'psql' | 'sh'
  readonly text: string
  /** Line of the fence in the README, from 1. */
  readonly line: number
}

function blocksOf(markdown: string): Block[] {
  const pattern = /^```psql-session\n([^]*?)^```$|^<!-- run -->\n\s*```sh\n([^]*?)^```$/gm
  return [...markdown.matchAll(pattern)].map((match): Block => ({
    kind: match[1] === undefined ? 'sh' : 'psql',
    text: match[1] ?? match[2] ?? '',
    line: markdown.slice(0, match.index).split('\n').length,
  }))
}

interface Step {
  readonly input: string
  readonly output: string
}

/** psql's prompts for a new and for a continued statement: database, state (`=`, `-`, `(`, …), transaction, user. */
const firstPrompt = /^demo=[*!?]?[>#] ?/
const nextPrompt = /^demo[-*'"$(][*!?]?[>#] ?/

/** What is typed, statement by statement, and what psql answers. */
function stepsOf(session: string): Step[] {
  const steps: { input: string[]; output: string[] }[] = []
  for (const line of session.trimEnd().split('\n')) {
    const last = steps.at(-1)
    if (firstPrompt.test(line)) {
      steps.push({ input: [line.replace(firstPrompt, '')], output: [] })
    } else if (last === undefined) throw new Error(`A session begins with a prompt: ${line}`)
    else if (nextPrompt.test(line)) last.input.push(line.replace(nextPrompt, ''))
    else last.output.push(line)
  }
  return steps.map(({ input, output }) => ({ input: input.join('\n'), output: output.join('\n') }))
}

/**
 * What differs from run to run is masked, character by character, so that columns keep their width: a Salesforce id
 * (18 letters and digits, of which the first three name the object: `003…` is a contact), and a date, with or without a
 * time. Spaces at the end of a line do not count.
 */
function masked(text: string): string {
  return text.split('\n').map((line) => line.trimEnd()).join('\n').trimEnd()
    .replaceAll(/\b[0a][0-9A-Za-z]{2}[0-9A-Za-z]{12}[A-Z0-5]{3}\b/g, (id) => 'x'.repeat(id.length))
    .replaceAll(
      /\b\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?)?/g,
      (date) => 'd'.repeat(date.length),
    )
}

/** The README has the default ports; the system under test has others. */
function withPorts(command: string): string {
  const ports: Record<string, number> = {
    6432: system.listenerPort,
    6433: system.databasePort,
    8787: system.servicePort,
    8788: system.sandboxPort,
  }
  return command.replaceAll(/\b(6432|6433|8787|8788)\b/g, (port) => String(ports[port]))
}

const shellWaitMs = 240_000

async function runShell(script: string): Promise<{ code: number | null; output: string }> {
  const env = {
    ...process.env,
    SLUICE_DATA_DIR: system.dataDir,
    SLUICE_DATABASE_PORT: String(system.databasePort),
  }
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const child = spawn('sh', ['-e', '-c', script], { cwd: root, env, stdio })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => output += chunk)
  }
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  try {
    return { code: await withDeadline(closed, { waitMs: shellWaitMs, what: script }), output }
  } finally {
    child.kill('SIGKILL')
  }
}

const blocks = blocksOf(readme)

test('the README has a session to run', () => {
  assert.ok(blocks.some(({ kind }) => kind === 'psql'), 'no ```psql-session in README.md')
})

for (const { kind, text, line } of blocks) {
  test(`README.md, line ${line}: what it shows is what happens`, async () => {
    if (kind === 'sh') {
      const { code, output } = await runShell(withPorts(text))
      assert.equal(code, 0, output)
      assert.notEqual(output.trim(), '', 'it prints something')
      return
    }
    const steps = stepsOf(text)
    assert.ok(steps.length > 0)
    const outputs = await runSteps(system.tlsUrl(), steps.map(({ input }) => input))
    const shown = steps.map(({ input, output }) => ({ input, output: masked(output) }))
    const happened = steps.map(({ input }, i) => ({ input, output: masked(outputs[i] ?? '') }))
    assert.deepEqual(happened, shown)
  })
}

test('the table of errors is the catalogue', () => {
  const table = /<!-- errors -->([^]*?)<!-- \/errors -->/.exec(readme)?.[1]
  assert.ok(table !== undefined, 'README.md has no <!-- errors --> … <!-- /errors -->')
  const [head, _rule, ...rows] = tableCells(table)
  const advice = 'deno run -A test/help/readme-tables.ts writes the table'
  assert.deepEqual(head, ['fault', 'SQLSTATE', 'what it means'], advice)
  assert.deepEqual(rows, errorRows(), advice)
})

test('the table of metrics is that of the code, and every metric of the code is in it', () => {
  const table = /<!-- metrics -->([^]*?)<!-- \/metrics -->/.exec(readme)?.[1]
  assert.ok(table !== undefined, 'README.md has no <!-- metrics --> … <!-- /metrics -->')
  const [, _rule, ...rows] = tableCells(table)
  assert.deepEqual(rows, metricRows(), 'deno run -A test/help/readme-tables.ts writes the table')
})

test('the tables of Stripe and GitHub are those of the adapters', async () => {
  for (const platform of describedPlatforms) {
    const pattern = new RegExp(`<!-- ${platform} -->([^]*?)<!-- /${platform} -->`)
    const [, _rule, ...rows] = tableCells(pattern.exec(readme)?.[1] ?? '')
    const expected = tableCells(await platformTable(platform)).slice(2)
    assert.deepEqual(rows, expected, 'deno run -A test/help/readme-tables.ts writes the tables')
  }
})

test('every variable that a worker reads is explained, and no other', () => {
  const namesIn = (text: string) => new Set(text.match(/\bSLUICE_[A-Z][A-Z_]*[A-Z]\b/g) ?? [])
  const files = readdirSync(join(root, 'workers'), { recursive: true, encoding: 'utf8' }).filter((
    name,
  ) => name.endsWith('.ts'))
  const read = namesIn(
    files.map((name) => readFileSync(join(root, 'workers', name), 'utf8')).join(),
  )
  const explained = namesIn(readme)
  assert.deepEqual([...read].filter((name) => !explained.has(name)), [], 'read, not explained')
  assert.deepEqual([...explained].filter((name) => !read.has(name)), [], 'explained, not read')
})

/** The text of all files of a folder that end with `.ts`. */
function codeIn(folder: string): string {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return files.filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8')).join('\n')
}

test('every command that is named, here or in what Sluice says, is one, with options that it has', async () => {
  const { output } = await runShell('npm run --silent sluice -- completion bash')
  const known = commandsIn(output)
  assert.ok(known.size > 40, `${known.size} commands`)
  const groups = new Set([...known.keys()].filter((name) => name.includes(' ')).map(firstWord))
  const named = [
    ...['README.md', 'SECURITY.md'].flatMap((file) =>
      commandsOfMarkdown(readFileSync(join(root, file), 'utf8'))
    ),
    ...['src', 'workers'].flatMap((folder) => commandsOfCode(codeIn(folder), groups)),
  ]
  assert.ok(named.length > 100, `${named.length} are named`)
  const flaws = named.map((each) => [each.text, commandFlaw(each, known)])
  assert.deepEqual(flaws.filter(([, flaw]) => flaw !== null), [])
})

test('a command is found in prose and in code, and what is wrong with it is told', () => {
  const known = new Map([['syncs list', ['--json']], ['doctor', []]])
  const told = commandsOfMarkdown(
    'see `sluice syncs list --json`\n```sh\nnpx sluice doctor -x # y\n```\n',
  )
  assert.deepEqual(told.map((each) => commandFlaw(each, known)), [null, 'it has no -x'])
  const code =
    'hint: `Do: sluice syncs make --id ${id}` // the sluice syncs tables; sluice doctor --sync'
  const made = commandsOfCode(code, new Set(['syncs']))
  assert.deepEqual(made.map((each) => [each.words.join(' '), commandFlaw(each, known)]), [
    ['syncs make', 'there is no such command'],
    ['syncs tables', 'there is no such command'],
    ['doctor', 'it has no --sync'],
  ])
})

const firstWord = (text: string) => text.split(' ')[0] ?? ''

test('what is to be looked at in trouble is there: events of the logs, and metrics', () => {
  const section = /^## Troubleshooting$([^]*?)^## /m.exec(readme)?.[1] ?? ''
  const code = codeIn('src') + codeIn('workers')
  const cells = section.split('\n').flatMap((line) => line.split(' | ')[1] ?? [])
  const events = cells.flatMap((cell) => [...cell.matchAll(/\bevents? ([^;]*)/g)])
    .flatMap(([, text = '']) => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  assert.ok(events.length >= 20, `${events.length} events`)
  // the sync process names them by what the trouble is
  const isThere = (name: string) =>
    code.includes(`'${name}'`) || code.includes(`'${name.replace(/^sync\./, '')}'`) ||
    new RegExp(`\\b${name}: `).test(code)
  assert.deepEqual(events.filter((name) => !isThere(name)), [])
  const metrics = new Set(
    ['listener', 'service', 'sync'].flatMap((process) =>
      metricsOf(process as 'sync').map(({ name }) => name)
    ),
  )
  const named = section.match(/\bsluice_[a-z_]+/g) ?? []
  assert.ok(named.length >= 8, `${named.length} metrics`)
  assert.deepEqual(named.filter((name) => !metrics.has(name)), [])
})

test('a session is read as psql shows it', () => {
  const steps = stepsOf(
    `demo=> select\ndemo->   1;\n 1\ndemo=*> \\set x\ndemo=!# with a (\ndemo(> x)\nout\n\nmore`,
  )
  assert.deepEqual(steps, [
    { input: 'select\n  1;', output: ' 1' },
    { input: '\\set x', output: '' },
    { input: 'with a (\nx)', output: 'out\n\nmore' },
  ])
  assert.equal(
    masked('0035j000000000LAAQ |  \n2026-01-05 08:06:00+00'),
    `${'x'.repeat(18)} |\n${'d'.repeat(22)}`,
  )
  assert.deepEqual(blocksOf('a\n```sh\nno\n```\n<!-- run -->\n\n```sh\nyes\n```\n'), [
    { kind: 'sh', text: 'yes\n', line: 5 },
  ])
})
