// Room session: replication connections: the startup parameter that asks for one, as Postgres reads it.
// https://www.postgresql.org/docs/current/protocol-replication.html

/** What Postgres takes for "no" (parse_bool). */
const no = /^(?:f|fa|fal|fals|false|n|no|of|off|0)$/i

/** Does the StartupMessage ask for a replication connection? A value that Postgres cannot read, it refuses itself. */
export function isReplication(parameters: ReadonlyMap<string, string>): boolean {
  const value = parameters.get('replication')
  return value !== undefined && !no.test(value)
}

/** One for the whole cluster: it is connected to no database, whatever database it names. */
export function isPhysical(parameters: ReadonlyMap<string, string>): boolean {
  return isReplication(parameters) && parameters.get('replication') !== 'database'
}
