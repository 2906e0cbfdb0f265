// Room sync: moments of a customer's database, told by its transactions. What was committed before a moment is older than
// the moment, whatever number its transaction has; all else is newer.

import type { Session } from './writer-session.ts'

/** A moment as text: `next:open,open,…`: the next transaction's number then, and the numbers of those under way. */
export type Moment = string

/** With the statement's snapshot comes who is under way; its subtransactions only the locks tell, which are read later. */
const momentSql = `
  select pg_catalog.pg_current_snapshot()::text as snapshot, (
    select pg_catalog.string_agg(l.transactionid::text, ',') from pg_catalog.pg_locks l
    where l.locktype = 'transactionid' and l.granted and l.mode = 'ExclusiveLock'
      and pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text
        <> pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text
  ) as locks`

/** This moment. */
export async function takeMoment({ run }: Pick<Session, 'run'>): Promise<Moment> {
  const [row] = await run(momentSql)
  return momentOf(String(row?.['snapshot']), row?.['locks'] as string | null)
}

/**
 * The moment of a snapshot (`xmin:xmax:xip,xip`, Postgres manual, 9.27) and of the numbers that are locked, of 32 bits: each
 * is one of those nearest to the next.
 */
export function momentOf(snapshot: string, locks: string | null): Moment {
  const [, next = '', listed = ''] = snapshot.split(':')
  const nextXid = BigInt(next)
  const locked = (locks ?? '').split(',').filter((one) => one !== '')
    .map((one) => nextXid + BigInt.asIntN(32, BigInt(one) - nextXid))
  const open = new Set([...listed.split(',').filter((one) => one !== '').map(BigInt), ...locked])
  return `${next}:${[...open].filter((xid) => xid < nextXid).join(',')}`
}

/** Was the transaction of this number committed before the moment? It is committed. */
export function isBefore(xid: string, moment: Moment): boolean {
  const [next = '', open = ''] = moment.split(':')
  return BigInt(xid) < BigInt(next) && !open.split(',').includes(xid)
}

const nextXid =
  '(select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint)'

/**
 * SQL: was the row written before a moment? Asked in a statement after the one that locked the row, so that the row is older
 * than the statement. Of a number the row has 32 bits (manual, 67.1): it is the last such one that there was, so that a row
 * that is frozen for long may, once in a long while, be taken for a new one, and never the other way round.
 */
export function beforeSql(row: string, [next, open]: readonly [string, string]): string {
  const minus = 'operator(pg_catalog.-)'
  const ago = `pg_catalog.mod(${nextXid} ${minus} ${row}.xmin::text::bigint, 4294967296)`
  const xid = `(${nextXid} ${minus} ${ago})`
  return `(${xid} operator(pg_catalog.<) ${next}::text::bigint
    and ${xid} operator(pg_catalog.<>) all (${open}::text::bigint[]))`
}

/** The two parameters of `beforeSql`. */
export function momentParameters(moment: Moment): [next: string, open: string] {
  const [next = '', open = ''] = moment.split(':')
  return [next, `{${open}}`]
}
