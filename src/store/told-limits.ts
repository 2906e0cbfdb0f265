// Room store: the limits of buckets as the platforms tell them. What is reserved goes by our own rules, and by what the
// platform says is left; these are for people, who know their account's limit by the platform's number.

import type { Bucket } from './buckets.ts'
import type { Store } from './store.ts'

/** Notes the limit of a bucket that there is. Throws `service_unreachable`. */
export async function noteToldLimit(
  store: Store,
  connection: string,
  { bucket: { rule, key }, limit }: { bucket: Pick<Bucket, 'rule' | 'key'>; limit: number },
): Promise<void> {
  await store.ask('Noting a limit', (sql) =>
    sql`
      update sluice_store.buckets set told = ${limit}
      where connection_id = ${connection} and rule = ${rule} and key = ${key}
        and told is distinct from ${limit}::bigint`)
}

/** The limits told of a connection, by rule: the least where a rule has several buckets. Throws `service_unreachable`. */
export async function readToldLimits(
  store: Store,
  connection: string,
): Promise<ReadonlyMap<string, number>> {
  const rows = await store.ask('Reading the limits', (sql) =>
    sql<{ rule: string; told: number }[]>`
      select rule, min(told)::float8 as told from sluice_store.buckets
      where connection_id = ${connection} and told is not null group by rule`)
  return new Map(rows.map(({ rule, told }) => [rule, told]))
}
