// Goal: fly.toml is what Fly reads, and says what the processes need. Method: the schema of fly.toml where ../shared is, and
// the words of the file against one another and against the sources.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { parse } from 'smol-toml'
import { readDockerfile, readIgnore } from './dockerfile.ts'

const project = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const schemaFile = join(project, '..', 'shared', 'specs', 'fly', 'fly.schema.json')
const read = (name: string) => readFileSync(join(project, name), 'utf8')

interface Fly {
  readonly env: Readonly<Record<string, string>>
  readonly kill_signal: string
  readonly kill_timeout: string
  readonly processes: Readonly<Record<string, string>>
  readonly deploy: { readonly release_command: string }
  readonly services: readonly {
    readonly processes: readonly string[]
    readonly internal_port: number
    readonly ports: readonly { readonly port: number; readonly handlers: readonly string[] }[]
  }[]
}

const fly = JSON.parse(JSON.stringify(parse(read('fly.toml')))) as Fly

test('it keeps to the schema', { skip: !existsSync(schemaFile) && 'no ../shared here' }, () => {
  const ajv = new Ajv({ strict: false })
  const isValid = ajv.validate(JSON.parse(readFileSync(schemaFile, 'utf8')) as object, fly)
  assert.deepEqual(isValid ? [] : ajv.errors, [])
})

test('every process and the release command is a worker, which is in the image and compiled there', () => {
  const inContext = readIgnore(read('.dockerignore'))
  const compiled = readDockerfile(read('Dockerfile'))
    .filter(({ word, rest }) => word === 'RUN' && rest.startsWith('deno cache'))
    .flatMap(({ rest }) => rest.split(/\s+/))
  const words = [...Object.values(fly.processes), fly.deploy.release_command]
  for (const file of words.map((line) => line.split(' ')[0] ?? '')) {
    assert.ok(existsSync(join(project, file)), `${file} is there`)
    assert.ok(inContext(file), `${file} is in the context`)
    assert.ok(compiled.includes(file), `${file} is compiled`)
  }
})

test('a process has time to drain before it is killed', () => {
  assert.equal(fly.kill_signal, 'SIGTERM')
  const killMs = Number(fly.kill_timeout.replace(/s$/, '')) * 1_000
  const ms = (name: string) => Number(fly.env[name])
  const noticeMs = ms('SLUICE_DRAIN_NOTICE_MS')
  // the service first ends what is in the background, in half of its drain, and then flushes for 10 s
  assert.ok(killMs > noticeMs + 1.5 * ms('SLUICE_DRAIN_MS') + 12_000)
  assert.ok(killMs > noticeMs + ms('SLUICE_DRAIN_WAIT_MS') + 1_000)
})

test('ports are those that the processes listen on; the listener hears the client’s address', () => {
  const portOf = (process: string) =>
    fly.services.find(({ processes }) => processes.includes(process))
  const listener = portOf('listener')
  assert.equal(String(listener?.internal_port), fly.env['SLUICE_LISTENER_PORT'])
  assert.deepEqual(listener?.ports, [{
    port: 5432,
    handlers: ['proxy_proto'],
    proxy_proto_options: { version: 'v2' },
  }])
  assert.notEqual(fly.env['SLUICE_PROXY_FROM'], undefined)
  assert.equal(
    fly.env['SLUICE_TLS_REQUIRED'],
    'on',
    'no statement crosses the internet in the clear',
  )
  assert.equal(String(portOf('service')?.internal_port), fly.env['SLUICE_SERVICE_PORT'])
})

test('the image’s user is not root, and its processes may neither write nor run anything', () => {
  const steps = readDockerfile(read('Dockerfile'))
  const last = (word: string) => steps.findLast((step) => step.word === word)?.rest ?? ''
  assert.notEqual(last('USER'), '')
  assert.notEqual(last('USER'), 'root')
  const flags = JSON.parse(last('ENTRYPOINT')) as string[]
  assert.ok(!flags.some((flag) => /^(-A|--allow-(all|write|run|ffi))\b/.test(flag)))
})

test('the image’s Deno is the one that the tests run on', () => {
  const { devDependencies } = JSON.parse(read('package.json')) as {
    devDependencies: Record<string, string>
  }
  assert.match(
    read('Dockerfile'),
    new RegExp(`^FROM denoland/deno:${devDependencies['deno']}$`, 'm'),
  )
})
