// Room session: settings of a person's own (`app.person`), which no catalogue lists. A side connection needs those that the
// statement, a policy, a default or a function of the database asks for: without them it would write something else.

import { queryLink } from './conduit.ts'
import type { Link } from './link.ts'

const asked = /current_setting\s*\(\s*'([^']*)'/gi

/** Names of custom settings that this SQL asks for by a constant. */
export function customNames(sql: string): string[] {
  const names = [...sql.matchAll(asked)].map((match) => match[1] ?? '')
  return [...new Set(names.filter((name) => name.indexOf('.', 1) > 0 && !name.endsWith('.')))]
}

// what an extension has defined is in pg_settings, and is carried over with the others
// no backslash in it: in the client's session it might be an escape
const customSql = `
with source(code) as (
  select pg_catalog.pg_get_expr(polqual, polrelid) from pg_catalog.pg_policy
  union all select pg_catalog.pg_get_expr(polwithcheck, polrelid) from pg_catalog.pg_policy
  union all select pg_catalog.pg_get_expr(adbin, adrelid) from pg_catalog.pg_attrdef
  union all select prosrc from pg_catalog.pg_proc where oid >= 16384
), named(name) as (
  select n from pg_catalog.json_array_elements_text($1::json) n
  union
  select m[1] from source,
    pg_catalog.regexp_matches(code, 'current_setting[[:space:]]*[(][[:space:]]*''([^'']+[.][^'']+)''', 'gi') m
  where code ~* 'current_setting'
), held(name, value) as (
  select name, pg_catalog.current_setting(name, true) from named
)
select pg_catalog.json_object_agg(name, value)::text from held
where value is not null and name not in (select s.name from pg_catalog.pg_settings s)`

const applySql = `
select pg_catalog.set_config(key, value, false) from pg_catalog.json_each_text($1::json)`

/** Gives `aside` the custom settings of the session that `sql` or the database asks for. Both links must be quiet. */
export async function carryCustom(
  link: Link,
  aside: Link,
  { sql }: { sql: string },
): Promise<void> {
  const rows = await queryLink(link, customSql, [JSON.stringify(customNames(sql))])
  const values = rows[0]?.[0] ?? null
  if (values !== null) await queryLink(aside, applySql, [values])
}
