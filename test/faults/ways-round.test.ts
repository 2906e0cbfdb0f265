// Goal: nobody who has the role that a customer gets can write to a synced table without the platform having heard of it
// first. Method: every way of writing that we know, three times: on a plain table, where it works; on a synced table
// straight at Postgres, where it fails; and through the proxy, where it fails or the platform is asked. After each the
// table is exactly what the platform has.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { applyRows } from '../../src/database/index.ts'
import type { OutcomeRow, Values } from '../../src/mutation/mutation.ts'
import { type Carry, createStage, rawClient, type Stage } from '../help/stage.ts'
import { definitionWays } from './ways/definitions.ts'
import { functionWays } from './ways/functions.ts'
import { protocolWays } from './ways/protocol.ts'
import { settingWays } from './ways/settings.ts'
import { statementWays } from './ways/statements.ts'
import { fill, type Names, type Way } from './ways/way.ts'

const groups: Readonly<Record<string, readonly Way[]>> = {
  statements: statementWays,
  settings: settingWays,
  definitions: definitionWays,
  functions: functionWays,
  protocol: protocolWays,
}

let stage: Stage
let serverMajor = 0
/** What the platform has, by id. */
const platform = new Map<string, Values>()
let sparse = false
let runs = 0
let made = 0

const seeds: readonly [id: string, values: Values][] = [
  ['003A', { first_name: 'Ada', last_name: 'A', email: 'a@a.co', name: 'Ada A' }],
  ['003B', { first_name: 'Bob', last_name: 'B', email: 'b@b.co', name: 'Bob B' }],
]

const empty: Values = {
  first_name: null,
  last_name: null,
  email: null,
  score: null,
  tags: null,
  seen: null,
  name: null,
}

before(async () => {
  stage = await createStage()
  const { role, sql } = stage
  const database = String(stage.direct().database)
  const [version] = await sql`select current_setting('server_version_num')::int / 10000 as major`
  serverMajor = Number(version?.['major'])
  // as workers/demo.ts grants it
  await sql.unsafe(`
    grant connect, create, temporary on database ${database} to ${role};
    grant usage, create on schema public to ${role};
    create schema twin authorization ${role};
    create table twin.contacts (like salesforce.contacts including all);
    create sequence twin.ids;
    alter table twin.contacts alter column id set default 'T' || nextval('twin.ids');
    alter sequence twin.ids owner to ${role};
    alter table twin.contacts owner to ${role}`)
  stage.carry = carry
})
after(() => stage.close())

/** Accepts everything, and keeps it. */
const carry: Carry = (mutation) => {
  const rows = mutation.rows.map((row): OutcomeRow => {
    const id = row.id ?? `003N${++made}`
    const { ordinal } = row
    if (mutation.operation === 'delete') {
      platform.delete(id)
      return { ordinal, id, values: null }
    }
    const values = { ...empty, ...platform.get(id), ...row.values }
    values['name'] = [values['first_name'], values['last_name']].filter(Boolean).join(' ')
    platform.set(id, values)
    return { ordinal, id, values: sparse ? { ...row.values, name: values['name'] } : values }
  })
  return Promise.resolve({ state: 'accepted', rows })
}

const columns = 'id, first_name, last_name, email, score::text, tags::text, seen::text, name'

async function rowsOf(table: string): Promise<Record<string, unknown>[]> {
  return [...await stage.sql.unsafe(`select ${columns} from ${table} order by id`)]
}

/** What the synced table has to hold. */
function truth(): Record<string, unknown>[] {
  return [...platform].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([id, values]) => ({ id, ...empty, ...values }))
}

async function reset(): Promise<void> {
  await stage.empty()
  platform.clear()
  for (const [id, values] of seeds) platform.set(id, { ...empty, ...values })
  await applyRows(stage.sql, {
    table: stage.table,
    operation: 'upsert',
    rows: [...platform].map(([id, values]) => ({ id, values })),
    ticketKey: Buffer.from(stage.config.ticketKey, 'base64'),
  })
  stage.sent.length = 0
}

/** The twin as it was, whatever a way has made of it. */
async function resetTwin(): Promise<void> {
  await stage.sql.unsafe(`
    drop schema if exists twin cascade;
    create schema twin authorization ${stage.role};
    create table twin.contacts (like salesforce.contacts including all);
    alter table twin.contacts alter column id set default 'T' || substr(md5(random()::text), 1, 8);
    alter table twin.contacts owner to ${stage.role}`)
  for (const [id, values] of seeds) {
    const { first_name = null, last_name = null, email = null, name = null } = values
    await stage.sql`insert into twin.contacts (id, first_name, last_name, email, name)
      values (${id}, ${first_name}, ${last_name}, ${email}, ${name})`
  }
}

function namesOf(schema: string): Names {
  const escaped = (letter: string) => `\\${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  const escape = (name: string) => `U&"${name.replaceAll(/./g, escaped)}"`
  return {
    t: `${schema}.contacts`,
    schema,
    table: 'contacts',
    w: `way${++runs}`,
    unicode: `${escape(schema)}.${escape('contacts')}`,
    role: stage.role,
  }
}

interface Ran {
  /** SQLSTATEs, in the order in which they came. */
  readonly states: readonly string[]
  readonly messages: readonly string[]
}

async function run(
  way: Way,
  { names, config, look = () => Promise.resolve() }: {
    names: Names
    config: pg.ClientConfig
    /** Called before what the way has made is taken away. */
    look?: () => Promise<void>
  },
): Promise<Ran> {
  const { w } = names
  const { sql, role } = stage
  await sql.unsafe(`create schema ${w} authorization ${role}`)
  try {
    for (const text of way.owner ?? []) await sql.unsafe(fill(text, names))
    await prepare(way, names)
    const ran = way.speak === undefined
      ? await walk(way, { names, config })
      : await speak(way.speak, { names, config })
    await look()
    return ran
  } finally {
    for (const text of way.ownerAfter ?? []) await sql.unsafe(fill(text, names))
    await sql.unsafe(`drop schema if exists ${w} cascade`)
    await sql.unsafe(`drop schema if exists ${w}_moved cascade`)
  }
}

async function prepare(way: Way, names: Names): Promise<void> {
  if (way.setup === undefined) return
  const client = new pg.Client(stage.direct())
  await client.connect()
  try {
    for (const text of way.setup) await client.query(fill(text, names))
  } finally {
    await client.end()
  }
}

async function walk(
  { steps = [] }: Way,
  { names, config }: { names: Names; config: pg.ClientConfig },
): Promise<Ran> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  const ran = { states: [] as string[], messages: [] as string[] }
  try {
    for (const step of steps) {
      const query = typeof step === 'string'
        ? fill(step, names)
        : { text: fill(step.text, names), values: [...step.values] }
      await (client.query(query as string) as Promise<unknown>).catch((error: unknown) => {
        const { code = '?', message } = error as { code?: string; message: string }
        ran.states.push(code)
        ran.messages.push(message)
      })
    }
  } finally {
    await client.end()
  }
  return ran
}

async function speak(
  talk: NonNullable<Way['speak']>,
  { names, config }: { names: Names; config: pg.ClientConfig },
): Promise<Ran> {
  const client = await rawClient(config)
  try {
    return { states: await talk(client, names), messages: [] }
  } finally {
    client.destroy()
  }
}

function wordsOf({ states, messages }: Ran): string {
  return states.map((state, at) => `${state} ${messages[at] ?? ''}`).join(' | ')
}

function assertRefused(ran: Ran, allowed: readonly string[]): void {
  const refused = ran.states.some((state) => allowed.includes(state))
  assert.ok(refused, `refused by ${wordsOf(ran) || 'nobody'}`)
}

async function onPlain(way: Way): Promise<void> {
  await resetTwin()
  const whole = () =>
    stage.sql.unsafe('select to_jsonb(c) as row from twin.contacts c order by 1')
      .then((rows) => rows.map(({ row }) => row as unknown), () => 'gone or another')
  const before = await whole()
  let now: unknown
  const look = async () => void (now = await whole())
  const ran = await run(way, { names: namesOf('twin'), config: stage.direct(), look })
  assert.notDeepEqual(now, before, `it does not write: ${wordsOf(ran)}`)
}

async function straight(way: Way): Promise<void> {
  await reset()
  const ran = await run(way, { names: namesOf('salesforce'), config: stage.direct() })
  assert.deepEqual(await rowsOf('salesforce.contacts'), truth())
  assert.equal(stage.sent.length, 0)
  if (way.direct === 'nothing') assert.deepEqual(ran.states, [])
  else assertRefused(ran, way.states ?? ['SL002'])
}

async function throughProxy(way: Way): Promise<void> {
  await reset()
  sparse = way.platform === 'sparse'
  const before = truth()
  const ran = await run(way, { names: namesOf('salesforce'), config: stage.through() })
  sparse = false
  assert.deepEqual(
    await rowsOf('salesforce.contacts'),
    truth(),
    'the table is what the platform has',
  )
  const why = wordsOf(ran)
  const states = way.throughStates ?? way.states ?? ['SL002']
  const heard = stage.sent.length > 0
  switch (way.through) {
    case 'heard':
      assert.ok(heard, `the platform heard nothing: ${why}`)
      return assert.notDeepEqual(truth(), before)
    case 'either':
      if (!heard) assertRefused(ran, states)
      return
    case 'refused':
      assert.equal(heard, false, 'the platform was asked')
      return assertRefused(ran, states)
    case 'nothing':
      assert.equal(heard, false, 'the platform was asked')
      return assert.deepEqual(ran.states, [], why)
  }
}

/** `WAYS=cascade` runs those alone that have the word in their names. */
const word = process.env['WAYS'] ?? ''

for (const [group, ways] of Object.entries(groups)) {
  describe(group, () => {
    for (const way of ways.filter(({ name }) => name.includes(word))) {
      test(way.name, async (t) => {
        if (serverMajor < (way.since ?? 0)) return t.skip(`Postgres ${way.since} has it`)
        await onPlain(way)
        await straight(way)
        await throughProxy(way)
      })
    }
  })
}

test('they are more than 150, each with a name of its own', () => {
  const names = Object.values(groups).flat().map(({ name }) => name)
  assert.ok(names.length >= 150, String(names.length))
  assert.equal(new Set(names).size, names.length)
})

test('after all of them the triggers are what they were, and the session of a client is an ordinary one', async () => {
  const triggers = await stage.sql`
    select tgname, tgenabled from pg_trigger where tgrelid = 'salesforce.contacts'::regclass order by 1`
  assert.deepEqual(triggers.map(({ tgenabled }) => tgenabled), ['A', 'A', 'A', 'A', 'A'])
  const [role] = await stage.sql`
    select rolsuper, rolreplication, rolbypassrls, rolcreaterole from pg_roles where rolname = ${stage.role}`
  assert.deepEqual({ ...role }, {
    rolsuper: false,
    rolreplication: false,
    rolbypassrls: false,
    rolcreaterole: false,
  })
})
