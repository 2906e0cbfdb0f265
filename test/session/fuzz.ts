// Random sessions, the same for the same seed, and two servers to hold them with: Postgres alone, and Postgres behind the
// listener. What both answer must be the same, frame by frame.

import { Buffer } from 'node:buffer'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import {
  encodeBind,
  encodeClose,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  flush,
  sync,
} from '../../src/wire/frontend.ts'
import { encodeMessage } from '../../src/wire/writer.ts'
import { bytesOf, render } from '../help/golden.ts'
import { secondDatabase } from '../help/second.ts'
import { createStage, type RawClient, rawClient, type Stage } from '../help/stage.ts'

/** Numbers from 0 up to a bound, the same for the same seed (mulberry32). */
export type Draw = (bound: number) => number

export function drawing(seed: number): Draw {
  let state = seed | 0
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

const of = <T>(draw: Draw, list: readonly [T, ...T[]]): T => list[draw(list.length)] ?? list[0]

/** Messages that are owed so many ReadyForQuery. */
export interface Turn {
  readonly messages: readonly Uint8Array[]
  readonly rounds: number
}

interface Known {
  readonly draw: Draw
  /** As the last ReadyForQuery said: I, T or E. */
  readonly status: string
  /** The next number that no record has. */
  readonly fresh: () => number
  /** Numbers of the records that were to be inserted. */
  readonly inserted: number[]
}

// rows come in an order that is asked for: without one, it depends on where in the table there was room
const queries: readonly [string, ...string[]] = [
  '',
  ';',
  '-- nothing',
  'select 1',
  `select 1 as one, null, 'two' as "Two"; select 3`,
  'select 1; select 1/0; select 2',
  'selec 1',
  'select * from nosuch',
  'select generate_series(1, 40) as n',
  `select repeat('x', 3000)`,
  'values (1, true), (2, null)',
  'begin',
  'begin',
  'begin; select 1',
  'begin isolation level serializable read only',
  'commit',
  'commit',
  'rollback',
  'rollback',
  'savepoint a',
  'rollback to a',
  'release a',
  'commit and chain',
  `set application_name = 'fuzz'`,
  `set local statement_timeout = '90s'`,
  'set search_path to public',
  'set search_path to salesforce, public',
  'reset search_path',
  'set standard_conforming_strings = off',
  'set standard_conforming_strings = on',
  'set client_encoding = latin1',
  'set client_encoding = utf8',
  'show search_path',
  'create temp table if not exists mine (a int primary key, b text)',
  `insert into mine values (1, 'a'), (2, 'b') on conflict do nothing returning *`,
  `update mine set b = b || 'x' returning a`,
  'delete from mine where a = 2',
  'drop table if exists mine',
  'truncate mine',
  `prepare one as select $1::int + 1 as n`,
  `prepare two (text) as insert into public.local_notes (body) values ($1) returning body`,
  'execute one (41)',
  `execute two ('contacts')`,
  'deallocate one',
  'deallocate all',
  'explain (costs off) select 1',
  'declare c cursor for select generate_series(1, 5)',
  'fetch 2 from c',
  'move 1 in c',
  'close c',
  'listen fuzz',
  'unlisten *',
  `do $$ begin raise notice 'contacts: update'; end $$`,
  `do $$ begin raise exception 'no' using errcode = '12345', detail = 'd', hint = 'h'; end $$`,
  `select 'insert into contacts' as text`,
  'select count(*) from salesforce.contacts -- update contacts',
  'select id, name, email, score from salesforce.contacts order by id for update',
  'select id as delete from contacts order by 1',
  `insert into public.local_notes values ('c', 'contacts') returning *`,
  `update public.local_notes set body = 'contacts' where contact_id = 'c'`,
  'delete from public.local_notes',
  'select count(*) from public.local_notes',
  `insert into public.plain values (1, 'contacts') on conflict (id) do update set body = excluded.body returning *`,
  'insert into public.plain values (1)',
  'delete from public.plain; insert into public.plain values (1)',
  'select * from public.plain order by id',
  'copy (select * from public.plain order by id) to stdout',
  'copy (select 1, null) to stdout (format csv)',
  'lock table public.plain in share mode',
  `select current_setting('server_encoding'), current_user = session_user`,
  'discard all',
  'discard plans',
  'analyze public.plain',
  'vacuum public.plain',
]

const parameterised: readonly [
  readonly [string, ...string[]],
  ...(readonly [string, ...string[]])[],
] = [
  ['select 1'],
  ['select $1::int + 1 as n', '41'],
  ['select $1::text as "update contacts"', 'x'],
  ['select generate_series(1, $1::int)', '7'],
  ['select $1::int / $2::int', '1', '0'],
  ['insert into public.plain values ($1, $2) on conflict do nothing returning *', '3', 'contacts'],
  ['update public.plain set body = $1', 'contacts'],
  ['insert into public.local_notes select id, $1 from salesforce.contacts', 'n'],
  ['select name from salesforce.contacts where id = $1 or $1 is null order by 1', ''],
  ['with gone as (delete from public.local_notes returning body) select body from gone order by 1'],
  ['begin'],
  ['commit'],
  ['rollback'],
  ['savepoint b'],
  [''],
  ['selec'],
  ['set search_path to public'],
  ['show search_path'],
  ['deallocate all'],
  ['select pg_backend_pid() = pg_backend_pid()'],
  ['copy (select * from public.plain order by id) to stdout'],
]

const names: readonly [string, ...string[]] = ['', '', '', 's1', 's2']
const portals: readonly [string, ...string[]] = ['', '', '', 'p1']

/** A pipeline up to its Sync. */
function pipeline({ draw }: Known): Turn {
  const messages: Uint8Array[] = []
  for (let steps = 1 + draw(5); steps > 0; steps--) {
    const [sql, ...values] = of(draw, parameterised)
    const [name, portal] = [of(draw, names), of(draw, portals)]
    const parse = encodeParse({ name, sql })
    const bind = encodeBind({
      portal,
      statement: name,
      parameters: values.map((value) => draw(12) === 0 ? null : bytesOf(value)),
      resultFormats: draw(4) === 0 ? [1] : [],
    })
    const execute = encodeExecute({ portal, rowsMax: draw(3) === 0 ? 1 + draw(3) : 0 })
    const whole = [parse, bind, encodeDescribe('portal', portal), execute]
    const close = encodeClose('statement', name)
    switch (draw(9)) {
      case 0:
        messages.push(close)
        break
      case 1:
        messages.push(encodeDescribe(of(draw, ['statement', 'portal']), of(draw, names)))
        break
      case 2:
        // Postgres crashes when the unnamed portal of a Query that has failed is executed
        messages.push(encodeExecute({ portal: 'p1', rowsMax: draw(3) }))
        break
      case 3:
        messages.push(encodeClose('portal', portal), flush)
        break
      case 4:
        messages.push(...(name === '' ? [] : [close]), parse, encodeDescribe('statement', name))
        break
      case 5:
        messages.push(...(name === '' ? [] : [close]), ...whole, execute, flush)
        break
      default:
        messages.push(...(name === '' ? [] : [close]), ...whole)
    }
  }
  return { messages: [...messages, sync], rounds: 1 }
}

const copyData = (data: string) => encodeMessage('d', (writer) => writer.bytes(bytesOf(data)))
const copyDone = encodeMessage('c', () => {})

function copyIn({ draw, fresh }: Known): Turn {
  const line = () => `${fresh()}\tcontacts\n`
  const data = of(draw, [
    [line() + line(), line()],
    [line(), 'no number\n'],
    ['1', '7\tcut anywhere\n'],
    [],
  ]).map(copyData)
  const end = draw(4) === 0 ? encodeCopyFail('enough') : copyDone
  return {
    messages: [encodeQuery('copy public.plain from stdin -- contacts'), ...data, end],
    rounds: 1,
  }
}

/** A mutation of the synced table. */
function mutationText({ draw, fresh, inserted }: Known): string {
  const key = fresh()
  const target = inserted[draw(inserted.length || 1)] ?? 1
  const id = `003${String(target).padStart(15, '0')}`
  const value = of(draw, ['plain', `it''s`, 'größe', 'update contacts'])
  const sql = of(draw, [
    `insert into salesforce.contacts (last_name, email) values ('n${key}', '${value}')`,
    `insert into salesforce.contacts (last_name) values ('n${key}') returning id, name, score`,
    `insert into salesforce.contacts (last_name) select 'n${key}' where false returning id`,
    `update salesforce.contacts set first_name = '${value}' where id = '${id}'`,
    `update salesforce.contacts set score = coalesce(score, 0) + 1.50 where id = '${id}' returning score, name`,
    `delete from salesforce.contacts where id = '${id}'`,
    `delete from salesforce.contacts where id = '${id}' returning last_name`,
    `update salesforce.contacts set score = 'x' where id = '${id}'`,
    `update salesforce.contacts set nosuch = 1`,
    `with x as (delete from salesforce.contacts where id = '${id}' returning id) select count(*) from x`,
    `delete from salesforce.contacts where id = '${id}'; select 1 as one`,
  ])
  if (sql.startsWith('insert')) inserted.push(key)
  return sql
}

/** A string that ends the block that has failed, and goes on with a mutation. */
function afterFailure(known: Known): Turn {
  const ends = of(known.draw, ['rollback', 'commit', 'abort; select 1', 'rollback; begin; commit'])
  return { messages: [encodeQuery(`${ends}; ${mutationText(known)}`)], rounds: 1 }
}

/** int4pl, which may overflow; or a function that there is not. */
function functionCall({ draw }: Known): Turn {
  const call = encodeMessage('F', (writer) => {
    writer.int32(of(draw, [177, 177, 1])).int16(1).int16(1).int16(2)
    for (const value of [of(draw, [40, 2_147_483_647]), draw(3)]) writer.int32(4).int32(value)
    writer.int16(draw(2))
  })
  return { messages: [call], rounds: 1 }
}

/** A mutation by itself, outside a transaction block. */
function mutation(known: Known): Turn {
  const { draw } = known
  const sql = mutationText(known)
  if (draw(2) === 0 || sql.includes(';')) return { messages: [encodeQuery(sql)], rounds: 1 }
  const name = of(draw, names)
  const messages = [
    ...(name === '' ? [] : [encodeClose('statement', name)]),
    encodeParse({ name, sql }),
    ...(draw(2) === 0 ? [encodeDescribe('statement', name)] : []),
    encodeBind({ statement: name, portal: '', resultFormats: draw(3) === 0 ? [1] : [] }),
    ...(draw(2) === 0 ? [encodeDescribe('portal', '')] : []),
    encodeExecute({ portal: '', rowsMax: 0 }),
    sync,
  ]
  return { messages, rounds: 1 }
}

/** The next turn: a few units, all sent in one go. */
export function nextTurn(known: Known): Turn {
  const { draw, status } = known
  const units: Turn[] = []
  let outside = status === 'I'
  // or most of a session would be spent in blocks that have failed
  if (!outside && draw(3) === 0) {
    units.push({ messages: [encodeQuery('rollback')], rounds: 1 })
    outside = true
  }
  if (!outside && status === 'E' && draw(3) === 0) {
    units.push(afterFailure(known))
    outside = true
  }
  for (let count = 1 + draw(3); count > 0; count--) {
    const kind = draw(10)
    if (draw(20) === 0) units.push(functionCall(known))
    else if (kind === 0) units.push(copyIn(known))
    else if (kind < 3 && outside) units.push(mutation(known))
    else if (kind < 7) {
      units.push({ messages: [encodeQuery(of(draw, queries))], rounds: 1 })
      outside = false // a block may have begun
    } else {
      units.push(pipeline(known))
      outside = false
    }
  }
  return {
    messages: units.flatMap(({ messages }) => messages),
    rounds: units.reduce((sum, { rounds }) => sum + rounds, 0),
  }
}

/** The two servers. */
export interface Arena {
  readonly stage: Stage
  open(): Promise<{ alone: RawClient; behind: RawClient }>
  /** Removes all rows from both. */
  empty(): Promise<void>
  close(): Promise<void>
}

const idSql = `'003' || lpad(substr(new.last_name, 2), 15, '0')`
const schemaSql = `
  create schema salesforce;
  create table salesforce.contacts (
    id varchar(18) primary key, first_name text, last_name text, email text, score numeric, tags text[],
    seen timestamptz, name text);
  create table public.local_notes (contact_id text, body text);
  create table public.plain (id int primary key, body text);
  create function public.compute() returns trigger language plpgsql as $$
    begin
      new.id := coalesce(new.id, ${idSql});
      new.name := concat_ws(' ', new.first_name, new.last_name);
      return new;
    end $$;
  create trigger compute before insert or update on salesforce.contacts
    for each row execute function public.compute()`

/** Opens both: the same tables with and without Sluice, and a platform that names records as the trigger above does. */
export async function openArena(): Promise<Arena> {
  const stage = await createStage()
  const records = new Map<string, Record<string, string | null>>()
  stage.carry = (mutation) => Promise.resolve(carryOut(mutation, records))
  const { database, sql } = await secondDatabase(stage, schemaSql)
  return {
    stage,
    open: async () => {
      const [alone, behind] = await Promise.all([
        rawClient({ ...stage.direct(), database }),
        rawClient(stage.through()),
      ])
      return { alone, behind }
    },
    empty: async () => {
      records.clear()
      stage.sent.length = 0
      await stage.empty()
      await stage.sql.unsafe('truncate public.plain')
      await sql.unsafe('truncate salesforce.contacts, public.local_notes, public.plain')
    },
    close: async () => {
      await sql.end()
      await stage.close()
    },
  }
}

function carryOut(
  mutation: Mutation,
  records: Map<string, Record<string, string | null>>,
): Outcome {
  const rows = mutation.rows.map((row) => {
    const id = row.id ?? `003${(row.values['last_name'] ?? '').slice(1).padStart(15, '0')}`
    const values = { ...records.get(id), ...row.values }
    if (mutation.operation === 'delete') records.delete(id)
    else records.set(id, values)
    const name = [values['first_name'], values['last_name']].filter((part) => part !== null)
      .filter((part) => part !== undefined).join(' ')
    const answered = mutation.operation === 'delete' ? null : { ...values, name }
    return { ordinal: row.ordinal, id, values: answered }
  })
  return { state: 'accepted', rows }
}

/** Sends the bytes cut anywhere. */
async function sendInPieces(client: RawClient, bytes: Uint8Array, draw: Draw): Promise<void> {
  const largest = of(draw, [1_000_000, 400, 50, 7])
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + draw(largest))
    client.socket.write(bytes.subarray(at, end))
    at = end
    if (draw(3) === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

async function answers(client: RawClient, rounds: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for (let round = 0; round < rounds; round++) {
    const more = await client.until('Z')
    frames.push(...more)
    if (more.at(-1)?.[0] !== 'Z'.charCodeAt(0)) break
  }
  return frames
}

/** The place in Postgres's source tells whether a transaction was begun for the message or for one before: that differs. */
const shown = (frames: readonly Uint8Array[]): string[] =>
  frames.map((frame) => {
    const text = render(frame)
    return /^[EN]/.test(text)
      ? text.replace(/\0L\d+\0R\w+\0/, '\0').replace(/^(.) \d+/, '$1')
      : text
  })

export interface Difference {
  readonly seed: number
  readonly turn: number
  readonly sent: readonly string[]
  readonly alone: readonly string[]
  readonly behind: readonly string[]
}

export interface SessionOptions {
  readonly arena: Arena
  readonly seed: number
  readonly turnsMax: number
}

/** One session: how many messages it had, and the first turn that was answered differently. */
export async function runSession(
  { arena, seed, turnsMax }: SessionOptions,
): Promise<{ messages: number; difference: Difference | null }> {
  await arena.empty()
  const draw = drawing(seed)
  const cuts = drawing(seed + 1)
  const { alone, behind } = await arena.open()
  let [messages, status, count] = [0, 'I', 10]
  const inserted: number[] = []
  try {
    for (let turn = 0; turn < turnsMax; turn++) {
      const next = nextTurn({ draw, status, fresh: () => ++count, inserted })
      messages += next.messages.length
      const bytes = Buffer.concat(next.messages)
      alone.socket.write(bytes)
      await sendInPieces(behind, bytes, cuts)
      const [one, other] = await Promise.all([
        answers(alone, next.rounds),
        answers(behind, next.rounds),
      ])
      const [expected, got] = [shown(one), shown(other)]
      if (expected.length !== got.length || expected.some((frame, index) => frame !== got[index])) {
        return {
          messages,
          difference: { seed, turn, sent: next.messages.map(render), alone: expected, behind: got },
        }
      }
      status = String.fromCharCode(one.at(-1)?.[5] ?? 0)
    }
    return { messages, difference: null }
  } finally {
    alone.destroy()
    behind.destroy()
  }
}
