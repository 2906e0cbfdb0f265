// Room sandbox: the records that the emulated org starts with: always the same ids, dates and values.

import { assert } from '../../lib/assert.ts'
import type { JsonObject } from '../json.ts'
import { writeDatetime } from './dates.ts'
import { makeId } from './ids.ts'
import { findSobject, type Sobject } from './objects/schema.ts'
import type { Org } from './org.ts'
import { insertRecord } from './save.ts'
import { accounts, contacts, leads, opportunities, projects, users } from './seed_records.ts'
import type { Value } from './values.ts'

/** The user whose token every token is. */
export const apiUserId = makeId('005', 1)

/** When the first record was made; each next one was made a minute later. */
const firstMs = Date.UTC(2026, 0, 5, 8)
const stepMs = 60_000

/** Fills an empty org. */
export function plantSeed(org: Org): void {
  let nowMs = firstMs
  const plant = (name: string, input: JsonObject): string => {
    nowMs += stepMs
    const saved = insertRecord({ org, nowMs, userId: apiUserId }, objectNamed(name), input)
    assert(saved.ok, `the seed's ${name} is valid: ${JSON.stringify(saved)}`)
    return saved.id
  }
  for (const user of users) plantUser(org, user)
  const accountIds = accounts.map((account) => plant('Account', account))
  const contactIds = contacts.map(({ account, ...contact }) =>
    plant(
      'Contact',
      account === null ? contact : { ...contact, AccountId: accountIds[account] ?? '' },
    )
  )
  for (const lead of leads) plant('Lead', lead)
  for (const { account, ...opportunity } of opportunities) {
    plant('Opportunity', { ...opportunity, AccountId: accountIds[account] ?? '' })
  }
  for (const { contact, ...project } of projects) {
    plant('Project__c', { ...project, Contact__c: contactIds[contact] ?? '' })
  }
}

function objectNamed(name: string): Sobject {
  const object = findSobject(name)
  assert(object !== undefined, `there is an object ${name}`)
  return object
}

/** Users are not written through the API, so they are put in place as they are. */
function plantUser(org: Org, user: Readonly<Record<string, Value>>): void {
  const object = objectNamed('User')
  const id = org.nextId(object)
  const stamp = writeDatetime(firstMs)
  const values = new Map<string, Value>([
    ...Object.entries(user),
    ['Id', id],
    ['CreatedDate', stamp],
    ['CreatedById', apiUserId],
    ['LastModifiedDate', stamp],
    ['LastModifiedById', apiUserId],
    ['SystemModstamp', stamp],
  ])
  org.put({ id, object, values, deletedAtMs: null })
}
