// Room sandbox: any number of records more, made at once. What they have in common is kept once; what tells them apart is
// worked out when it is looked at.

import { assert } from '../../lib/assert.ts'
import { JsonNumber, type JsonObject } from '../json.ts'
import { type Sobject, sobjectOfTable } from './objects/schema.ts'
import { createOrg, type Org } from './org.ts'
import { insertRecord } from './save.ts'
import { apiUserId } from './seed.ts'
import type { Value } from './values.ts'

type Make = (n: number) => Value

interface Recipe {
  /** What the first of them is made from. */
  readonly sample: JsonObject
  /** The fields in which they differ, by name; `n` from 1. */
  readonly makers: ReadonlyMap<string, Make>
}

const firsts = ['Paul', 'Chani', 'Duncan', 'Alia', 'Stilgar', 'Irulan', 'Gurney', 'Jessica']
const cities = ['Arrakeen', 'Carthag', 'Sietch Tabr', 'Junction', 'Kaitain']

const pick = (list: readonly string[], n: number): string => list[n % list.length] ?? ''
const firstOf: Make = (n) => pick(firsts, n)
const lastOf: Make = (n) => `Fremen ${n}`
const nameOf: Make = (n) => `${String(firstOf(n))} ${String(lastOf(n))}`
const emailOf: Make = (n) => `fremen-${n}@dune.example`

/** By the object's name. */
const recipes = new Map<string, Recipe>([
  ['Contact', {
    sample: { LastName: 'Fremen', Email: 'fremen@dune.example' },
    makers: new Map<string, Make>([
      ['FirstName', firstOf],
      ['LastName', lastOf],
      ['Name', nameOf],
      ['Email', emailOf],
      ['MailingCity', (n) => pick(cities, n)],
      ['Lifetime_Value__c', (n) => new JsonNumber(`${n}.${String(n % 100).padStart(2, '0')}`)],
    ]),
  }],
  ['Lead', {
    sample: { LastName: 'Fremen', Company: 'CHOAM', Email: 'fremen@dune.example' },
    makers: new Map<string, Make>([
      ['FirstName', firstOf],
      ['LastName', lastOf],
      ['Name', nameOf],
      ['Email', emailOf],
    ]),
  }],
  ['Account', {
    sample: { Name: 'Sietch' },
    makers: new Map<string, Make>([
      ['Name', (n) => `Sietch ${n}`],
      ['BillingCity', (n) => pick(cities, n)],
    ]),
  }],
  ['Opportunity', {
    sample: { Name: 'Harvest', StageName: 'Prospecting', CloseDate: '2026-12-31' },
    makers: new Map<string, Make>([['Name', (n) => `Harvest ${n}`]]),
  }],
  ['Project__c', {
    sample: { Name: 'Dune' },
    makers: new Map<string, Make>([
      ['Name', (n) => `Dune ${n}`],
      ['Budget__c', (n) => new JsonNumber(`${n}.5`)],
    ]),
  }],
])

/** false: the org has no such table, or its records are not made through the API. */
export function plantMany(
  org: Org,
  table: string,
  { count, nowMs }: { count: number; nowMs: number },
): boolean {
  const object = sobjectOfTable(table)
  const recipe = recipes.get(object?.name ?? '')
  if (object === undefined || recipe === undefined) return false
  const batch: Batch = { common: commonOf(object, recipe, nowMs), makers: recipe.makers }
  const begun = planted.get(org) ?? 1
  planted.set(org, begun + count)
  for (let made = 0; made < count; made += 1) {
    const id = org.nextId(object)
    const values = new SeededValues({ id, n: begun + made }, batch)
    org.put({ id, object, values, deletedAtMs: null })
    if (made % settleEvery === 0) org.settle()
  }
  org.settle()
  return true
}

const settleEvery = 10_000

/** The number of the next one, by org: it is forgotten with the org. */
const planted = new WeakMap<Org, number>()

/** The values of one of them, written through the API of an org of its own. */
function commonOf(object: Sobject, { sample }: Recipe, nowMs: number): ReadonlyMap<string, Value> {
  const org = createOrg()
  const saved = insertRecord({ org, nowMs, userId: apiUserId }, object, sample)
  assert(saved.ok, `the sample of ${object.name} is valid: ${JSON.stringify(saved)}`)
  const values = org.get(saved.id)?.values
  assert(values !== undefined, 'the sample is there')
  return values
}

/** What all of one seeding share. */
interface Batch {
  readonly common: ReadonlyMap<string, Value>
  readonly makers: ReadonlyMap<string, Make>
}

/** A map that takes little room; all of it is made only for who goes through it. */
class SeededValues implements ReadonlyMap<string, Value> {
  readonly #id: string
  readonly #n: number
  readonly #batch: Batch

  constructor({ id, n }: { id: string; n: number }, batch: Batch) {
    this.#id = id
    this.#n = n
    this.#batch = batch
  }

  get(name: string): Value | undefined {
    if (name === 'Id') return this.#id
    const make = this.#batch.makers.get(name)
    return make === undefined ? this.#batch.common.get(name) : make(this.#n)
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  get size(): number {
    return this.#whole().size
  }

  forEach(act: (value: Value, name: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const [name, value] of this.#whole()) act(value, name, this)
  }

  entries(): MapIterator<[string, Value]> {
    return this.#whole().entries()
  }

  keys(): MapIterator<string> {
    return this.#whole().keys()
  }

  values(): MapIterator<Value> {
    return this.#whole().values()
  }

  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries()
  }

  #whole(): Map<string, Value> {
    const { common, makers } = this.#batch
    const whole = new Map(common).set('Id', this.#id)
    for (const [name, make] of makers) whole.set(name, make(this.#n))
    return whole
  }
}
