// Bench: a load that stays the same: clients that read and mutate at a steady pace, and connect anew now and then.

import postgres from 'postgres'
import type { Address, Stack } from './stack.ts'

export interface Load {
  readonly counts: { readonly done: number; readonly mutations: number; readonly failed: number }
  /** What the last failure said. */
  readonly words: string
  stop(): Promise<void>
}

const clients = 8
/** Statements on one connection. */
const statementsPerConnection = 500
/** One in so many statements is a mutation. */
const readsPerMutation = 4

/** `rate`: statements a second, all clients together. */
export function startLoad(stack: Stack, { rate }: { rate: number }): Load {
  const counts = { done: 0, mutations: 0, failed: 0 }
  let words = ''
  let over = false
  const everyMs = clients * 1_000 / rate
  const client = async (number: number): Promise<void> => {
    while (!over) {
      const sql = connect(stack.listener)
      const rows = new Rows(sql, number)
      let next = Date.now() + everyMs * number / clients
      for (let n = 0; n < statementsPerConnection && !over; n++) {
        next = Math.max(next + everyMs, Date.now())
        await pause(next - Date.now())
        const mutates = n % (readsPerMutation + 1) === 0
        try {
          await (mutates ? rows.change() : rows.read())
          counts.done += 1
          if (mutates) counts.mutations += 1
        } catch (error) {
          counts.failed += 1
          words = String(error)
        }
      }
      await rows.clear().catch((error: unknown) => {
        counts.failed += 1
        words = String(error)
      })
      await sql.end({ timeout: 5 })
    }
  }
  const running = Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  return {
    counts,
    get words() {
      return words
    },
    stop: async () => {
      over = true
      await running
    },
  }
}

const rowsMax = 5

/** A client's own rows: so many, and no more. */
class Rows {
  readonly #sql: postgres.Sql
  readonly #name: string
  readonly #ids: string[] = []
  #count = 0

  constructor(sql: postgres.Sql, number: number) {
    this.#sql = sql
    this.#name = `Soak ${number}`
  }

  async read(): Promise<void> {
    const sql = this.#sql
    await sql`select id, last_name, email from salesforce.contacts order by id limit 20`
  }

  /** In turn: an insert, an update; a delete when there are enough. */
  async change(): Promise<void> {
    const sql = this.#sql
    const [id = ''] = this.#ids
    this.#count += 1
    if (this.#ids.length >= rowsMax) {
      await sql`delete from salesforce.contacts where id = ${id}`
      this.#ids.shift()
    } else if (this.#count % 2 === 0 && id !== '') {
      await sql`update salesforce.contacts set email = ${`s${this.#count}@x.org`} where id = ${id}`
    } else {
      const [row] = await sql<{ id: string }[]>`
        insert into salesforce.contacts (last_name) values (${this.#name}) returning id`
      if (row !== undefined) this.#ids.push(row.id)
    }
  }

  async clear(): Promise<void> {
    if (this.#ids.length === 0) return
    await this.#sql`delete from salesforce.contacts where id in ${this.#sql(this.#ids.splice(0))}`
  }
}

function connect({ host, port, user, password, database }: Address): postgres.Sql {
  return postgres({ host, port, username: user, password, database, max: 1, onnotice: () => {} })
}

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(waitMs, 0)))
}
