// Room lib: the Postgres driver, and what it must not carry over from a connection that was lost. The driver goes on with the
// connection's object when it connects anew, and there forgets neither how many rows it had read of the answer that was cut
// off nor the error that it had read: the next question had as many empty places before its rows (its first row was none: "no
// such sync"), or failed with the error of another. Seen in postgres 3.4.9, src/connection.js: `rows`, `errorResponse`.

import postgres from 'postgres'

/** What the driver's own question is, beyond its type. */
interface Question {
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
  /** Its own list from when it is sent on; an error names the list of the question that it answers. */
  readonly parameters?: unknown
}

/**
 * The same pool, whose questions are answered with their own rows and errors, whatever became of the connection before; within
 * `begin` they are so anyway, since BEGIN has no rows. Not for `reserve`, `cursor` and `forEach`.
 */
export function ownAnswers<S extends postgres.Sql>(sql: S): S {
  const unsafe: S['unsafe'] = (...asked) => ownAnswer(sql.unsafe(...asked))
  return new Proxy(sql, {
    apply: (target, self, args) => ownAnswer(Reflect.apply(target, self, args)),
    get: (target, key) => key === 'unsafe' ? unsafe : Reflect.get(target, key),
  })
}

function ownAnswer<T>(made: T): T {
  if (!(made instanceof Promise)) return made // a name, or values
  const question = made as unknown as Question
  const { resolve, reject } = question
  question.resolve = (result) => resolve(ownRows(result))
  question.reject = (error) => reject(isAnothers(error, question) ? new ConnectionLost() : error)
  return made
}

/** Without empty places before its rows; of several statements, before those of each. */
function ownRows(result: unknown): unknown {
  if (!Array.isArray(result)) return result
  const first = result.findIndex((_, index) => index in result)
  if (first > 0) result.splice(0, first)
  if (Array.isArray(result[0])) ownRows(result[0])
  return result
}

function isAnothers(error: unknown, { parameters }: Question): boolean {
  return error instanceof postgres.PostgresError && 'parameters' in error &&
    error.parameters !== parameters
}

/** As the driver's, for a question that was not sent. */
class ConnectionLost extends Error {
  readonly code = 'CONNECTION_CLOSED'

  constructor() {
    super('the connection was lost while another question was answered')
  }
}
