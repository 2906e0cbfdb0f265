// Drizzle (on node-postgres) as its users write it.

// import at run time: the project's own checks do not have these packages
const { count, eq, sql } = await import('drizzle-orm')
const { drizzle } = await import('drizzle-orm/node-postgres')
const { integer, pgSchema, pgTable, text } = await import('drizzle-orm/pg-core')
const { default: pg } = await import('pg')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))

const contacts = pgSchema('salesforce').table('contacts', {
  id: text('id').primaryKey(),
  firstName: text('first_name'),
  lastName: text('last_name').notNull(),
  name: text('name'),
  email: text('email'),
  title: text('title'),
})
const notes = pgTable('local_notes', { contactId: text('contact_id'), body: text('body') })
const readings = pgTable('readings', { id: integer('id').primaryKey(), value: text('value') })

const pool = new pg.Pool()
const db = drizzle({ client: pool })

const [paul] = await db.insert(contacts)
  .values({ firstName: 'Paul', lastName: 'Atreides', email: `paul@${tag}.example` })
  .returning({ id: contacts.id, name: contacts.name })
say('insert', paul)

const updated = await db.update(contacts).set({ title: 'Duke' }).where(eq(contacts.id, paul.id))
  .returning()
say('update', { rows: updated.length, title: updated[0].title })

try {
  await db.insert(contacts).values({ lastName: 'Atreides', email: tag })
} catch (error) {
  const { code, message, detail, column } = error.cause
  say('refused', { sqlstate: code, message, detail, column })
}

await db.transaction(async (tx) => {
  await tx.insert(notes).values({ body: tag })
  await tx.insert(contacts).values({ lastName: 'Kynes', email: `chani@${tag}.example` })
  tx.rollback()
}).catch(() => {})
say('rollback', {
  contacts: await db.$count(contacts, eq(contacts.email, `chani@${tag}.example`)),
  notes: await db.$count(notes, eq(notes.body, tag)),
})

const made = db.$with('made').as(
  db.insert(contacts).values({ lastName: 'Kynes', email: `kynes@${tag}.example` })
    .returning({ id: contacts.id }),
)
const chained = await db.with(made).insert(notes)
  .select(db.select({ contactId: made.id, body: sql`${tag}`.as('body') }).from(made))
const [{ joined }] = await db.select({ joined: count() }).from(notes)
  .innerJoin(contacts, eq(contacts.id, notes.contactId)).where(eq(notes.body, tag))
say('chain', { rows: chained.rowCount, joined })

const names = ['stilgar', 'jamis', 'harah']
const batch = await db.insert(contacts)
  .values(names.map((name) => ({ lastName: name, email: `${name}@${tag}.example` })))
  .returning({ id: contacts.id })
say('batch', { rows: new Set(batch.map(({ id }) => id)).size })

// Drizzle has no cursor for Postgres: SQL's own
const seen = { rows: 0, sum: 0 }
await db.transaction(async (tx) => {
  await tx.execute(sql`declare all_readings cursor for ${tx.select().from(readings)}`)
  for (;;) {
    const { rows } = await tx.execute(sql`fetch 1000 from all_readings`)
    if (rows.length === 0) break
    seen.rows += rows.length
    for (const { id } of rows) seen.sum += id
  }
})
say('cursor', seen)

const removed = await db.delete(contacts).where(eq(contacts.id, paul.id))
say('delete', {
  rows: removed.rowCount,
  left: await db.$count(contacts, eq(contacts.id, paul.id)),
})

await pool.end()
