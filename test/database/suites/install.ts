// Installing, again and again, and on top of what is not ours.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import postgres from 'postgres'
import { ensureTable, installDatabase } from '../../../src/database/index.ts'
import type { SyncedTable } from '../../../src/mutation/table.ts'
import { column, contacts, makeDatabase, refused, rowsOf, seed, ticketKey } from '../fixture.ts'
import type { Context } from './context.ts'

/** Every object of schema sluice and of a synced table, with the transaction that wrote it last. */
const catalogueSql = `
  select 'class' as kind, oid::int, xmin::text from pg_class where relnamespace::regnamespace::text in ('sluice', 'salesforce')
  union all select 'proc', oid::int, xmin::text from pg_proc where pronamespace = 'sluice'::regnamespace
  union all select 'trigger', oid::int, xmin::text from pg_trigger where not tgisinternal
  union all select 'comment', objsubid, xmin::text from pg_description where objoid = 'salesforce.contacts'::regclass
  union all select 'secret', 0, xmin::text from sluice.secret
  union all select 'synced', 0, xmin::text from sluice.synced
  union all select 'fault', 0, xmin::text from sluice.faults
  union all select 'version', version, xmin::text from sluice.version
  order by 1, 2`

export function installSuite(context: Context): void {
  test('installing twice changes nothing', async () => {
    const { owner } = context.fixture
    const before = await owner.run(catalogueSql)
    await installDatabase(owner.sql, { ticketKey })
    await ensureTable(owner.sql, contacts)
    assert.deepEqual([...await owner.run(catalogueSql)], [...before])
  })

  test('a table in order is not locked again: ensureTable passes while somebody reads it', async () => {
    const { owner, client } = context.fixture
    await client.run('begin')
    await client.run('select * from salesforce.contacts')
    await ensureTable(owner.sql, contacts)
    await client.run('rollback')
  })

  test('many may install at once', async () => {
    const { url } = await makeDatabase(context.server)
    const sql = postgres(url, { max: 4, onnotice: () => {} })
    try {
      await Promise.all(Array.from({ length: 4 }, () => installDatabase(sql, { ticketKey })))
      await Promise.all(Array.from({ length: 4 }, () => ensureTable(sql, contacts)))
      assert.deepEqual([...await sql`select version from sluice.version`], [
        { version: 1 },
        { version: 2 },
        { version: 3 },
        { version: 4 },
        { version: 5 },
      ])
    } finally {
      await sql.end()
    }
  })

  test('another key takes the place of the old one', async () => {
    const { owner, client } = context.fixture
    await installDatabase(owner.sql, { ticketKey: new Uint8Array(100).fill(9) })
    await refused(client.open('lock'), '42501')
    await installDatabase(owner.sql, { ticketKey })
    await client.open('lock')
    await assert.rejects(installDatabase(owner.sql, { ticketKey: new Uint8Array() }), RangeError)
  })

  test('a database of a newer Sluice is left alone', async () => {
    const { url } = await makeDatabase(context.server)
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    try {
      await installDatabase(sql, { ticketKey })
      await sql`insert into sluice.version values (99)`
      await assert.rejects(installDatabase(sql, { ticketKey }), {
        message: 'Cannot install Sluice: the database has version 99, this Sluice knows 5',
      })
    } finally {
      await sql.end()
    }
  })

  test('a schema sluice of somebody else is refused', async () => {
    const { name, url } = await makeDatabase(context.server)
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    const lowly = `lowly_${name}`
    try {
      await sql.unsafe(`create role ${lowly} login password 'lowly'`)
      await sql.unsafe(`grant create on database ${name} to ${lowly}`)
      await sql.unsafe(`create schema sluice authorization pg_monitor`)
      const theirs = postgres(url.replace('postgres:postgres@', `${lowly}:lowly@`), { max: 1 })
      await assert.rejects(installDatabase(theirs, { ticketKey }), {
        message: 'Cannot install Sluice: schema sluice belongs to role "pg_monitor"',
      })
      await theirs.end()
    } finally {
      await sql.end()
    }
  })

  test('a role that is no superuser may install and own everything', async () => {
    const { name, url } = await makeDatabase(context.server)
    const admin = postgres(url, { max: 1, onnotice: () => {} })
    const role = `installer_${name}`
    try {
      await admin.unsafe(`create role ${role} login password 'x'`)
      await admin.unsafe(`grant create on database ${name} to ${role}`)
      const sql = postgres(url.replace('postgres:postgres@', `${role}:x@`), {
        max: 1,
        onnotice: () => {},
      })
      await installDatabase(sql, { ticketKey })
      await ensureTable(sql, contacts, { role: 'pg_monitor' })
      await refused(sql`insert into salesforce.contacts (email) values ('x')`, 'SL002')
      await sql.end()
    } finally {
      await admin.end()
    }
  })

  test('privileges that the database gives of itself are taken back', async () => {
    const { name, url } = await makeDatabase(context.server)
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    const role = `Every "one" ${name}`
    const quoted = `"${role.replaceAll('"', '""')}"`
    try {
      await sql.unsafe(`create role ${quoted} nologin`)
      for (const kind of ['tables', 'functions', 'sequences', 'schemas']) {
        await sql.unsafe(`alter default privileges grant all on ${kind} to ${quoted}`)
      }
      await installDatabase(sql, { ticketKey })
      await ensureTable(sql, contacts, { role })
      const [may] = await sql`select
        has_table_privilege(${role}, 'sluice.secret', 'select') as secret,
        has_table_privilege(${role}, 'sluice.tickets', 'insert') as tickets,
        has_function_privilege(${role}, 'sluice.mac(text)', 'execute') as mac,
        has_schema_privilege(${role}, 'sluice', 'create') as "create",
        has_schema_privilege(${role}, 'sluice', 'usage') as usage,
        has_table_privilege(${role}, 'salesforce.contacts', 'trigger') as trigger,
        has_table_privilege(${role}, 'salesforce.contacts', 'update') as update`
      assert.deepEqual(may, {
        secret: false,
        tickets: false,
        mac: false,
        create: false,
        usage: true,
        trigger: false,
        update: true,
      })
    } finally {
      await sql.end()
    }
  })

  test('columns, key, comments and triggers that a table lacks are added, its rows stay', async () => {
    const { owner } = context.fixture
    const wide: SyncedTable = {
      ...contacts,
      schema: 'hubspot',
      name: 'people',
      columns: [column('id', 'text'), column('a', 'text'), column('b', 'numeric(18, 2)')],
    }
    await owner.run(
      `create schema hubspot; create table hubspot.people (id text, mine int, a text)`,
    )
    await owner.run(`insert into hubspot.people values ('1', 5, 'x')`)
    await ensureTable(owner.sql, wide)
    assert.deepEqual(await rowsOf(owner, wide), ['(1,5,x,)'])
    await refused(owner.run(`update hubspot.people set mine = 6`), 'SL002')
    await refused(seed(owner, wide, `('1', 5, 'x', 1.5)`), '23505')
    await owner.run('rollback')
    await owner.run(`alter table hubspot.people disable trigger "~sluice_before"`)
    await ensureTable(owner.sql, wide)
    await refused(owner.run(`update hubspot.people set mine = 6`), 'SL002')
    await owner.run(`drop trigger "~sluice_truncate" on hubspot.people`)
    await ensureTable(owner.sql, wide)
    await refused(owner.run(`truncate hubspot.people`), 'SL002')
    const comments = await owner.run(
      `select attname::text as name, col_description(attrelid, attnum) as field
      from pg_attribute where attrelid = 'hubspot.people'::regclass and attnum > 0 order by 1`,
    )
    assert.deepEqual([...comments].map(({ name, field }) => [name, field]), [
      ['a', 'a'],
      ['b', 'b'],
      ['id', 'id'],
      ['mine', null],
    ])
  })

  test('what cannot be a synced table is refused and says why', async () => {
    const { owner } = context.fixture
    const table = (name: string, columns = contacts.columns): SyncedTable => ({
      ...contacts,
      schema: 'odd',
      name,
      columns,
    })
    await owner.run(`create schema odd; create view odd.view as select 'x'::text as id;
      create table odd.parent (id varchar(18) primary key); create table odd.child () inherits (odd.parent);
      create table odd.keyed (id varchar(18), other int primary key);
      create table odd.triggered (id varchar(18) primary key);
      create trigger "~~" before update on odd.triggered for each row execute function suppress_redundant_updates_trigger()`)
    const says = (promise: Promise<unknown>, message: string) =>
      assert.rejects(promise, { message })
    await says(
      ensureTable(owner.sql, table('view')),
      'Cannot sync into "odd"."view": it is not an ordinary table',
    )
    await says(
      ensureTable(owner.sql, table('parent')),
      'Cannot sync into "odd"."parent": other tables inherit from it',
    )
    await says(
      ensureTable(owner.sql, table('keyed')),
      'Cannot sync into "odd"."keyed": its primary key is not the column "id"',
    )
    await says(
      ensureTable(owner.sql, table('triggered')),
      'Cannot sync into "odd"."triggered": its trigger "~~" would fire after "~sluice_before"; rename it',
    )
    await says(
      ensureTable(owner.sql, table('x', [column('id', 'text'), column('a', 'text; drop table x')])),
      'Cannot make "odd"."x": "text; drop table x" is not a column type',
    )
    await says(
      ensureTable(owner.sql, table('x', [column('a', 'text')])),
      'Cannot make "odd"."x": the first column is not "id"',
    )
  })
}
