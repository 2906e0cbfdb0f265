// Ways: the order of messages, names of statements and portals, and frames that are cut or put together.

import { Buffer } from 'node:buffer'
import { decodeBackend } from '../../../src/wire/backend.ts'
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  flush,
  sync,
} from '../../../src/wire/frontend.ts'
import { encodeMessage } from '../../../src/wire/writer.ts'
import type { RawClient } from '../../help/stage.ts'
import { fill, functionsSql, type Names, type Way, write } from './way.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** The SQLSTATEs of the errors up to `readies` ReadyForQuery, or to the end of the connection. */
async function answers(client: RawClient, readies = 1): Promise<string[]> {
  const states: string[] = []
  for (let left = readies; left > 0;) {
    const frame = await client.next()
    if (frame === null) return states
    const message = decodeBackend({ tag: frame[0] ?? 0, bytes: frame })
    if (message.type === 'ReadyForQuery') left -= 1
    if (message.type === 'ErrorResponse') states.push(message.fields.get('C') ?? '')
  }
  return states
}

type Say = (sql: string, names: Names) => readonly Uint8Array[]

const way = (
  name: string,
  messages: Say,
  extra: Partial<Way> & { readies?: number } = {},
): Way => {
  const { readies = 1, ...more } = extra
  return {
    name: `protocol: ${name}`,
    speak: async (client, names) => {
      client.send(...messages(fill(write, names), names))
      return await answers(client, readies)
    },
    through: 'heard',
    ...more,
  }
}

const parse = (name: string, sql: string) => encodeParse({ name, sql: bytes(sql) })
const bind = (portal: string, statement: string, parameters: readonly Uint8Array[] = []) =>
  encodeBind({ portal, statement, parameters: [...parameters] })
const execute = (portal: string, rowsMax = 0) => encodeExecute({ portal, rowsMax })

/** CopyData, CopyDone and CopyFail. */
const copyData = (text: string) => encodeMessage('d', (writer) => writer.bytes(bytes(text)))
const copyDone = encodeMessage('c', () => {})

const extended: readonly Way[] = [
  way('Parse, Bind, Execute', (sql) => [parse('', sql), bind('', ''), execute(''), sync]),
  way('names', (sql) => [parse('s', sql), bind('p', 's'), execute('p'), sync]),
  way('names of ours', (sql) => [
    parse('sluice_step', sql),
    bind('sluice_run', 'sluice_step'),
    execute('sluice_run'),
    sync,
  ], {
    through: 'either',
    throughStates: ['0A000', '42P05', '42P03', 'SL002', '26000', '34000', '42602'],
  }),
  way('the name that refuses', (sql) => [
    parse('sluice_refused_the_mutation', sql),
    bind('sluice_refused_the_mutation', 'sluice_refused_the_mutation'),
    execute('sluice_refused_the_mutation'),
    sync,
  ]),
  way('a parameter', (_, { t }) => [
    parse('', `update ${t} set last_name = $1`),
    bind('', '', [bytes(`evil'; drop table x; --`)]),
    execute(''),
    sync,
  ]),
  way('a name that is closed and used again', (sql) => [
    parse('s', 'select 1'),
    bind('', 's'),
    execute(''),
    encodeClose('statement', 's'),
    parse('s', sql),
    bind('', 's'),
    execute(''),
    sync,
  ]),
  way('a name that stands for two at a time', (sql) => [
    parse('s', 'select 1'),
    sync,
    parse('s', sql),
    bind('', 's'),
    execute(''),
    sync,
    encodeClose('statement', 's'),
    parse('s', sql),
    sync,
    bind('', 's'),
    execute(''),
    sync,
  ], { readies: 4 }),
  way('an unnamed statement that is replaced before Execute', (sql) => [
    parse('', sql),
    bind('p', ''),
    parse('', 'select 1'),
    execute('p'),
    sync,
  ]),
  way('a portal that outlives its statement', (sql) => [
    parse('s', sql),
    bind('p', 's'),
    encodeClose('statement', 's'),
    execute('p'),
    sync,
  ], { through: 'either', throughStates: ['SL002', '0A000', '26000', '34000'] }),
  way('two in one pipeline', (sql, { t }) => [
    parse('', sql),
    bind('', ''),
    execute(''),
    parse('', `update ${t} set email = 'evil'`),
    bind('', ''),
    execute(''),
    sync,
  ]),
  way('an unfinished pipeline', (sql) => [
    parse('a', 'select 1'),
    bind('', 'a'),
    execute(''),
    flush,
    parse('', sql),
    bind('', ''),
    execute(''),
    flush,
    sync,
  ]),
  way('Describe before and after', (sql) => [
    parse('', sql),
    encodeDescribe('statement', ''),
    bind('', ''),
    encodeDescribe('portal', ''),
    execute(''),
    sync,
  ]),
  way('a row at a time', (sql) => [
    parse('', `${sql} returning id`),
    bind('', ''),
    execute('', 1),
    execute('', 1),
    execute('', 1),
    sync,
  ]),
  way('Parse now, Execute after others', (sql) => [
    parse('s', sql),
    sync,
    encodeQuery('select 1'),
    parse('', 'select 2'),
    bind('', ''),
    execute(''),
    sync,
    bind('', 's'),
    execute(''),
    sync,
  ], { readies: 4 }),
  way('an error in between', (sql) => [
    parse('', 'selekt'),
    bind('', ''),
    execute(''),
    sync,
    parse('', sql),
    bind('', ''),
    execute(''),
    sync,
  ], { readies: 2 }),
  way('what is skipped after an error, and what is not', (sql) => [
    parse('s', sql),
    bind('p', 'nothing'),
    execute('p'),
    sync,
    parse('r', sql),
    bind('p', 'r'),
    execute('p'),
    sync,
  ], { readies: 2 }),
  way('a Query in a pipeline', (sql) => [parse('', 'select 1'), bind('', ''), encodeQuery(sql)]),
  way('a prepared statement of SQL, bound', (sql) => [
    encodeQuery(`prepare p as ${sql}`),
    bind('', 'p'),
    execute(''),
    sync,
  ], { readies: 2, through: 'refused' }),
  way('a statement of the protocol, by EXECUTE', (sql) => [
    parse('p', sql),
    sync,
    encodeQuery('execute p'),
  ], { readies: 2 }),
  way('DEALLOCATE and another of the name', (sql) => [
    parse('s', 'select 1'),
    sync,
    encodeQuery('deallocate s'),
    parse('s', sql),
    bind('', 's'),
    execute(''),
    sync,
  ], { readies: 3 }),
  way('DISCARD ALL and another of the name', (sql) => [
    parse('s', 'select 1'),
    sync,
    encodeQuery('discard all'),
    parse('s', sql),
    bind('', 's'),
    execute(''),
    sync,
  ], { readies: 3 }),
  way('a cursor of SQL as a portal', (sql) => [
    encodeQuery('begin'),
    encodeQuery('declare c cursor for select 1'),
    execute('c'),
    sync,
    parse('', sql),
    bind('', ''),
    execute(''),
    sync,
    encodeQuery('commit'),
  ], { readies: 5 }),
]

const simple: readonly Way[] = [
  way('a Query', (sql) => [encodeQuery(sql)]),
  way('a Query, a byte at a time', () => [], {
    speak: async (client, names) => {
      for (const byte of encodeQuery(fill(write, names))) client.send(Uint8Array.of(byte))
      return await answers(client)
    },
  }),
  way('many Queries at once', (sql) => [
    ...Array.from({ length: 50 }, () => encodeQuery('select 1')),
    encodeQuery(sql),
    encodeQuery('select 2'),
  ], { readies: 52 }),
  way('a Query with a NUL within', (sql) => [
    encodeMessage('Q', (writer) => writer.bytes(bytes(`select 1\0${sql}\0`))),
    encodeQuery(sql),
  ], { readies: 2 }),
  way('a Query without its NUL', (sql) => [
    encodeMessage('Q', (writer) => writer.bytes(bytes(sql))),
    encodeQuery(sql),
  ], { readies: 2, throughStates: ['08P01'] }),
  way('a mutation in the frame of a Sync', (sql) => [
    encodeMessage('S', (writer) => writer.bytes(bytes(sql))),
    encodeQuery(sql),
  ], { readies: 2, throughStates: ['08P01'] }),
  way('COPY FROM STDIN', (_, { t }) => [
    encodeQuery(`copy ${t} (last_name) from stdin`),
    copyData('evil\n'),
    copyDone,
  ]),
  way('COPY FROM STDIN, CSV', (_, { t }) => [
    encodeQuery(`copy ${t} (last_name) from stdin with (format csv, header)`),
    copyData('last_name\n"evil"\n'),
    copyDone,
  ]),
  way('COPY in the extended protocol', (_, { t }) => [
    parse('', `copy ${t} (last_name) from stdin`),
    bind('', ''),
    execute(''),
    sync,
    copyData('evil\n'),
    copyDone,
    sync,
  ], { through: 'either', throughStates: ['0A000', 'SL002', '57014', '08P01'] }),
  way('a view with a rule', (_, { w, t }) => [
    encodeQuery(`create view ${w}.v as select * from ${t}`),
    encodeQuery(
      `create rule r as on insert to ${w}.v do instead insert into ${t} (last_name) values (new.last_name)`,
    ),
    encodeQuery(`insert into ${w}.v (last_name) values ('evil')`),
  ], { readies: 3 }),
  way('the Function Call message', () => [], {
    setup: functionsSql,
    speak: async (client, { w }) => {
      client.send(encodeQuery(`select '${w}.f()'::regprocedure::oid`))
      let oid = 0
      for (const frame of await client.until('Z')) {
        const message = decodeBackend({ tag: frame[0] ?? 0, bytes: frame })
        if (message.type === 'DataRow') {
          oid = Number(Buffer.from(message.values[0] ?? []).toString())
        }
      }
      client.send(encodeMessage('F', (writer) => {
        writer.int32(oid)
        for (const count of [0, 0, 0]) writer.int16(count)
      }))
      return await answers(client)
    },
    through: 'refused',
  }),
]

export const protocolWays: readonly Way[] = [...extended, ...simple]
