// Room session: a session within this process: our client on the near end, and behind it the very Session that a client
// of the SQL door has, on a connection of its own to the customer's Postgres. One statement at a time, in autocommit.

import { Buffer } from 'node:buffer'
import { duplexPair } from 'node:stream'
import { ConnectionLost } from '../engine/conduit.ts'
import { withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import type { SyncConfig } from '../mutation/config.ts'
import { Fault, fault, type FaultData, faultData } from '../mutation/fault.ts'
import type { Trace } from '../lib/trace.ts'
import type { Mutation, Outcome } from '../mutation/mutation.ts'
import {
  type SentMutation,
  type StatementAnswer,
  StatementFailed,
  type StatementRequest,
} from '../mutation/statement.ts'
import type { TransactionStatus } from '../wire/backend.ts'
import {
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  sync,
} from '../wire/frontend.ts'
import { Line } from './inside-line.ts'
import {
  createReply,
  databaseFault,
  overflows,
  type Reply,
  type ResultBounds,
  takeFrame,
} from './inside-reply.ts'
import { type Approach, DatabaseRefused, loginDatabase } from './login.ts'
import type { SessionMetrics } from './metrics.ts'
import type { MutatorOptions } from './mutate.ts'
import { Session } from './session.ts'
import { loginWaitMs } from './side.ts'

export interface InsideSessionOptions {
  readonly service: MutatorOptions['service']
  readonly bounds: ResultBounds
  readonly log: Log
  readonly approach?: Approach
  readonly metrics?: SessionMetrics
}

/** What every session starts with: answers must not depend on how the customer's database is set. */
const parameters: ReadonlyMap<string, string> = new Map([
  ['application_name', 'sluice http'],
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, YMD'],
  ['IntervalStyle', 'postgres'],
  ['TimeZone', 'UTC'],
  ['bytea_output', 'hex'],
  ['extra_float_digits', '1'],
  ['standard_conforming_strings', 'on'],
])

/** How long DISCARD ALL may take, in milliseconds. */
const resetWaitMs = 5_000

const queryCanceled = '57014'

/** Why a statement was cancelled. */
type Reason = 'client' | 'time' | 'size'

/** One statement under way. */
interface Current {
  readonly mutationId: string
  readonly trace: Trace | null
  told: FaultData | null
  sent: SentMutation | null
  cancelled: Reason | null
}

export class InsideSession {
  /** Where it is connected. */
  readonly place: string
  readonly #line: Line
  readonly #session: Session
  readonly #bounds: ResultBounds
  #current: Current | null = null
  #spent = false

  private constructor(line: Line, session: Session, at: { place: string; bounds: ResultBounds }) {
    this.#line = line
    this.#session = session
    this.#bounds = at.bounds
    this.place = at.place
  }

  /** Logs in. Throws the fault `database_unreachable`. */
  static async open(config: SyncConfig, options: InsideSessionOptions): Promise<InsideSession> {
    const log = options.log.with({ sync: config.id, door: 'http' })
    const { approach = {} } = options
    const how = { parameters, waitMs: loginWaitMs, log, approach }
    const login = await loginDatabase(config.database, how)
      .catch((error: unknown) => {
        throw error instanceof DatabaseRefused ? refusedLogin(error) : error
      })
    const [near, far] = duplexPair()
    const line = new Line(near)
    const holder: { current: InsideSession | null } = { current: null }
    const session = new Session({
      client: far,
      rest: new Uint8Array(0),
      parameters,
      config,
      login,
      approach,
      user: null,
      log,
      service: watched(options.service, {
        syncId: config.id,
        note: (sent) => holder.current?.note(sent),
      }),
      newId: () => holder.current?.mutationId ?? crypto.randomUUID(),
      trace: () => holder.current?.trace ?? null,
      ...(options.metrics === undefined ? {} : { metrics: uncounted(options.metrics) }),
      told: (data) => holder.current?.hear(data),
      onClosed: () => line.destroy(),
    })
    const inside = new InsideSession(line, session, {
      place: placeOf(config),
      bounds: options.bounds,
    })
    holder.current = inside
    const greeted = line.exchange(null, () => {})
    session.start()
    await greeted
    return inside
  }

  /** It cannot be used any more. */
  get dead(): boolean {
    return this.#line.closed || this.#spent
  }

  get mutating(): boolean {
    return this.#session.mutating
  }

  get mutationId(): string | undefined {
    return this.#current?.mutationId
  }

  get trace(): Trace | null {
    return this.#current?.trace ?? null
  }

  note(sent: SentMutation): void {
    if (this.#current !== null) this.#current.sent = sent
  }

  hear(data: FaultData): void {
    if (this.#current !== null) this.#current.told ??= data
  }

  configure(config: SyncConfig): void {
    this.#session.configure(config)
  }

  /**
   * Runs one statement. Throws StatementFailed; ConnectionLost where the connection was lost before the statement could
   * run.
   */
  async run(request: StatementRequest): Promise<StatementAnswer> {
    const { mutationId, trace = null } = request
    const current: Current = { mutationId, trace, told: null, sent: null, cancelled: null }
    this.#current = current
    try {
      const described = await this.#describe(request.sql, current)
      const bound = bindFor(described, request)
      if (current.cancelled !== null) throw failure(cancelFault(current.cancelled), current)
      const reply = await this.#execute(bound, current)
      return answerOf(reply, { ...current, fields: described.fields })
    } finally {
      this.#current = null
    }
  }

  /** Cancels what runs, unless the platform has it. The session is of no use afterwards. */
  async cancel(reason: Reason): Promise<void> {
    if (this.#current !== null) this.#current.cancelled ??= reason
    this.#spent = true
    await this.#session.cancel().catch(() => {})
  }

  /** Forgets everything that a statement has left in the session. False: it is of no use any more. */
  async reset(): Promise<boolean> {
    if (this.dead) return false
    const reply = createReply()
    const work = this.#line.exchange(
      encodeQuery('DISCARD ALL'),
      (frame) => takeFrame(reply, frame, this.#bounds),
    )
    const status = await withDeadline(work, { waitMs: resetWaitMs, what: 'DISCARD ALL' })
      .catch(() => null)
    return status === 'I' && reply.error === null
  }

  /** Says goodbye to Postgres; a mutation that runs is finished first, anything else is cut. */
  end(): void {
    if (!this.#session.idle && !this.#session.mutating) return this.destroy()
    this.#spent = true
    this.#session.shutDown()
  }

  /** Closes everything at once. */
  destroy(): void {
    this.#spent = true
    this.#session.destroy()
    this.#line.destroy()
  }

  async #describe(sql: string, current: Current): Promise<Reply> {
    const messages = [encodeParse({ name: '', sql }), encodeDescribe('statement', ''), sync]
    const { reply, status } = await this.#exchange(messages, current)
    if (status === null) throw new ConnectionLost('the session ended before the statement began')
    if (reply.error !== null) throw this.#failed(reply, current)
    return reply
  }

  async #execute(bind: Uint8Array, current: Current): Promise<Reply> {
    const { reply, status } = await this.#exchange(
      [bind, encodeExecute({ portal: '' }), sync],
      current,
    ).catch((error: unknown) => {
      throw error instanceof ConnectionLost ? lostFailure(error, current) : error
    })
    if (reply.error !== null) throw this.#failed(reply, current)
    if (reply.copying) throw failure(copyFault(), current)
    if (status !== 'I') {
      this.#spent = true
      throw failure(blockFault(), current)
    }
    return reply
  }

  /** Throws ConnectionLost where the session ended without a word. */
  async #exchange(
    messages: readonly Uint8Array[],
    current: Current,
  ): Promise<{ reply: Reply; status: TransactionStatus | null }> {
    const reply = createReply()
    const work = this.#line.exchange(Buffer.concat(messages), (frame) => {
      takeFrame(reply, frame, this.#bounds)
      if (overflows(reply, this.#bounds) && current.cancelled === null) void this.cancel('size')
      if (reply.copying) this.destroy()
    })
    try {
      return { reply, status: await work }
    } catch (error) {
      if (reply.error === null && !reply.copying) throw error
      return { reply, status: null }
    }
  }

  /** What Sluice has told the client in its own words, else what Postgres has. */
  #failed({ error }: Reply, current: Current): StatementFailed {
    const { told, cancelled } = current
    const state = error?.get('C')
    if (cancelled !== null && state === queryCanceled) {
      return failure(cancelFault(cancelled), current)
    }
    return failure(told ?? databaseFault(error ?? new Map()), current)
  }
}

/** What passes here are not only statements of the caller's, but what we say before and after. */
function uncounted(metrics: SessionMetrics): SessionMetrics {
  return { ...metrics, enter: () => {}, leave: () => {} }
}

/** Where a sync's sessions are connected. */
export function placeOf({ id, database }: SyncConfig): string {
  return JSON.stringify([id, database])
}

/** The service, for mutations of one sync, each noted before and after it is handed over. */
function watched(
  service: MutatorOptions['service'],
  { syncId, note }: { syncId: string; note: (sent: SentMutation) => void },
): MutatorOptions['service'] {
  const { quote } = service
  return {
    ...service,
    ...(quote === undefined ? {} : {
      quote: async (mutation: Mutation) => {
        if (mutation.syncId !== syncId) throw new Fault(foreign(mutation, syncId))
        return await quote(mutation)
      },
    }),
    send: async (mutation: Mutation, options): Promise<Outcome> => {
      if (mutation.syncId !== syncId) return { state: 'refused', fault: foreign(mutation, syncId) }
      note({ mutation, outcome: null })
      const outcome = await service.send(mutation, options)
      note({ mutation, outcome })
      return outcome
    },
  }
}

/** The database has tables of other syncs too, whose accounts a caller for this one must not write to. */
function foreign({ syncId, schema, table }: Mutation, own: string): FaultData {
  return faultData('not_permitted', {
    message: `not permitted: table "${schema}.${table}" is not of sync "${own}", nothing was sent`,
    detail:
      `The table belongs to sync "${syncId}"; a token writes to the tables of its own sync only.`,
    hint: `Use a token of sync "${syncId}".`,
    schema,
    table,
  })
}

/** The Bind of the statement. Throws a Fault where the parameters do not fit, or two columns have one name. */
function bindFor({ parameterTypes, fields }: Reply, request: StatementRequest): Uint8Array {
  refuseTwins(fields.map(({ name }) => name))
  const values = request.parameters(parameterTypes)
  const encoder = new TextEncoder()
  return encodeBind({
    portal: '',
    statement: '',
    parameters: values.map((value) => value === null ? null : encoder.encode(value)),
  })
}

/** A row is a JSON object, in which one of two columns would be lost. */
function refuseTwins(names: readonly string[]): void {
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin === undefined) return
  throw fault('bad_request', {
    message: `column "${twin}" stands twice in the result, nothing was run`,
    hint: 'Give one of them another name with AS.',
  })
}

function answerOf(
  { tag, rows, empty }: Reply,
  { sent, cancelled, fields }: Current & Pick<Reply, 'fields'>,
): StatementAnswer {
  if (empty || tag === null) throw fault('bad_request', { message: 'sql holds no statement' })
  const [command = '', ...counts] = tag.split(' ')
  const truncated = cancelled === 'size'
  if (truncated && sent === null && command === 'SELECT') {
    throw new StatementFailed(cancelFault('size'), { sent })
  }
  const count = counts.at(-1) ?? ''
  return {
    command,
    rowCount: /^\d+$/.test(count) ? Number(count) : null,
    fields,
    rows,
    truncated,
    sent,
  }
}

function failure(data: FaultData, { sent }: Current): StatementFailed {
  return new StatementFailed(data, { sent })
}

function cancelFault(reason: Reason): FaultData {
  switch (reason) {
    case 'client':
      return faultData('statement_cancelled')
    case 'time':
      return faultData('statement_timed_out')
    case 'size':
      return faultData('result_too_large', { hint: 'Add a LIMIT, or read in pages.' })
  }
}

/** The connection was lost while the statement ran, and nobody has said what became of it. */
function lostFailure(cause: ConnectionLost, current: Current): StatementFailed {
  const { sent, told } = current
  const what = sent === null
    ? 'Nothing was sent to a platform; in ordinary tables the statement may have been carried out.'
    : `Mutation ${sent.mutation.id} was under way.`
  const data = told ?? faultData('outcome_unknown', {
    message: 'outcome unknown: the connection to the database was lost while the statement ran',
    detail: what,
    hint: 'Look at the rows before you send the statement again.',
  })
  return new StatementFailed(data, { sent, cause })
}

function copyFault(): FaultData {
  return faultData('form_not_supported', {
    message: 'COPY is not possible over HTTP',
    hint: 'Use the Postgres protocol.',
  })
}

function blockFault(): FaultData {
  return faultData('form_not_supported', {
    message: 'a transaction block is not possible over HTTP',
    detail: 'Each request is one statement, which is committed by itself.',
    hint: 'Use the Postgres protocol.',
  })
}

function refusedLogin(error: DatabaseRefused) {
  return fault('database_unreachable', {
    message: 'the database refused the connection, nothing was sent',
    detail: error.message,
    hint: 'Try again. If it stays so, sluice doctor says what is in the way.',
  }, { cause: error })
}
