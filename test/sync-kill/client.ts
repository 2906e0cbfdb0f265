// Another client of the platforms: it makes, changes and deletes records over their APIs while the tables are filled.

import type { Random } from '../chaos/random.ts'

export interface OtherClient {
  /** Makes one change somewhere. Throws when the platform refuses it. */
  act(): Promise<void>
  readonly counts: Readonly<Record<'made' | 'changed' | 'deleted', number>>
}

type Act = 'made' | 'changed' | 'deleted'

interface Call {
  readonly method: 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  /** JSON, or a form where it is URLSearchParams. */
  readonly body?: unknown
}

/** How records of one table are changed; `n`: another number each time. */
interface Subject {
  readonly platform: string
  readonly records: string
  /** What its API addresses a record by. */
  readonly idOf: (record: Readonly<Record<string, unknown>>) => string
  readonly make: (n: number) => Call
  readonly change: (id: string, n: number) => Call
  /** Null: not by this API. */
  readonly remove: ((id: string) => Call) | null
}

const sobjects = '/services/data/v62.0/sobjects/Contact'
const hubspotContacts = '/crm/v3/objects/contacts'
const airtableContacts = '/v0/appSandbox0000001/Contacts'
const hello = '/repos/octo/hello'
const form = (fields: Record<string, string>) => new URLSearchParams(fields)

const subjects: readonly Subject[] = [
  {
    platform: 'salesforce',
    records: 'contacts',
    idOf: (record) => String(record['Id']),
    make: (n) => ({
      method: 'POST',
      path: sobjects,
      body: { LastName: `Killer ${n}`, Email: `k${n}@kill.example`, Lifetime_Value__c: n / 4 },
    }),
    change: (id, n) => ({
      method: 'PATCH',
      path: `${sobjects}/${id}`,
      body: { Title: `Changed ${n}`, Description: null },
    }),
    remove: (id) => ({ method: 'DELETE', path: `${sobjects}/${id}` }),
  },
  {
    platform: 'stripe',
    records: 'customers',
    idOf: (record) => String(record['id']),
    make: (n) => ({
      method: 'POST',
      path: '/v1/customers',
      body: form({ name: `Killer ${n}`, 'metadata[n]': String(n) }),
    }),
    change: (id, n) => ({
      method: 'POST',
      path: `/v1/customers/${id}`,
      body: form({ description: `Changed ${n}`, 'address[city]': 'Arrakeen' }),
    }),
    remove: (id) => ({ method: 'DELETE', path: `/v1/customers/${id}` }),
  },
  {
    platform: 'hubspot',
    records: 'contacts',
    idOf: (record) => String(record['id']),
    make: (n) => ({
      method: 'POST',
      path: hubspotContacts,
      body: { properties: { email: `k${n}@kill.example`, firstname: `Killer ${n}` } },
    }),
    change: (id, n) => ({
      method: 'PATCH',
      path: `${hubspotContacts}/${id}`,
      body: { properties: { jobtitle: `Changed ${n}` } },
    }),
    remove: (id) => ({ method: 'DELETE', path: `${hubspotContacts}/${id}` }),
  },
  {
    platform: 'airtable',
    records: 'contacts',
    idOf: (record) => String(record['id']),
    make: (n) => ({
      method: 'POST',
      path: airtableContacts,
      body: { fields: { Name: `Killer ${n}`, Age: n % 90 } },
    }),
    change: (id, n) => ({
      method: 'PATCH',
      path: `${airtableContacts}/${id}`,
      body: { fields: { Notes: `Changed ${n}`, Active: n % 2 === 0 } },
    }),
    remove: (id) => ({ method: 'DELETE', path: `${airtableContacts}/${id}` }),
  },
  {
    platform: 'github',
    records: 'issues',
    idOf: (record) => record['repository'] === 'octo/hello' ? String(record['number']) : '',
    make: (n) => ({ method: 'POST', path: `${hello}/issues`, body: { title: `Killer ${n}` } }),
    change: (number, n) => ({
      method: 'PATCH',
      path: `${hello}/issues/${number}`,
      body: { body: `Changed ${n}`, state: n % 2 === 0 ? 'open' : 'closed' },
    }),
    remove: null,
  },
  {
    platform: 'github',
    records: 'labels',
    idOf: (record) => record['repository'] === 'octo/hello' ? String(record['name']) : '',
    make: (n) => ({ method: 'POST', path: `${hello}/labels`, body: { name: `killer-${n}` } }),
    change: (name, n) => ({
      method: 'PATCH',
      path: `${hello}/labels/${name}`,
      body: { description: `Changed ${n}` },
    }),
    remove: (name) => ({ method: 'DELETE', path: `${hello}/labels/${name}` }),
  },
]

const actWeights = [['made', 3], ['changed', 5], ['deleted', 2]] as const

/** Reads what records there are, and changes them from then on. `sandboxUrl`: without a slash at the end. */
export async function openClient(
  { sandboxUrl, random }: { sandboxUrl: string; random: Random },
): Promise<OtherClient> {
  const known = new Map<Subject, string[]>()
  for (const subject of subjects) known.set(subject, await idsOf(sandboxUrl, subject))
  const counts = { made: 0, changed: 0, deleted: 0 }
  let n = 0
  return {
    counts,
    act: async () => {
      const subject = random.pick(subjects)
      const ids = known.get(subject) ?? []
      const act = subject.remove === null || ids.length === 0 ? 'made' : random.weighed(actWeights)
      n += 1
      await carryOut({ sandboxUrl, subject, ids, random, n, act: pickable(subject, act, random) })
      counts[act] += 1
    },
  }
}

/** Of what cannot be deleted, more is changed. */
function pickable({ remove }: Subject, act: Act, random: Random): Act {
  return remove === null ? random.weighed([['made', 1], ['changed', 1]] as const) : act
}

async function carryOut(
  { sandboxUrl, subject, ids, random, n, act }: {
    sandboxUrl: string
    subject: Subject
    ids: string[]
    random: Random
    n: number
    act: Act
  },
): Promise<void> {
  const { platform, idOf, make, change, remove } = subject
  const at = random.within(0, ids.length - 1)
  const id = ids[at] ?? ''
  const base = `${sandboxUrl}/${platform}`
  if (act === 'changed') return void await call(base, change(id, n))
  if (act === 'deleted' && remove !== null) {
    ids.splice(at, 1)
    return void await call(base, remove(id))
  }
  const made = JSON.parse(await call(base, make(n))) as Record<string, unknown>
  // Salesforce says `id` in its answer, and `Id` in its records
  const record = { repository: 'octo/hello', ...made, Id: made['id'] }
  ids.push(idOf(record))
}

async function idsOf(sandboxUrl: string, { platform, records, idOf }: Subject): Promise<string[]> {
  const answer = await fetch(`${sandboxUrl}/_records/${platform}/${records}`)
  const all = await answer.json() as Record<string, unknown>[]
  const live = all.filter((record) =>
    record['IsDeleted'] !== true && record['archived'] !== true &&
    (records !== 'issues' || record['pull_request'] === undefined)
  )
  return live.map(idOf).filter((id) => id !== '')
}

async function call(base: string, { method, path, body }: Call): Promise<string> {
  const isForm = body instanceof URLSearchParams
  const answer = await fetch(base + path, {
    method,
    headers: {
      authorization: 'Bearer sandbox',
      'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json',
    },
    ...(body === undefined ? {} : { body: isForm ? body.toString() : JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`)
  return text
}
