// Kysely (on node-postgres, with pg-cursor) as its users write it.

// import at run time: the project's own checks do not have these packages
const { Kysely, PostgresDialect } = await import('kysely')
const { default: pg } = await import('pg')
const { default: Cursor } = await import('pg-cursor')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))

const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool(), cursor: Cursor }) })
const contactsWith = async (email) => {
  const rows = db.selectFrom('salesforce.contacts').where('email', '=', email)
    .select(({ fn }) => fn.countAll().as('count'))
  return Number((await rows.executeTakeFirstOrThrow()).count)
}

const paul = await db.insertInto('salesforce.contacts')
  .values({ first_name: 'Paul', last_name: 'Atreides', email: `paul@${tag}.example` })
  .returning(['id', 'name']).executeTakeFirstOrThrow()
say('insert', paul)

const updated = await db.updateTable('salesforce.contacts').set({ title: 'Duke' })
  .where('id', '=', paul.id).returning('title').execute()
say('update', { rows: updated.length, title: updated[0].title })

try {
  await db.insertInto('salesforce.contacts').values({ last_name: 'Atreides', email: tag }).execute()
} catch (error) {
  const { code, message, detail, column } = error
  say('refused', { sqlstate: code, message, detail, column })
}

await db.transaction().execute(async (trx) => {
  await trx.insertInto('public.local_notes').values({ body: tag }).execute()
  await trx.insertInto('salesforce.contacts')
    .values({ last_name: 'Kynes', email: `chani@${tag}.example` }).execute()
  throw new Error('changed my mind')
}).catch(() => {})
const notes = await db.selectFrom('public.local_notes').where('body', '=', tag).select('body')
  .execute()
say('rollback', { contacts: await contactsWith(`chani@${tag}.example`), notes: notes.length })

const chained = await db
  .with('made', (db) =>
    db.insertInto('salesforce.contacts')
      .values({ last_name: 'Kynes', email: `kynes@${tag}.example` }).returning('id'))
  .insertInto('public.local_notes').columns(['contact_id', 'body'])
  .expression((eb) => eb.selectFrom('made').select(['id', eb.val(tag).as('body')]))
  .executeTakeFirstOrThrow()
const joined = await db.selectFrom('public.local_notes as n')
  .innerJoin('salesforce.contacts as c', 'c.id', 'n.contact_id').where('n.body', '=', tag)
  .select('c.id').execute()
say('chain', { rows: Number(chained.numInsertedOrUpdatedRows), joined: joined.length })

const names = ['stilgar', 'jamis', 'harah']
const batch = await db.insertInto('salesforce.contacts')
  .values(names.map((name) => ({ last_name: name, email: `${name}@${tag}.example` })))
  .returning('id').execute()
say('batch', { rows: new Set(batch.map(({ id }) => id)).size })

const seen = { rows: 0, sum: 0 }
for await (const { id } of db.selectFrom('public.readings').selectAll().stream(1000)) {
  seen.rows++
  seen.sum += id
}
say('cursor', seen)

const removed = await db.deleteFrom('salesforce.contacts').where('id', '=', paul.id)
  .executeTakeFirstOrThrow()
say('delete', {
  rows: Number(removed.numDeletedRows),
  left: await contactsWith(`paul@${tag}.example`),
})

await db.destroy()
