// Knex (on node-postgres, with pg-query-stream) as its users write it.

// import at run time: the project's own checks do not have these packages
const { default: knex } = await import('knex')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))

const db = knex({ client: 'pg', connection: process.env.DATABASE_URL })
const contacts = () => db.withSchema('salesforce').from('contacts')
const count = async (query) => Number((await query.count())[0].count)

const [paul] = await contacts()
  .insert({ first_name: 'Paul', last_name: 'Atreides', email: `paul@${tag}.example` })
  .returning(['id', 'name'])
say('insert', paul)

const updated = await contacts().where({ id: paul.id }).update({ title: 'Duke' }, ['title'])
say('update', { rows: updated.length, title: updated[0].title })

try {
  await contacts().insert({ last_name: 'Atreides', email: tag })
} catch (error) {
  // Knex puts the statement before the message
  const message = error.message.slice(error.message.lastIndexOf(' - ') + 3)
  say('refused', { sqlstate: error.code, message, detail: error.detail, column: error.column })
}

await db.transaction(async (trx) => {
  await trx('local_notes').insert({ body: tag })
  await contacts().transacting(trx)
    .insert({ last_name: 'Kynes', email: `chani@${tag}.example` })
  throw new Error('changed my mind')
}).catch(() => {})
say('rollback', {
  contacts: await count(contacts().where({ email: `chani@${tag}.example` })),
  notes: await count(db('local_notes').where({ body: tag })),
})

const chained = await db
  .with(
    'made',
    contacts().insert({ last_name: 'Kynes', email: `kynes@${tag}.example` }).returning('id'),
  )
  .into(db.raw('public.local_notes (contact_id, body)'))
  .insert(db.select('id', db.raw('?::text', [tag])).from('made'))
say('chain', {
  rows: chained.rowCount,
  joined: await count(
    db('local_notes as n').join('salesforce.contacts as c', 'c.id', 'n.contact_id')
      .where('n.body', tag),
  ),
})

const names = ['stilgar', 'jamis', 'harah']
const rows = names.map((name) => ({ last_name: name, email: `${name}@${tag}.example` }))
const batch = await db.batchInsert('salesforce.contacts', rows).returning('id')
say('batch', { rows: new Set(batch.map(({ id }) => id)).size })

const seen = { rows: 0, sum: 0 }
for await (const { id } of db('readings').select('id', 'value').stream({ batchSize: 1000 })) {
  seen.rows++
  seen.sum += id
}
say('cursor', seen)

const removed = await contacts().where({ id: paul.id }).delete()
say('delete', { rows: removed, left: await count(contacts().where({ id: paul.id })) })

await db.destroy()
