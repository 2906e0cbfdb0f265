// Room sync: writing one batch beside mutations: newer wins. What cannot be written now is named, and why.

import { encodeIds, keysOf, withoutTwins } from '../database/index.ts'
import type { SyncedTable } from '../mutation/table.ts'
import type { Page } from '../platforms/platform.ts'
import { readUnderWay } from './newer.ts'
import { hold, type Writing } from './writer-hold.ts'
import { beforeSql, type Moment, momentParameters } from './writer-moment.ts'
import { type Rows, type Session, together } from './writer-session.ts'
import { fillStage, nameOf, type Staged, stageSql } from './writer-stage.ts'
import { writeNew } from './writer-new.ts'
import type { Batch, Later, Written } from './writing.ts'

type Records = Page['rows']
type Left = ReadonlyMap<string, Later>

/** Writes the batch: what `TableWriter.write` says. */
export async function writeBatch(writing: Writing, batch: Batch): Promise<Written> {
  const rows = [...new Map(batch.rows.map((row) => [row.id, row])).values()]
  const kept = new Set(rows.map(({ id }) => id))
  const gone = [...new Set(batch.gone)].filter((id) => !kept.has(id))
  if (gone.length === 0 && batch.pass?.before === false && writing.allNew) {
    const changed = await writeNew(writing, rows, { decide: () => decide(writing, rows, batch) })
    if (changed !== null) return { changed, removed: 0, later: [] }
    writing.allNew = false
  }
  const { absent, keys } = await look(writing, rows)
  const undecided = await decide(writing, rows.filter(({ id }) => absent.has(id)), batch)
  const ready = rows.filter(({ id }) => !undecided.has(id))
  const single = withoutTwins(ready, keys)
  const staged = single.map(({ id, values }) => ({ id, values, isNew: absent.has(id) }))
  const { removal, written } = await writing.session.inSync(writing.inSync, async (mutation) => {
    await hold(writing, mutation)
    const removal = await remove(writing, gone, batch.mark.xid)
    return { removal, written: await write(writing, staged, { batch, keys, mutation }) }
  })
  writing.absences.removed(removal.ids, removal.xid)
  // of two records with one key, one has had another since it was read
  const twins = single.flatMap((row, at) => row === ready[at] ? [] : [[row.id, 'newer'] as const])
  const later = new Map([...undecided, ...removal.left, ...twins, ...written.left])
  return {
    changed: written.changed,
    removed: removal.ids.length,
    later: refsOf(writing, rows, later),
  }
}

function refsOf({ table }: Writing, rows: Records, later: Left): Written['later'] {
  const values = new Map(rows.map((row) => [row.id, row.values]))
  return [...later].map(([id, why]) => {
    const held = values.get(id) ?? {}
    const names = (table.keyColumns ?? []).filter((name) => Object.hasOwn(held, name))
    return {
      ref: { id, keys: Object.fromEntries(names.map((name) => [name, held[name] ?? null])) },
      why,
    }
  })
}

/** Which records the table does not have, and which columns are unique in it. */
async function look(
  { session, table }: Writing,
  rows: Records,
): Promise<{ absent: ReadonlySet<string>; keys: readonly string[] }> {
  if (rows.length === 0) return { absent: new Set(), keys: [] }
  return await session.alone(async () => {
    const [absent, keys] = await Promise.all([
      absentOf(session, table, encodeIds(rows.map(({ id }) => id))),
      keysOf({ unsafe: session.run }, table),
    ])
    return { absent: new Set(absent), keys }
  })
}

/** Of these ids, as encodeIds writes them, those that the table has no row of. */
export async function absentOf(
  { run }: Pick<Session, 'run'>,
  table: SyncedTable,
  ids: string,
): Promise<string[]> {
  // one look at the index each: a plan of its own choosing may read the whole table
  const absentSql = `select i.id from pg_catalog.unnest($1::text::text[]) i(id) where not exists (
    select from only ${nameOf(table)} t
    where t.id operator(pg_catalog.=) i.id::${idType(table)} offset 0)`
  return idsOf(await run(absentSql, [ids]))
}

/** Which of the records that the table does not have are not to be inserted. The journal is read after the records were. */
async function decide(
  { store, table, absences }: Writing,
  absent: Records,
  { mark, known }: Batch,
): Promise<Left> {
  if (absent.length === 0) return new Map()
  const under = await readUnderWay(store, table, {
    ids: absent.map(({ id }) => id),
    since: mark.at,
  })
  return new Map(absent.flatMap((row) => {
    const knownAt = known?.get(row.id)
    const why = absences.reasonOf(row, { under, moment: mark.xid, knownAt })
    return why === null ? [] : [[row.id, why] as const]
  }))
}

/** What was removed, by the transaction of which number, and what was not. */
interface Removal {
  readonly ids: readonly string[]
  readonly xid: string
  readonly left: Left
}

async function remove(writing: Writing, gone: readonly string[], moment: Moment): Promise<Removal> {
  if (gone.length === 0) return { ids: [], xid: '0', left: new Map() }
  const { session: { run, change }, table } = writing
  const all = encodeIds(gone)
  const from = `from only ${nameOf(table)} t
    where t.id operator(pg_catalog.=) any ($1::text::${idType(table)}[])`
  const held = idsOf(
    await run(`select t.id::text as id ${from} for update of t skip locked`, [all]),
  )
  const [removed, left, xid] = await together([
    change(`delete ${from} and ${beforeSql('t', ['$2', '$3'])} returning t.id::text as id`, [
      encodeIds(held),
      ...momentParameters(moment),
    ]),
    run(`select t.id::text as id ${from}`, [all]),
    run('select pg_catalog.pg_current_xact_id()::text as id'),
  ])
  const isLocked = new Set(held)
  return {
    ids: idsOf(removed),
    xid: idsOf(xid)[0] ?? '',
    left: new Map(idsOf(left).map((id) => [id, isLocked.has(id) ? 'newer' : 'held'])),
  }
}

interface Wrote {
  readonly changed: number
  readonly left: Left
}

/** Stages the rows and writes them. The rows are locked only while these statements run. */
async function write(
  { session, table }: Writing,
  staged: readonly Staged[],
  { batch, keys, mutation }: { batch: Batch; keys: readonly string[]; mutation: string },
): Promise<Wrote> {
  if (staged.length === 0) return { changed: 0, left: new Map() }
  const { run, change } = session
  await fillStage(session, table, staged)
  const sql = stageSql(table, { keys, count: staged.length })
  const moment = momentParameters(batch.mark.xid)
  const see = `select sluice.see($1::text::uuid, $2::text::regclass, ${sql.seen})`
  const lost: Promise<Rows>[] = []
  const locking = [run(sql.lock), run(sql.spare, moment)]
  for (const key of keys.map((_, at) => sql.keys[at])) {
    if (key === undefined) continue
    locking.push(run(key.lock), run(key.spare, moment))
    lost.push(change(key.vacate, moment))
  }
  const left = run(sql.left, moment)
  const changes = [...sql.update === null ? [] : [change(sql.update)], change(sql.insert)]
  const seen = batch.pass?.before === true ? [run(see, [mutation, nameOf(table)])] : []
  await together([...locking, ...lost, left, ...changes, ...seen])
  const unwritten = new Map((await left).map((row) => [String(row['id']), row['why'] as Later]))
  const counts = (await Promise.all(changes)).map(({ count }) => count)
  const toInsert = staged.filter(({ id, isNew }) => isNew && !unwritten.has(id)).length
  const refused = (counts.at(-1) ?? 0) < toInsert ? idsOf(await run(sql.refused)) : []
  const vacated = (await Promise.all(lost)).flatMap(idsOf)
  return {
    changed: counts.reduce((sum, count) => sum + count, 0),
    left: new Map([...vacatedOf(vacated, staged), ...unwritten, ...newerOf(refused)]),
  }
}

function newerOf(ids: readonly string[]): Left {
  return new Map(ids.map((id) => [id, 'newer']))
}

/** Whoever has lost a key and is not written itself. */
function vacatedOf(vacated: readonly string[], staged: readonly Staged[]): Left {
  const own = new Set(staged.map(({ id }) => id))
  return newerOf(vacated.filter((id) => !own.has(id)))
}

function idsOf(rows: Rows): string[] {
  return rows.map((row) => String(row['id']))
}

/** Without the length: a cast to varchar(18) would cut an id that is longer and mean another row. */
export function idType({ columns }: SyncedTable): string {
  return (columns[0]?.type ?? 'text').replace(/^(varchar|character varying) ?\(.*\)$/, '$1')
}
