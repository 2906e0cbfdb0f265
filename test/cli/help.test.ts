// Goal: whoever does not know a command finds it, and how to write it, by asking; what is asked wrongly ends with 2 and
// says how it is asked rightly; programs get nothing but the answer on standard output. Method: the command as a process.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ran, root, sluice, sluiceWords } from './ran.ts'

const top = `Usage: sluice [options] [command]

Sluice: a Postgres proxy that writes through to SaaS APIs

Options:
  --version    print the version
  -h, --help   print help

Run:
  dev          everything on this machine: Postgres, sandboxes, service, sync
               process, listener
  listener     the process that speaks the Postgres protocol to clients
  service      the process that holds credentials and calls the platforms
  sync         the process that keeps tables as the platforms are
  migrate      bring the store to the schema of this version, and end

Set up:
  connect      make a link with which somebody connects an account (OAuth)
  connections  accounts at the platforms: list, set-key, set-app, remove
  apps         our OAuth apps at the platforms: list, set
  databases    the databases that tables are in: list, set
  syncs        accounts mirrored into schemas of databases: list, create, apply,
               schema, status, allow, password, revoke, pause, resume, resync,
               add-table, remove-table, repair, webhook-secret, drop

Who may come:
  tokens       who may use the HTTP API: list, create, revoke
  listeners    the keys with which listeners come: list, create, revoke
  keys         the keys that seal the store: rotate

Look and mend:
  state        what runs: processes, leases, what is left to do, buckets
  doctor       what is wrong with a sync, or with all of them, and what to do
  mutations    the journal of what was written: list, show, retry
  errors       the catalogue of errors, or one of them
  recover      one pass now: apply what was accepted, find out what is in doubt
  pause        disconnect and refuse the clients of a sync, and read nothing
  resume       go on with a paused sync

Shell:
  completion   print the completion script of a shell
  help         print the help of a command

SLUICE_STORE_URL and SLUICE_KEYS say which store; without them it is that of sluice dev.
Exit codes: 0 done, 1 it failed, 2 it was not asked for rightly.
More about a command: sluice help <command>
`

const retry = `Usage: sluice mutations retry <id> [--yes | --dry-run] [--service <url>]

send a refused mutation again, where that can neither double nor undo anything

Options:
  --yes            send it; without it, what would be sent is shown
  --dry-run        only show what would be sent
  --service <url>  the service; SLUICE_SERVICE_URL where absent, or
                   http://127.0.0.1:8787
  -h, --help       print help

Only what was refused, with nothing written, for a reason that passes (see
\`sluice errors\`) can be sent again, and only where no later mutation has written
the same. It goes through the HTTP API as a new mutation with a new id. Who sent
it first was told that nothing was written, and may have sent it again
elsewhere: that nobody but you can know.

Example:
  sluice mutations retry 0192f7c2-6d5e-4b6a-9b3c-8f1f0c5f1a10 --yes
`

test('help is printed when it is asked for, with 0, and when nothing is asked for, on stderr with 2', async () => {
  for (const args of [['help'], ['--help'], ['-h']]) {
    assert.deepEqual(await sluice(args), { code: 0, out: top, err: '' })
  }
  assert.deepEqual(await sluice([]), { code: 2, out: '', err: top })
})

test('a command and a group say what they take, each way of asking', async () => {
  for (const args of [['help', 'mutations', 'retry'], ['mutations', 'retry', '--help']]) {
    assert.deepEqual(await sluice(args), { code: 0, out: retry, err: '' })
  }
  const group = await sluice(['help', 'tokens'])
  assert.equal(group.code, 0)
  assert.match(group.out, /^Usage: sluice tokens <command> \[options\]$/m)
  assert.match(group.out, /^ {2}create {2,}make a token of the HTTP API, which is shown once$/m)
  assert.match(group.out, /^Examples:\n {2}sluice tokens list --admin$/m)
  assert.deepEqual((await sluice(['tokens'])).code, 2)
})

/** The names below a heading of the help of a group or of the whole. */
function namesIn(help: string): string[] {
  return [...help.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = '']) => name)
    .filter((name) => !name.startsWith('-'))
}

test('every command has a help of its own with an example, and the example is read rightly', async () => {
  const groups = ['connections', 'apps', 'databases', 'syncs', 'tokens', 'listeners', 'keys']
  const all: string[][] = namesIn(top).filter((name) => name !== 'help').map((name) => [name])
  for (const group of [...groups, 'mutations']) {
    all.splice(all.findIndex(([name]) => name === group), 1)
    all.push(...namesIn((await sluice(['help', group])).out).map((name) => [group, name]))
  }
  assert.ok(all.length >= 45, `${all.length} commands`)
  for (const words of all) {
    const { code, out } = await sluice(['help', ...words])
    assert.equal(code, 0, words.join(' '))
    assert.ok(out.startsWith(`Usage: sluice ${words.join(' ')}`), out)
    const [, example = ''] = /\nExample:\n {2}(.*)\n$/.exec(out) ?? []
    assert.ok(example.includes(`sluice ${words.join(' ')}`), `${words.join(' ')}: ${example}`)
    const options = new Set(out.match(/(?<=^ {2}(?:-\w, )?)--[\w-]+/gm))
    const [, , behind = ''] = /^(.*?)sluice (.*)$/.exec(example) ?? []
    const used = behind.split(/ [<>] /)[0]?.match(/--[\w-]+/g) ?? []
    assert.deepEqual(used.filter((option) => !options.has(option)), [], example)
    for (const option of out.split('\n')[0]?.match(/--[\w-]+/g) ?? []) {
      assert.ok(options.has(option), `${words.join(' ')}: ${option} is not explained`)
    }
  }
})

test('what is asked wrongly ends with 2, says what is wrong, and prints nothing on standard output', async () => {
  const wrong: [string[], RegExp][] = [
    [['bogus'], /unknown command 'bogus'\nAll commands: sluice help\n$/],
    [['syncs', 'lst'], /unknown command 'lst'[^]*Did you mean list\?[^]*: sluice help syncs\n$/],
    [['syncs', 'list', '--bogus'], /unknown option '--bogus'[^]*Usage: sluice syncs list/],
    [['syncs', 'create', '--id'], /option '--id <sync>' argument missing/],
    [['errors', 'one', 'two'], /too many arguments/],
    [['mutations', 'show'], /missing required argument 'id'/],
    [
      ['mutations', 'show', 'x'],
      /the id of a mutation is a UUID\nUsage: sluice mutations show <id>/,
    ],
    [['completion', 'tcsh'], /there are scripts for bash, zsh, fish/],
    [['completion', 'toString'], /there are scripts for bash, zsh, fish/],
    [['errors', 'no_such'], /no error has the code or SQLSTATE "no_such"/],
    [['syncs', 'list'], /^SLUICE_STORE_URL is not set\n$/],
  ]
  for (const [args, words] of wrong) {
    const { code, out, err } = await sluice(args)
    assert.deepEqual([code, out], [2, ''], `${args.join(' ')}: ${err}`)
    assert.match(err, words)
    assert.ok(err.trimEnd().split('\n').length <= 3, `${args.join(' ')}: ${err}`)
  }
})

test('the catalogue of errors is listed, also as JSON, and one is explained', async () => {
  const { out } = await sluice(['errors'])
  const [titles = '', ...rows] = out.trimEnd().split('\n')
  assert.equal(titles, 'code\tsqlstate\thttp\twhose\tagain\tmessage')
  assert.ok(
    rows.includes('row_locked\t55P03\t409\tplatform\tlater\t<platform> has locked the record'),
  )
  const json = JSON.parse((await sluice(['errors', '--json'])).out) as { code: string }[]
  assert.deepEqual(json.map(({ code }) => code), rows.map((row) => row.split('\t')[0]))
  const one = await sluice(['errors', 'outcome_unknown'])
  assert.match(one.out, /^outcome_unknown: [^]*^SQLSTATE {2}40003$[^]*^again {5}look first/m)
  const both = JSON.parse((await sluice(['errors', '55p03', '--json'])).out) as { code: string }[]
  assert.deepEqual(both.map(({ code }) => code), ['row_locked', 'lock_not_available'])
})

test('the version is that of the package', async () => {
  const file = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.deepEqual(await sluice(['--version']), { code: 0, out: `${file.version}\n`, err: '' })
})

test('the launcher of the package starts it on this runtime, and on an older Node by Deno', async () => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>
  }
  assert.deepEqual(bin, { sluice: 'workers/sluice.js' })
  const expected = await sluice(['errors', '40003'])
  assert.deepEqual(await ran(sluiceWords(['errors', '40003'], 'sluice.js')), expected)
  assert.deepEqual(await ran([join(root, 'workers', 'sluice.js'), 'errors', '40003']), expected)
  const wrong = await ran([join(root, 'workers', 'sluice.js'), 'errors', 'none'])
  assert.equal(wrong.code, 2)
})
