// TypeORM as its users write it: entities, repositories, save and remove.

// import at run time: the project's own checks do not have these packages
const { DataSource, EntitySchema } = await import('typeorm')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))

const Contact = new EntitySchema({
  name: 'Contact',
  schema: 'salesforce',
  tableName: 'contacts',
  columns: {
    id: { type: 'varchar', primary: true, default: () => 'null' },
    firstName: { type: 'text', name: 'first_name', nullable: true },
    lastName: { type: 'text', name: 'last_name' },
    name: { type: 'text', insert: false, update: false },
    email: { type: 'text', nullable: true },
    title: { type: 'text', nullable: true },
  },
})
const Note = new EntitySchema({
  name: 'Note',
  tableName: 'local_notes',
  columns: {
    contactId: { type: 'text', name: 'contact_id', primary: true },
    body: { type: 'text' },
  },
})
const Reading = new EntitySchema({
  name: 'Reading',
  tableName: 'readings',
  columns: { id: { type: 'int', primary: true }, value: { type: 'text' } },
})

const db = new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  entities: [Contact, Note, Reading],
})
await db.initialize()
const contacts = db.getRepository(Contact)
const notes = db.getRepository(Note)

const saved = await contacts.save({
  firstName: 'Paul',
  lastName: 'Atreides',
  email: `paul@${tag}.example`,
})
const paul = await contacts.findOneByOrFail({ id: saved.id })
say('insert', { id: saved.id, name: paul.name })

paul.title = 'Duke'
await contacts.save(paul)
const updated = await contacts.findBy({ id: paul.id, title: 'Duke' })
say('update', { rows: updated.length, title: updated[0].title })

try {
  await contacts.save({ lastName: 'Atreides', email: tag })
} catch (error) {
  const { code, message, detail, column } = error.driverError
  say('refused', { sqlstate: code, message, detail, column })
}

await db.transaction(async (manager) => {
  await manager.insert(Note, { contactId: '', body: tag })
  await manager.save(Contact, { lastName: 'Kynes', email: `chani@${tag}.example` })
  throw new Error('changed my mind')
}).catch((error) => error.message === 'changed my mind' || Promise.reject(error))
say('rollback', {
  contacts: await contacts.countBy({ email: `chani@${tag}.example` }),
  notes: await notes.countBy({ body: tag }),
})

await db.query(
  `with made as (
     insert into salesforce.contacts (last_name, email) values ($1, $2) returning id
   ) insert into public.local_notes (contact_id, body) select id, $3 from made`,
  ['Kynes', `kynes@${tag}.example`, tag],
)
say('chain', {
  rows: await notes.countBy({ body: tag }),
  joined: await notes.createQueryBuilder('n').innerJoin(Contact, 'c', 'c.id = n.contactId')
    .where({ body: tag }).getCount(),
})

const names = ['stilgar', 'jamis', 'harah']
const batch = await contacts.save(
  names.map((name) => ({ lastName: name, email: `${name}@${tag}.example` })),
)
say('batch', { rows: new Set(batch.map(({ id }) => id)).size })

const seen = { rows: 0, sum: 0 }
for await (const { r_id } of await db.getRepository(Reading).createQueryBuilder('r').stream()) {
  seen.rows++
  seen.sum += r_id
}
say('cursor', seen)

const removed = await contacts.delete(paul.id)
say('delete', { rows: removed.affected, left: await contacts.countBy({ email: paul.email }) })

await db.destroy()
