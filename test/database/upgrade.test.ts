// Goal: a database that an older Sluice has made is brought up to date, with mutations under way, and ends up as a new one
// would be. Method: version-1.sql, which is what version 1 left there, on every Postgres there is.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import {
  type About,
  applyRows,
  closeSql as closeNow,
  encodeTicketRows,
  ensureTable,
  installDatabase,
  openSql,
  ticketMac,
} from '../../src/database/index.ts'
import { hmacPads } from '../../src/database/ticket.ts'
import { contacts, makeDatabase, servers, type Started, startServer, ticketKey } from './fixture.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const version1 = readFileSync(join(folder, 'version-1.sql'), 'utf8')
const oldMutation = 'aaaaaaaa-0000-4000-8000-000000000009'

for (const server of servers) {
  describe(`Postgres ${server.name}`, () => {
    let started: Started
    before(async () => {
      started = await startServer(server)
    })
    after(async () => {
      await started?.stop()
    })
    shapeTests(() => started)
    busyTests(() => started)
  })
}

/** Runs `work` on a database as version 1 left it, with one mutation applied; `sql` has several connections. */
async function withVersion1(
  started: Started,
  work: (sql: postgres.Sql, at: { name: string; url: string }) => Promise<void>,
): Promise<void> {
  const database = await makeDatabase(started)
  const sql = postgres(database.url, {
    max: 4,
    onnotice: () => {},
    connection: { statement_timeout: 120_000 },
  })
  try {
    await makeVersion1(sql)
    await work(sql, database)
  } finally {
    await sql.end({ timeout: 5 }) // a test that fails leaves a transaction open
  }
}

async function makeVersion1(sql: postgres.Sql): Promise<void> {
  const { ipad, opad } = hmacPads(ticketKey)
  await sql.unsafe(version1)
  await sql`insert into sluice.secret (ipad, opad) values (${ipad}, ${opad})`
  await sql`insert into sluice.mutations (id, sync_id, schema_name, table_name, operation, rows)
    values (${oldMutation}, 'sync_a', 'salesforce', 'contacts', 'update', 3)`
}

/** Opens `apply` for one new row; without `about` as an engine of version 1 does. */
async function openApply(sql: postgres.ReservedSql, id: string, about?: About): Promise<void> {
  const [session] = await sql`select pg_backend_pid() as pid`
  const mac = ticketMac(ticketKey, { mode: 'apply', mutationId: id, pid: Number(session?.['pid']) })
  const row = { ordinal: 1, id: id.slice(0, 18), values: { email: 'n@a.co' } }
  const rows = encodeTicketRows(contacts, 'insert', [row], { about })
  await sql.unsafe(openSql, ['apply', id, mac, '1', rows])
}

const statement = `insert into salesforce.contacts (email) values ('n@a.co')`
/** The close of version 1, word for word. */
const closeSql = 'select sluice.close($1::pg_catalog.text::pg_catalog.uuid, $2::pg_catalog.text,' +
  ' $3::pg_catalog.text::pg_catalog.regclass, $4::pg_catalog.text, $5::pg_catalog.text::pg_catalog.int4)'
const closeOf = (id: string) => [id, 'sync_a', 'salesforce.contacts', 'insert', '1']

const appliedSql =
  `select id::text, outcome, rows, requests from sluice.mutations order by applied_at`
const oldRow = { id: oldMutation, outcome: 'accepted', rows: 3, requests: null }
const newRow = (id: string) => ({ id, outcome: 'accepted', rows: 1, requests: null })

/** All that makes up schema sluice and the synced table, without the numbers that differ from database to database. */
const shapeSql = `
  select format('column %s.%s %s %s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as it
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
  where c.relnamespace in ('sluice'::regnamespace, 'salesforce'::regnamespace) and c.relkind in ('r', 'v')
  union all select format('relation %s %s %s %s', oid::regclass, relkind, relacl, reloptions) from pg_class
  where relnamespace in ('sluice'::regnamespace, 'salesforce'::regnamespace)
  union all select format('view %s', pg_get_viewdef(oid)) from pg_class
  where relnamespace = 'sluice'::regnamespace and relkind = 'v'
  union all select format('function %s %s', pg_get_functiondef(oid), proacl) from pg_proc
  where pronamespace = 'sluice'::regnamespace
  union all select format('trigger %s %s', pg_get_triggerdef(oid), tgenabled) from pg_trigger where not tgisinternal
  union all select format('comment %s %s %s', objoid::regclass, objsubid, description) from pg_description
  where classoid = 'pg_class'::regclass and objoid::regclass::text ~ '^(sluice|salesforce)[.]'
  order by it`

function shapeTests(started: () => Started): void {
  test('a database of version 1 becomes what a new one is, and keeps what was noted', async () => {
    await withVersion1(started(), async (sql) => {
      await installDatabase(sql, { ticketKey })
      await ensureTable(sql, contacts)
      assert.deepEqual([...await sql.unsafe(appliedSql)], [oldRow])
      assert.deepEqual([...await sql`select version from sluice.version order by 1`], [
        { version: 1 },
        { version: 2 },
        { version: 3 },
        { version: 4 },
        { version: 5 },
      ])
      const fresh = postgres((await makeDatabase(started())).url, { max: 1, onnotice: () => {} })
      try {
        await installDatabase(fresh, { ticketKey })
        await ensureTable(fresh, contacts)
        assert.deepEqual(await shapeOf(sql), await shapeOf(fresh))
      } finally {
        await fresh.end()
      }
    })
  })

  test('whoever brings it up to date, all of it stays with its owner, and works', async () => {
    const { name, url } = await makeDatabase(started())
    const superuser = postgres(url, { max: 1, onnotice: () => {} })
    const owner = `owner_${name}`
    try {
      await superuser.unsafe(
        `create role ${owner} login password 'x'; grant create on database ${name} to ${owner}`,
      )
      const owned = postgres(url.replace('postgres:postgres@', `${owner}:x@`), {
        max: 1,
        onnotice: () => {},
      })
      await makeVersion1(owned)
      await owned.end()
      await installDatabase(superuser, { ticketKey })
      const owners = await superuser`
        select distinct relowner::regrole::text as name from pg_class where relnamespace = 'sluice'::regnamespace
        union select proowner::regrole::text from pg_proc where pronamespace = 'sluice'::regnamespace`
      assert.deepEqual([...owners], [{ name: owner }])
      const session = await superuser.reserve()
      const id = randomUUID()
      await session`begin`
      await openApply(session, id)
      await session.unsafe(statement)
      await session.unsafe(closeSql, closeOf(id))
      await session`commit`
      assert.deepEqual([...await session.unsafe(appliedSql)], [oldRow, newRow(id)])
      session.release()
    } finally {
      await superuser.end()
    }
  })
}

async function shapeOf(sql: postgres.Sql): Promise<string[]> {
  return (await sql.unsafe(shapeSql)).map(({ it }) => String(it))
}

const untilWaitMs = 60_000

/** As whoever installs does: where a lock was not to be had in time, it is tried again. */
async function installPatiently(sql: postgres.Sql): Promise<void> {
  const deadline = Date.now() + untilWaitMs
  for (;;) {
    try {
      return await installDatabase(sql, { ticketKey })
    } catch (error) {
      const isBusy = (error as { code?: unknown }).code === '55P03'
      if (!isBusy || Date.now() > deadline) throw error
    }
  }
}

/** Resolves when `sql` gives a row. Meanwhile nobody may wait for a table of ours with another in hand. */
async function until(sql: postgres.Sql, text: string): Promise<void> {
  const deadline = Date.now() + untilWaitMs
  for (;;) {
    const { count } = await sql.unsafe(text)
    assert.deepEqual([...await sql.unsafe(waitingWithLocks)], [], 'waits with locks in hand')
    if (count > 0) return
    assert.ok(Date.now() < deadline, `still not so: ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const waiting = `select relation::regclass::text as name from pg_locks where locktype = 'relation'
  and not granted and database = (select oid from pg_database where datname = current_database())`

/** `tickets` is what installing locks first, so that it has no other yet. With another in hand it would be a deadlock. */
const waitingWithLocks = `${waiting} and relation in
  (select oid from pg_class where relnamespace = 'sluice'::regnamespace and relname <> 'tickets')`

function busyTests(started: () => Started): void {
  test('a mutation of version 1 that is under way ends first, with the words of version 1', async () => {
    await withVersion1(started(), async (sql) => {
      const session = await sql.reserve()
      const id = randomUUID()
      await session`begin`
      await openApply(session, id)
      const installing = installPatiently(sql)
      installing.catch(() => {}) // looked at below
      await until(sql, waiting)
      await session.unsafe(statement)
      await session.unsafe(closeSql, closeOf(id))
      await session`commit`
      session.release()
      await installing
      assert.deepEqual([...await sql.unsafe(appliedSql)], [oldRow, newRow(id)])
    })
  })

  test('a listener of version 1 goes on after it', async () => {
    await withVersion1(started(), async (sql) => {
      await installDatabase(sql, { ticketKey })
      const session = await sql.reserve()
      const id = randomUUID()
      await session`begin`
      await openApply(session, id)
      await session.unsafe(statement)
      await session.unsafe(closeSql, closeOf(id))
      await session`commit`
      session.release()
      assert.deepEqual([...await sql.unsafe(appliedSql)], [oldRow, newRow(id)])
    })
  })

  test('a listener and a recovery of this version work with a database of version 1', async () => {
    await withVersion1(started(), async (sql) => {
      const session = await sql.reserve()
      const [id, recovered] = [randomUUID(), randomUUID()]
      await session`begin`
      const about = { outcome: 'accepted', login: 'demo', requests: 1, durationMs: 1 } as const
      await openApply(session, id, about)
      await session.unsafe(statement)
      await session.unsafe(closeNow, closeOf(id))
      await session`commit`
      session.release()
      await applyRows(sql, {
        table: contacts,
        operation: 'upsert',
        rows: [{ id: '003R', values: { email: 'r@a.co' } }],
        ticketKey,
        mutationId: recovered,
        noted: { operation: 'insert', rows: 1 },
      })
      const noted = await sql`select id::text, operation from sluice.mutations order by applied_at`
      assert.deepEqual([...noted], [
        { id: oldMutation, operation: 'update' },
        { id, operation: 'insert' },
        { id: recovered, operation: 'insert' },
      ])
    })
  })

  test('while one table of ours is held, mutations go on and none is the victim of a deadlock', async () => {
    await withVersion1(started(), async (sql) => {
      // as an INSERT does between its look at `mutations` and its ticket
      const holder = await sql.reserve()
      await holder`begin`
      await holder`select from sluice.mutations`
      const installing = installPatiently(sql)
      installing.catch(() => {}) // looked at below
      await until(
        sql,
        `select from pg_stat_activity where datname = current_database()
          and state = 'idle in transaction' and query ilike 'rollback to%'`,
      )
      const id = randomUUID()
      await openApply(holder, id)
      await holder.unsafe(statement)
      await holder.unsafe(closeSql, closeOf(id))
      await holder`commit`
      holder.release()
      await installing
      assert.deepEqual([...await sql.unsafe(appliedSql)], [oldRow, newRow(id)])
    })
  })

  test('a table that is held for too long is an error, and the database is as it was', async () => {
    await withVersion1(started(), async (sql) => {
      const holder = await sql.reserve()
      await holder`begin`
      await holder`select from sluice.mutations`
      await assert.rejects(installDatabase(sql, { ticketKey }), { code: '55P03' })
      await holder`commit`
      holder.release()
      assert.equal((await sql`select from sluice.mutations`).count, 1)
      await installDatabase(sql, { ticketKey })
      assert.deepEqual([...await sql.unsafe(appliedSql)], [oldRow])
    })
  })
}
