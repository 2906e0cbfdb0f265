// node-postgres as its users write it; the argument says how rows are streamed: plain, cursor (pg-cursor) or stream
// (pg-query-stream).

// import at run time: the project's own checks do not have these packages
const { default: pg } = await import('pg')
const { default: Cursor } = await import('pg-cursor')
const { default: QueryStream } = await import('pg-query-stream')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))
const count = async (db, text, values) => Number((await db.query(text, values)).rows[0].count)

const insertOne = `insert into salesforce.contacts (first_name, last_name, email)
  values ($1, $2, $3) returning id, name`
const batch = `insert into salesforce.contacts (last_name, email)
  select name, name || '@' || $1 || '.example' from unnest($2::text[]) as name returning id`
const readings = 'select id, value from public.readings'

/** Each way to read a statement's rows a few at a time: rows for await. */
const ways = {
  plain: async function* (client, text, { values, rowsMax }) {
    if (!text.startsWith('select')) return yield* (await client.query(text, values)).rows
    await client.query('begin')
    await client.query(`declare rows_of cursor for ${text}`)
    for (;;) {
      const { rows } = await client.query(`fetch ${rowsMax} from rows_of`)
      if (rows.length === 0) break
      yield* rows
    }
    await client.query('commit')
  },
  cursor: async function* (client, text, { values, rowsMax }) {
    const cursor = client.query(new Cursor(text, values))
    for (;;) {
      const rows = await cursor.read(rowsMax)
      if (rows.length === 0) break
      yield* rows
    }
    await cursor.close()
  },
  stream: (client, text, { values, rowsMax }) =>
    client.query(new QueryStream(text, values, { batchSize: rowsMax })),
}
const read = ways[process.argv[2]]

const client = new pg.Client()
await client.connect()

const { rows: [paul] } = await client.query(insertOne, ['Paul', 'Atreides', `paul@${tag}.example`])
say('insert', paul)

const updated = await client.query(
  'update salesforce.contacts set title = $1 where id = $2 returning title',
  ['Duke', paul.id],
)
say('update', { rows: updated.rowCount, title: updated.rows[0].title })

try {
  await client.query(insertOne, ['Paul', 'Atreides', tag])
} catch (error) {
  const { code, message, detail, column } = error
  say('refused', { sqlstate: code, message, detail, column })
}

await client.query('begin')
await client.query('insert into public.local_notes (contact_id, body) values ($1, $2)', ['', tag])
await client.query(insertOne, ['Chani', 'Kynes', `chani@${tag}.example`])
await client.query('rollback')
say('rollback', {
  contacts: await count(client, 'select count(*) from salesforce.contacts where email = $1', [
    `chani@${tag}.example`,
  ]),
  notes: await count(client, 'select count(*) from public.local_notes where body = $1', [tag]),
})

const chained = await client.query(
  `with made as (
     insert into salesforce.contacts (last_name, email) values ($1, $2) returning id
   ) insert into public.local_notes (contact_id, body) select id, $3 from made`,
  ['Kynes', `kynes@${tag}.example`, tag],
)
say('chain', {
  rows: chained.rowCount,
  joined: await count(
    client,
    `select count(*) from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
     where n.body = $1`,
    [tag],
  ),
})

const ids = new Set()
const names = ['stilgar', 'jamis', 'harah']
for await (const { id } of read(client, batch, { values: [tag, names], rowsMax: 2 })) ids.add(id)
say('batch', { rows: ids.size })

const seen = { rows: 0, sum: 0 }
for await (const { id } of read(client, readings, { rowsMax: 1000 })) {
  seen.rows++
  seen.sum += id
}
say('cursor', seen)

const removed = await client.query('delete from salesforce.contacts where id = $1', [paul.id])
say('delete', {
  rows: removed.rowCount,
  left: await count(client, 'select count(*) from salesforce.contacts where id = $1', [paul.id]),
})

await client.end()
