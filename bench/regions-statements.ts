// Bench: the statements whose time is taken in each placement.

import type pg from 'pg'

export const statements = ['read', 'insert', 'update', 'delete'] as const
export type Statement = typeof statements[number]

/** A figure for each statement. */
export type Timing = Readonly<Record<Statement, number>>

/** Runs each of them once; what was made is gone after. Gives milliseconds. */
export async function play(client: pg.Client): Promise<Timing> {
  const timed = async (text: string, values: unknown[]) => {
    const start = performance.now()
    const { rows } = await client.query<{ id: string }>(text, values)
    return { ms: performance.now() - start, id: String(rows[0]?.id) }
  }
  const inserted = await timed(
    'insert into salesforce.contacts (last_name) values ($1) returning id',
    ['Far'],
  )
  const id = [inserted.id]
  const read = await timed('select id, last_name from salesforce.contacts where id = $1', id)
  const updated = await timed(
    `update salesforce.contacts set last_name = 'Farther' where id = $1 returning id`,
    id,
  )
  const deleted = await timed('delete from salesforce.contacts where id = $1 returning id', id)
  return { read: read.ms, insert: inserted.ms, update: updated.ms, delete: deleted.ms }
}

/** The same of each statement. */
export function forEach(figure: (statement: Statement) => number): Timing {
  return {
    read: figure('read'),
    insert: figure('insert'),
    update: figure('update'),
    delete: figure('delete'),
  }
}
