// Sequelize as its users write it: models, create, save, bulkCreate, destroy.

// import at run time: the project's own checks do not have these packages
const { DataTypes, QueryTypes, Sequelize } = await import('sequelize')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))

const db = new Sequelize(process.env.DATABASE_URL, { logging: false })
const options = { schema: 'salesforce', tableName: 'contacts', timestamps: false }
const Contact = db.define('Contact', {
  id: { type: DataTypes.STRING, primaryKey: true },
  firstName: { type: DataTypes.TEXT, field: 'first_name' },
  lastName: { type: DataTypes.TEXT, field: 'last_name' },
  name: DataTypes.TEXT,
  email: DataTypes.TEXT,
  title: DataTypes.TEXT,
}, options)
const Note = db.define('Note', {
  contactId: { type: DataTypes.TEXT, field: 'contact_id', primaryKey: true },
  body: DataTypes.TEXT,
}, { tableName: 'local_notes', timestamps: false })

const paul = await Contact.create({
  firstName: 'Paul',
  lastName: 'Atreides',
  email: `paul@${tag}.example`,
})
say('insert', { id: paul.id, name: paul.name })

paul.title = 'Duke'
await paul.save()
const updated = await Contact.findAll({ where: { id: paul.id, title: 'Duke' } })
say('update', { rows: updated.length, title: updated[0].title })

try {
  await Contact.create({ lastName: 'Atreides', email: tag })
} catch (error) {
  const { code, message, detail, column } = error.parent
  say('refused', { sqlstate: code, message, detail, column })
}

await db.transaction(async (transaction) => {
  await Note.create({ contactId: '', body: tag }, { transaction })
  await Contact.create({ lastName: 'Kynes', email: `chani@${tag}.example` }, { transaction })
  throw new Error('changed my mind')
}).catch((error) => error.message === 'changed my mind' || Promise.reject(error))
say('rollback', {
  contacts: await Contact.count({ where: { email: `chani@${tag}.example` } }),
  notes: await Note.count({ where: { body: tag } }),
})

const [, chained] = await db.query(
  `with made as (
     insert into salesforce.contacts (last_name, email) values ($1, $2) returning id
   ) insert into public.local_notes (contact_id, body) select id, $3 from made`,
  { bind: ['Kynes', `kynes@${tag}.example`, tag], type: QueryTypes.INSERT },
)
const joined = await db.query(
  `select c.id from public.local_notes n join salesforce.contacts c on c.id = n.contact_id
   where n.body = :tag`,
  { replacements: { tag }, type: QueryTypes.SELECT },
)
say('chain', { rows: chained, joined: joined.length })

const names = ['stilgar', 'jamis', 'harah']
const batch = await Contact.bulkCreate(
  names.map((name) => ({ lastName: name, email: `${name}@${tag}.example` })),
)
say('batch', { rows: new Set(batch.map(({ id }) => id)).size })

// Sequelize has no cursor: SQL's own
const seen = { rows: 0, sum: 0 }
await db.transaction(async (transaction) => {
  await db.query('declare all_readings cursor for select id, value from readings', { transaction })
  for (;;) {
    const [rows] = await db.query('fetch 1000 from all_readings', { transaction })
    if (rows.length === 0) break
    seen.rows += rows.length
    for (const { id } of rows) seen.sum += id
  }
})
say('cursor', seen)

const removed = await Contact.destroy({ where: { id: paul.id } })
say('delete', { rows: removed, left: await Contact.count({ where: { id: paul.id } }) })

await db.close()
