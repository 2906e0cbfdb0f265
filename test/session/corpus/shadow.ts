// The shadow: the same tables with the same rows in a database without Sluice, where Postgres alone carries a statement
// out. Its row triggers tell what a statement changes: what must be planned.

import pg from 'pg'
import { secondDatabase } from '../../help/second.ts'
import type { Stage } from '../../help/stage.ts'

/** A row as Postgres writes it in JSON, each value as text. */
export type Row = Readonly<Record<string, string | null>>

/** What Postgres alone does with a statement. */
export type Alone =
  | {
    readonly error: { readonly sqlstate: string; readonly message: string }
  }
  | {
    readonly error: null
    readonly answer: Answer
    /** Every change of a row of salesforce.contacts, in order. */
    readonly changes: readonly Change[]
    /** The tables' rows afterwards. */
    readonly notes: readonly string[]
    readonly contacts: readonly Row[]
  }

export interface Answer {
  readonly command: string
  readonly rowCount: number | null
  readonly rows: readonly unknown[]
}

export interface Change {
  readonly operation: 'insert' | 'update' | 'delete'
  readonly id: string
  readonly values: Row
}

export interface Asked {
  readonly text: string
  readonly values: readonly (string | null)[] | undefined
  /** The simple one without values, unless this says otherwise. */
  readonly protocol?: 'extended' | undefined
}

export interface Shadow {
  /** Carries the statement out, looks, and takes it back. */
  run(asked: Asked): Promise<Alone>
  close(): Promise<void>
}

export const seeds: readonly Row[] = [
  seed('1', ['Paul', 'Atreides', 'paul@dune.co', '10', '["a", "b"]', '2024-01-02T03:04:05+00:00']),
  seed('2', ['Leto', 'Atreides', 'leto@dune.co', '20.5', null, null]),
  seed('3', ['Chani', 'Kynes', 'chani@dune.co', null, '[]', '2024-05-06T07:08:09+00:00']),
  seed('4', ['Duncan', 'Idaho', 'duncan@dune.co', '40', '["ghola"]', null]),
]

function seed(digit: string, values: (string | null)[]): Row {
  const [first = null, last = null, email = null, score = null, tags = null, seen = null] = values
  return {
    id: digit.padStart(18, '003000000000000000'),
    first_name: first,
    last_name: last,
    email,
    score,
    tags,
    seen,
    name: `${first} ${last}`,
  }
}

/** SQL that fills the tables, for a database in which nothing keeps it from doing so. */
export const seedSql = `
  insert into salesforce.contacts select * from json_populate_recordset(null::salesforce.contacts, '${
  JSON.stringify(seeds.map((row) => ({ ...row, tags: JSON.parse(row['tags'] ?? 'null') })))
}');
  insert into public.local_notes values ('003000000000000001', 'first'), ('003000000000000003', 'third');
  insert into public.plain values (1, 'one'), (2, 'two');`

/** What both databases need besides. */
export const constraintSql =
  'alter table salesforce.contacts add constraint contacts_email_key unique (email)'

const schemaSql = `
  create schema salesforce;
  create sequence salesforce.fresh;
  create table salesforce.contacts (
    id varchar(18) primary key,
    first_name text, last_name text, email text, score numeric, tags text[], seen timestamptz, name text);
  create table public.local_notes (contact_id text, body text);
  create table public.plain (id int primary key, body text);
  create function public.compute() returns trigger language plpgsql as $$
    begin
      new.id := coalesce(new.id, 'new' || nextval('salesforce.fresh'));
      new.name := array_to_string(
        array[nullif(new.first_name, ''), nullif(new.last_name, '')], ' ');
      return new;
    end $$;
  create trigger compute before insert or update on salesforce.contacts
    for each row execute function public.compute();
  create function public.tell() returns trigger language plpgsql as $$
    declare changed record := case when tg_op = 'DELETE' then old else new end;
    begin
      raise notice 'changed %', json_build_object(
        'operation', lower(tg_op), 'id', coalesce(old.id, new.id),
        'values', (select json_object_agg(key, value) from jsonb_each_text(to_jsonb(changed))));
      return null;
    end $$;
  create trigger tell after insert or update or delete on salesforce.contacts
    for each row execute function public.tell()`

/** Makes it on the stage's cluster, for the stage's role. */
export async function createShadow(stage: Stage): Promise<Shadow> {
  const { database, sql } = await secondDatabase(stage, `${schemaSql}; ${constraintSql}`)
  await sql.unsafe(`alter table salesforce.contacts disable trigger tell; ${seedSql};
    alter table salesforce.contacts enable trigger tell`)
  await sql.end()
  const client = new pg.Client({ ...stage.direct(), database })
  await client.connect()
  await client.query('set search_path to salesforce, public')
  const changes: Change[] = []
  client.on('notice', ({ message = '' }) => {
    if (message.startsWith('changed ')) changes.push(readChange(message.slice('changed '.length)))
  })
  return {
    run: async (asked) => {
      changes.length = 0
      await client.query('begin')
      try {
        const answer = await ask(client, asked)
        return {
          error: null,
          answer,
          changes: [...changes],
          notes: await readNotes(client),
          contacts: await readContacts(client),
        }
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) throw error
        return { error: { sqlstate: error.code ?? '', message: error.message } }
      } finally {
        await client.query('rollback')
      }
    },
    close: () => client.end(),
  }
}

function readChange(json: string): Change {
  return JSON.parse(json) as Change
}

/** Runs one statement; of several in one text, the answer is that of the last. */
export async function ask(client: pg.Client, asked: Asked): Promise<Answer> {
  const { text, values = [], protocol } = asked
  const extended = values.length > 0 || protocol === 'extended'
  const result = await client.query({
    text,
    rowMode: 'array',
    ...(extended ? { values: [...values], queryMode: 'extended' } : {}),
  })
  const { command, rowCount, rows } = (Array.isArray(result) ? result.at(-1) : result) as Answer
  return { command, rowCount, rows }
}

export async function readContacts(client: pg.Client): Promise<Row[]> {
  const { rows } = await client.query(
    `select id, first_name, last_name, email, score::text, array_to_json(tags)::text as tags,
       to_json(seen)#>>'{}' as seen, name from salesforce.contacts order by id`,
  )
  return rows as Row[]
}

/** Rows of the other tables, ids of new records masked. */
export async function readNotes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query({
    text:
      `select 'note ' || coalesce(contact_id, '-') || ' ' || coalesce(body, '-') from public.local_notes
      union all select 'plain ' || id || ' ' || coalesce(body, '-') from public.plain order by 1`,
    rowMode: 'array',
  })
  return (rows as string[][]).map(([line]) => maskIds(line ?? '')).toSorted()
}

/** Ids that the platform or the shadow's sequence gave. */
export const maskIds = (text: string): string =>
  text.replace(/\bnew\d+\b|\b003000000000001\d{3}\b/g, 'NEW')
