// Prisma (with its pg adapter) as its users write it.

// import at run time: the project's own checks do not have these packages
const { PrismaPg } = await import('@prisma/adapter-pg')
const { PrismaClient } = await import('./generated/client.ts')

const tag = process.env.CLIENT
const say = (step, seen) => console.log(JSON.stringify({ step, ...seen }))

const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }),
})

const paul = await prisma.contact.create({
  data: { firstName: 'Paul', lastName: 'Atreides', email: `paul@${tag}.example` },
})
say('insert', { id: paul.id, name: paul.name })

const { title } = await prisma.contact.update({ where: { id: paul.id }, data: { title: 'Duke' } })
say('update', { rows: await prisma.contact.count({ where: { id: paul.id, title } }), title })

try {
  await prisma.contact.create({ data: { lastName: 'Atreides', email: tag } })
} catch (error) {
  const { code, message, detail, column } = error.meta.driverAdapterError.cause
  say('refused', { sqlstate: code, message, detail, column })
}

await prisma.$transaction(async (tx) => {
  await tx.note.create({ data: { contactId: '', body: tag } })
  await tx.contact.create({ data: { lastName: 'Kynes', email: `chani@${tag}.example` } })
  throw new Error('changed my mind')
}).catch((error) => error.message === 'changed my mind' || Promise.reject(error))
say('rollback', {
  contacts: await prisma.contact.count({ where: { email: `chani@${tag}.example` } }),
  notes: await prisma.note.count({ where: { body: tag } }),
})

const rows = await prisma.$executeRaw`
  with made as (
    insert into salesforce.contacts (last_name, email) values ('Kynes', ${`kynes@${tag}.example`})
    returning id
  ) insert into public.local_notes (contact_id, body) select id, ${tag} from made`
const [{ joined }] = await prisma.$queryRaw`
  select count(*)::int as joined from public.local_notes n
  join salesforce.contacts c on c.id = n.contact_id where n.body = ${tag}`
say('chain', { rows, joined })

const names = ['stilgar', 'jamis', 'harah']
const batch = await prisma.contact.createManyAndReturn({
  data: names.map((name) => ({ lastName: name, email: `${name}@${tag}.example` })),
})
say('batch', { rows: new Set(batch.map(({ id }) => id)).size })

// Prisma has no cursor that holds a portal: SQL's own
const seen = { rows: 0, sum: 0 }
await prisma.$transaction(async (tx) => {
  await tx.$executeRaw`declare all_readings cursor for select id, value from public.readings`
  for (;;) {
    const rows = await tx.$queryRaw`fetch 1000 from all_readings`
    if (rows.length === 0) break
    seen.rows += rows.length
    for (const { id } of rows) seen.sum += id
  }
})
say('cursor', seen)

const removed = await prisma.contact.deleteMany({ where: { id: paul.id } })
say('delete', {
  rows: removed.count,
  left: await prisma.contact.count({ where: { id: paul.id } }),
})

await prisma.$disconnect()
