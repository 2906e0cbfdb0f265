// postgres.js as its users write it.

// import at run time: the project's own checks do not have these packages
const { default: postgres } = await import('postgres')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))
const sql = postgres()
const contactsWith = async (email) =>
  (await sql`select count(*)::int from salesforce.contacts where email = ${email}`)[0].count

const contact = { first_name: 'Paul', last_name: 'Atreides', email: `paul@${tag}.example` }
const [paul] = await sql`insert into salesforce.contacts ${sql(contact)} returning id, name`
say('insert', paul)

const updated = await sql`
  update salesforce.contacts set ${sql({ title: 'Duke' })} where id = ${paul.id} returning title`
say('update', { rows: updated.count, title: updated[0].title })

try {
  await sql`insert into salesforce.contacts ${sql({ ...contact, email: tag })}`
} catch (error) {
  const { code, message, detail, column_name } = error
  say('refused', { sqlstate: code, message, detail, column: column_name })
}

await sql.begin(async (sql) => {
  await sql`insert into public.local_notes (body) values (${tag})`
  await sql`insert into salesforce.contacts (last_name, email) values ('Chani', ${`chani@${tag}.example`})`
  throw new Error('changed my mind')
}).catch(() => {})
const [{ count: notes }] = await sql`
  select count(*)::int from public.local_notes where body = ${tag}`
say('rollback', { contacts: await contactsWith(`chani@${tag}.example`), notes })

const chained = await sql`
  with made as (
    insert into salesforce.contacts (last_name, email) values ('Kynes', ${`kynes@${tag}.example`})
    returning id
  ) insert into public.local_notes (contact_id, body) select id, ${tag} from made`
const [{ count: joined }] = await sql`
  select count(*)::int from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
  where n.body = ${tag}`
say('chain', { rows: chained.count, joined })

const names = ['stilgar', 'jamis', 'harah']
const batch = names.map((name) => ({ last_name: name, email: `${name}@${tag}.example` }))
const made = await sql`insert into salesforce.contacts ${sql(batch)} returning id`
say('batch', { rows: new Set(made.map(({ id }) => id)).size })

const seen = { rows: 0, sum: 0 }
for await (const rows of sql`select id, value from public.readings`.cursor(1000)) {
  seen.rows += rows.length
  for (const { id } of rows) seen.sum += id
}
say('cursor', seen)

const removed = await sql`delete from salesforce.contacts where id = ${paul.id}`
say('delete', { rows: removed.count, left: await contactsWith(`paul@${tag}.example`) })

await sql.end()
