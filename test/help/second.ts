// A second database on the cluster of a stage, without Sluice: where Postgres alone is asked.

import postgres from 'postgres'
import type { Stage } from './stage.ts'

/** Makes it with the schema, in which the stage's role may do everything. Close `sql`, the superuser's, in `after`. */
export async function secondDatabase(
  stage: Stage,
  schema: string,
): Promise<{ database: string; sql: postgres.Sql }> {
  const { port, database: first } = stage.direct()
  const database = `${String(first)}_alone`
  await stage.sql.unsafe(`create database ${database}`)
  const sql = postgres(`postgres://postgres:postgres@127.0.0.1:${port}/${database}`, {
    max: 1,
    onnotice: () => {},
  })
  await sql.unsafe(`${schema};
    grant all on schema salesforce, public to ${stage.role};
    grant all on all tables in schema salesforce, public to ${stage.role};
    grant all on all sequences in schema salesforce to ${stage.role}`)
  return { database, sql }
}
