// Room session: runs one mutation of this session through the engine: on the client's own connection when that is idle,
// else on a side connection; heeds the client's cancel until the mutation is sent.

import { randomUUID } from 'node:crypto'
import { type Conduit, ConnectionLost, DatabaseError } from '../engine/conduit.ts'
import type { UpsertRequest } from '../engine/deps.ts'
import { openCopy } from '../engine/foresee.ts'
import { type Ran, runMutation } from '../engine/run.ts'
import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import type { Trace } from '../lib/trace.ts'
import { fault } from '../mutation/fault.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { Operation, SyncedTable } from '../mutation/table.ts'
import { explainMissing, furnish, ownLock } from './aside.ts'
import { createConduit, parseSeveral, queryLink, type ResultSink } from './conduit.ts'
import type { Forecast } from './forecast.ts'
import type { Link } from './link.ts'
import type { SessionMetrics } from './metrics.ts'
import { type Approach, cancelDatabase } from './login.ts'
import { answered, bounded } from './bounded.ts'
import type { Service } from './service.ts'
import { blocks, readSettings, restoreSettings, type Side } from './side.ts'
import type { ClientStatement } from './statement.ts'
import { traceOf, Witness } from './witness.ts'

export interface MutationRequest {
  readonly task: 'carry' | 'explain'
  /** As the text says; an upsert is an insert. */
  readonly operation: Operation
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
  readonly upsert?: UpsertRequest | undefined
  readonly statement: ClientStatement
  /** Text of the PREPARE that an EXECUTE refers to: a side connection does not know it. */
  readonly prepare: string | null
  readonly onResult: ResultSink
  /** Rejects when what had to come before has failed; then nothing is sent. */
  readonly prelude: Promise<void>
}

export interface MutatorOptions {
  readonly link: Link
  readonly side: Side
  readonly service: Pick<Service, 'send' | 'applied' | 'cancel' | 'quote'>
  readonly address: DatabaseAddress
  readonly approach: Approach
  readonly log: Log
  /** Who has logged in; null: nobody has, the session is the service's own. */
  readonly login: string | null
  /** The id of the next mutation; random when absent. */
  readonly newId?: () => string
  readonly metrics?: SessionMetrics
  /** The trace that the next mutation belongs to, where its text does not say. */
  readonly trace?: () => Trace | null
  /** Takes the place of a mutation, and gives the function that leaves it. Throws a Fault: there is none. */
  readonly enter?: () => () => void
  /** The tables and the ticket key as configured now. */
  config(): { tables: ReadonlyMap<string, SyncedTable>; ticketKey: Uint8Array }
}

/** Where a mutation is, as far as a cancel is concerned. */
interface Running {
  readonly abort: AbortController
  /** The connection at work. */
  link: Link
  /** The id of the mutation that was handed over. */
  sent: string | null
}

/** A connection to run a mutation on. */
interface Place {
  readonly conduit: Conduit
  /** The client's own transaction is READ ONLY. */
  readonly readOnly: boolean
}

const cancelWaitMs = 5_000
/**
 * A database that says nothing for so long is taken for lost: before the mutation is sent nothing has happened, and
 * afterwards recovery applies it.
 */
const stepWaitMs = 120_000
/** A plan that takes too long is cancelled first; a database that does not heed that either is lost. */
const heedWaitMs = 10_000
/** First and later looks at who blocks a side connection, in milliseconds. */
const blockedFirstMs = 30
const blockedAgainMs = 200

export class Mutator {
  readonly #options: MutatorOptions
  #running: Running | null = null
  /** CancelRequests on their way to Postgres: they must have arrived before anything is sent. */
  readonly #cancels = new Set<Promise<void>>()
  #identity: { pid: number; serverMajor: number } | null = null

  constructor(options: MutatorOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#running !== null
  }

  /**
   * Runs it. Null: it is committed; else what it would do, and nothing of it is done. Throws Fault, DatabaseError,
   * ConnectionLost or what `prelude` rejects with.
   */
  async run(request: MutationRequest): Promise<Forecast | null> {
    const leave = await this.#enter(request)
    try {
      return await this.#run(request)
    } finally {
      leave()
    }
  }

  /** What had to come before is answered before a refusal. */
  async #enter({ prelude }: MutationRequest): Promise<() => void> {
    try {
      return this.#options.enter?.() ?? (() => {})
    } catch (error) {
      await prelude
      throw error
    }
  }

  async #run(request: MutationRequest): Promise<Forecast | null> {
    const witness = await this.#witness(request)
    const ran = await witness.watch(() =>
      this.#lending((running) => {
        const work = (place: Place) => this.#engine(place, { request, running, witness })
        return this.#place(request, { running, work })
      })
    )
    if (ran.kind === 'committed') return null
    const { mutation } = ran
    const quote = mutation === null ? null : await this.#options.service.quote?.(mutation) ?? null
    return { mutation, quote, table: request.table }
  }

  /**
   * Has Postgres begin a COPY FROM STDIN that is to be a mutation, without data, so that it says what is wrong with it
   * before the client is asked for any. `onResult` gets the CopyInResponse. Throws as `run`.
   *
   * @returns the client's statement_timeout in milliseconds, 0: none.
   */
  async openCopy(request: MutationRequest): Promise<number> {
    return await this.#lending((running) =>
      this.#place(request, {
        running,
        work: ({ conduit, readOnly }) => openCopy(conduit, { readOnly }),
      })
    )
  }

  /** Has Postgres read a text of several statements; nothing is run. As `parseSeveral`. */
  async parse(sql: Uint8Array): Promise<DatabaseError | 'single' | null> {
    const { link, side } = this.#options
    // in a block that has failed nothing can be asked, but this
    if (this.#free || link.status === 'E') {
      return await this.#answered(link, parseSeveral(link, sql))
    }
    return await this.#lending(async (running) => {
      const settings = await this.#answered(link, readSettings(link))
      try {
        running.link = await side.take(settings)
        return await this.#answered(running.link, parseSeveral(running.link, sql))
      } catch (error) {
        throw this.#sideError(error)
      } finally {
        side.release()
        await restoreSettings(link, settings)
      }
    })
  }

  /** The client's own connection is neither in a transaction block nor in an unfinished pipeline. */
  get #free(): boolean {
    const { status, tracker } = this.#options.link
    return status === 'I' && tracker.tail === 0
  }

  /** While it works, a cancel is for it. */
  async #lending<T>(work: (running: Running) => Promise<T>): Promise<T> {
    const { link } = this.#options
    const running: Running = { abort: new AbortController(), link, sent: null }
    this.#running = running
    link.lend()
    try {
      return await work(running)
    } finally {
      this.#running = null
      link.reclaim()
    }
  }

  async #place<T>(
    request: MutationRequest,
    placed: { running: Running; work: (place: Place) => Promise<T> },
  ): Promise<T> {
    request.prelude.catch(() => {}) // looked at when the plan is there
    return await (this.#free ? this.#own(request, placed) : this.#aside(request, placed))
  }

  async #witness(request: MutationRequest): Promise<Witness> {
    const { link, log, metrics, login } = this.#options
    const trace = this.#options.trace?.() ?? await traceOf(request.statement, link)
    return new Witness({ ...request, trace, log, metrics, login, now: () => performance.now() })
  }

  /**
   * The client's CancelRequest: for what Postgres does now. When the mutation was handed over, it is for the service: what
   * still waits for its turn is not sent; else the outcome is told.
   */
  async cancel(): Promise<void> {
    const { link, address, approach, log, service } = this.#options
    const running = this.#running
    if (running !== null && running.sent !== null) {
      await service.cancel?.(running.sent)
      return
    }
    running?.abort.abort()
    const { key } = running?.link ?? link
    if (key === null) return
    const request = cancelDatabase(address, key, { waitMs: cancelWaitMs, approach })
      .catch((error: unknown) => log.warn('cancel_failed', { error }))
      .finally(() => this.#cancels.delete(request))
    this.#cancels.add(request)
    await request
  }

  async #own<T>(
    request: MutationRequest,
    { work }: { work: (place: Place) => Promise<T> },
  ): Promise<T> {
    const { link } = this.#options
    this.#identity ??= await this.#answered(link, identify(link))
    const conduit = createConduit({
      link,
      own: true,
      ...this.#identity,
      statement: request.statement,
      onResult: request.onResult,
    })
    return await work({ conduit: afterPrelude(conduit, request.prelude), readOnly: false })
  }

  async #aside<T>(
    request: MutationRequest,
    { running, work }: { running: Running; work: (place: Place) => Promise<T> },
  ): Promise<T> {
    const { link, side } = this.#options
    await request.prelude
    const settings = await this.#answered(link, readSettings(link))
    try {
      const aside = await side.take(settings)
      running.link = aside
      const both = { destroy: () => [aside, link].forEach((each) => each.destroy()) }
      await this.#answered(both, furnish({ link, aside }, request, settings))
      const conduit = createConduit({
        link: aside,
        own: false,
        ...await this.#answered(aside, identify(aside)),
        statement: request.statement,
        onResult: request.onResult,
      })
      const watched = this.#watched(conduit, { aside, running, table: request.table })
      return await work({ conduit: watched, readOnly: settings.readOnly })
    } catch (error) {
      const { temporary } = settings
      const failure = this.#sideError(error)
      throw await this.#answered(link, explainMissing(failure, { link, request, temporary }))
    } finally {
      side.release()
      await restoreSettings(link, settings)
    }
  }

  /** The side connection is ours: its loss is not the client's. */
  #sideError(error: unknown): unknown {
    if (!(error instanceof ConnectionLost) || this.#options.link.closed) return error
    return fault('database_unreachable', {
      message: 'the second connection to the database was lost, nothing was sent',
      detail: 'A mutation inside a transaction block runs on a connection of its own.',
      hint: 'Roll back, and try again.',
    }, { cause: error })
  }

  async #engine(
    { conduit, readOnly }: Place,
    { request, running, witness }: {
      request: MutationRequest
      running: Running
      witness: Witness
    },
  ): Promise<Ran> {
    const { service, log, login, newId = randomUUID } = this.#options
    const { task, table, setColumns, upsert } = request
    const { signal } = running.abort
    const engineRequest = { task, table, setColumns, upsert, readOnly, signal }
    return await runMutation(this.#patient(conduit, running), engineRequest, {
      ...this.#options.config(),
      log,
      login,
      newId,
      now: () => performance.now(),
      observe: (event) => witness.observe(event),
      send: async (mutation, options) => {
        await Promise.all(this.#cancels)
        if (running.abort.signal.aborted) throw fault('statement_cancelled')
        running.sent = mutation.id
        const { trace } = witness
        const named = login === null ? mutation : { ...mutation, by: login }
        return await service.send(named, trace === null ? options : { ...options, trace })
      },
      applied: (mutationId) => {
        witness.applied()
        service.applied(mutationId)
      },
    })
  }

  /** Our own small questions, that are no work for Postgres. */
  #answered<T>(link: { destroy(): void }, work: Promise<T>): Promise<T> {
    return answered(link, work, this.#stepWaitMs)
  }

  get #stepWaitMs(): number {
    return this.#options.approach.stepWaitMs ?? stepWaitMs
  }

  /** The conduit, with an end to every wait for the database. */
  #patient(conduit: Conduit, running: Running): Conduit {
    const { log } = this.#options
    const waitMs = this.#stepWaitMs
    let late: ReturnType<typeof setTimeout> | undefined
    const lost = () => {
      log.error('database_without_answer', { waitMs, mutation: running.sent })
      running.link.destroy()
    }
    const planning = bounded(conduit, {
      waitMs,
      when: () => running.sent === null,
      giveUp: () => {
        log.warn('plan_took_too_long', { waitMs })
        late = setTimeout(lost, Math.min(waitMs, heedWaitMs))
        void this.cancel()
      },
    })
    const run: Conduit['run'] = async (steps) => {
      try {
        return await planning.run(steps)
      } catch (error) {
        throw late !== undefined && isCancelled(error) ? tookTooLong(waitMs, error) : error
      } finally {
        clearTimeout(late)
      }
    }
    const applying = { waitMs, when: () => running.sent !== null, giveUp: lost }
    return bounded({ ...conduit, run }, applying)
  }

  /** While the side connection works, looks whether it waits for the client's own transaction: it would for ever. */
  #watched(
    conduit: Conduit,
    { aside, running, table }: { aside: Link; running: Running; table: SyncedTable },
  ): Conduit {
    const { link, address, approach } = this.#options
    return {
      ...conduit,
      run: async (steps) => {
        if (running.sent !== null) return await conduit.run(steps)
        let over = false
        const work = conduit.run(steps).finally(() => over = true)
        const look = () => this.#answered(link, blocks(link, conduit.pid))
        const blocked = await watch(work, () => over, look)
        if (!blocked) return await work
        await cancelDatabase(address, required(aside.key, 'a key to cancel with'), {
          waitMs: cancelWaitMs,
          approach,
        }).catch(() => aside.destroy())
        await work.catch((error: unknown) => {
          if (!isCancelled(error)) throw error
        })
        throw ownLock(table)
      },
    }
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlstate === '57014'
}

function tookTooLong(waitMs: number, cause: unknown): Error {
  return fault('statement_cancelled', {
    message: `canceling statement: the database took more than ${waitMs} ms over it`,
    detail: 'It was still being planned. Nothing was sent.',
  }, { cause })
}

/** Resolves to true as soon as `look` says so, to false when the work is over before. */
async function watch(
  work: Promise<unknown>,
  over: () => boolean,
  look: () => Promise<boolean>,
): Promise<boolean> {
  const settled = work.then(() => {}, () => {})
  for (let waitMs = blockedFirstMs; !over(); waitMs = blockedAgainMs) {
    let timer: ReturnType<typeof setTimeout> | undefined
    const pause = new Promise<void>((resolve) => timer = setTimeout(resolve, waitMs))
    await Promise.race([settled, pause])
    clearTimeout(timer)
    if (!over() && await look()) return !over()
  }
  return false
}

async function identify(link: Link): Promise<{ pid: number; serverMajor: number }> {
  const sql = `select pg_catalog.pg_backend_pid(), pg_catalog.current_setting('server_version_num')`
  const [row] = await queryLink(link, sql)
  return { pid: Number(row?.[0]), serverMajor: Math.floor(Number(row?.[1]) / 10_000) }
}

/** The prelude's messages are ahead in the same stream: what they reply is known before what a step replies. */
function afterPrelude(conduit: Conduit, prelude: Promise<void>): Conduit {
  let known = false
  return {
    ...conduit,
    run: async (steps) => {
      const work = conduit.run(steps)
      if (known) return await work
      known = true
      const [result] = await Promise.allSettled([work])
      await prelude
      if (result.status === 'rejected') throw result.reason
      return result.value
    },
  }
}
