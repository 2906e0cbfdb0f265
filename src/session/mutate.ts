// Room session: runs one mutation of this session through the engine: on the client's own connection when that is idle,
// else on a side connection; heeds the client's cancel until the mutation is sent.

import { randomUUID } from 'node:crypto'
import { type Conduit, ConnectionLost, DatabaseError } from '../engine/conduit.ts'
import { runMutation } from '../engine/run.ts'
import { required } from '../lib/assert.ts'
import type { Log } from '../lib/log.ts'
import { fault } from '../mutation/fault.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { createConduit, queryLink, type ResultSink } from './conduit.ts'
import { clientEncoding, isUtf8 } from './encoding.ts'
import { carryCustom } from './custom.ts'
import type { Link } from './link.ts'
import { cancelDatabase } from './login.ts'
import { textKey } from '../wire/text.ts'
import { bounded } from './bounded.ts'
import type { Service } from './service.ts'
import { blocks, findRelation, readSettings, restoreSettings, type Side } from './side.ts'
import type { ClientStatement } from './statement.ts'

export interface MutationRequest {
  readonly table: SyncedTable
  readonly setColumns: readonly string[] | null
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
  readonly service: Service
  readonly address: DatabaseAddress
  readonly log: Log
  /** The tables and the ticket key as configured now. */
  config(): { tables: ReadonlyMap<string, SyncedTable>; ticketKey: Uint8Array }
}

/** Where a mutation is, as far as a cancel is concerned. */
interface Running {
  readonly abort: AbortController
  /** The connection at work. */
  link: Link
  sent: boolean
}

const cancelWaitMs = 5_000
/** The platform has the mutation: a database that says nothing for so long is taken for lost, and recovery applies it. */
const applyWaitMs = 120_000
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

  /** Runs it. Throws Fault, DatabaseError, ConnectionLost or what `prelude` rejects with. */
  async run(request: MutationRequest): Promise<void> {
    const { link } = this.#options
    const running: Running = {
      abort: new AbortController(),
      link,
      sent: false,
    }
    this.#running = running
    request.prelude.catch(() => {}) // looked at when the plan is there
    link.lend()
    try {
      const own = link.status === 'I' && link.tracker.tail === 0
      await (own ? this.#runOwn(request, running) : this.#runAside(request, running))
    } finally {
      this.#running = null
      link.reclaim()
    }
  }

  /** The client's CancelRequest: for what Postgres does now, unless the API has the mutation: then the outcome is told. */
  async cancel(): Promise<void> {
    const { link, address, log } = this.#options
    const running = this.#running
    if (running?.sent) return
    running?.abort.abort()
    const { key } = running?.link ?? link
    if (key === null) return
    const request = cancelDatabase(address, key, { waitMs: cancelWaitMs })
      .catch((error: unknown) => log.warn('cancel_failed', { error }))
      .finally(() => this.#cancels.delete(request))
    this.#cancels.add(request)
    await request
  }

  async #runOwn(request: MutationRequest, running: Running): Promise<void> {
    const { link } = this.#options
    this.#identity ??= await identify(link)
    const conduit = createConduit({
      link,
      own: true,
      ...this.#identity,
      statement: request.statement,
      onResult: request.onResult,
    })
    await this.#engine(afterPrelude(conduit, request.prelude), {
      request,
      running,
      readOnly: false,
    })
  }

  async #runAside(request: MutationRequest, running: Running): Promise<void> {
    const { link, side } = this.#options
    await request.prelude
    const settings = await readSettings(link)
    try {
      const aside = await side.take(settings)
      running.link = aside
      await carryCustom(link, aside, { sql: textOf(request) })
      await refuseHidden(aside, request, settings.temporary)
      if (request.prepare !== null) await queryLink(aside, prepareText(link, request.prepare))
      const identity = await identify(aside)
      const conduit = createConduit({
        link: aside,
        own: false,
        ...identity,
        statement: request.statement,
        onResult: request.onResult,
      })
      const watched = this.#watched(conduit, { aside, running, table: request.table })
      await this.#engine(watched, { request, running, readOnly: settings.readOnly })
    } catch (error) {
      if (!(error instanceof ConnectionLost) || link.closed) throw error
      throw fault('database_unreachable', {
        message: 'the second connection to the database was lost, nothing was sent',
        detail: 'A mutation inside a transaction block runs on a connection of its own.',
      }, { cause: error })
    } finally {
      side.release()
      await restoreSettings(link, settings)
    }
  }

  async #engine(
    conduit: Conduit,
    { request, running, readOnly }: {
      request: MutationRequest
      running: Running
      readOnly: boolean
    },
  ): Promise<void> {
    const { service, log } = this.#options
    const { table, setColumns } = request
    const engineRequest = { table, setColumns, readOnly, signal: running.abort.signal }
    const applying = bounded(conduit, {
      waitMs: applyWaitMs,
      when: () => running.sent,
      giveUp: () => {
        log.error('apply_without_answer', { waitMs: applyWaitMs })
        running.link.destroy()
      },
    })
    await runMutation(applying, engineRequest, {
      ...this.#options.config(),
      log,
      newId: randomUUID,
      send: async (mutation, options) => {
        await Promise.all(this.#cancels)
        if (running.abort.signal.aborted) throw fault('statement_cancelled')
        running.sent = true
        return await service.send(mutation, options)
      },
      applied: (mutationId) => service.applied(mutationId),
    })
  }

  /** While the side connection works, looks whether it waits for the client's own transaction: it would for ever. */
  #watched(
    conduit: Conduit,
    { aside, running, table }: { aside: Link; running: Running; table: SyncedTable },
  ): Conduit {
    const { link, address } = this.#options
    return {
      ...conduit,
      run: async (steps) => {
        if (running.sent) return await conduit.run(steps)
        let over = false
        const work = conduit.run(steps).finally(() => over = true)
        const blocked = await watch(work, () => over, () => blocks(link, conduit.pid))
        if (!blocked) return await work
        await cancelDatabase(address, required(aside.key, 'a key to cancel with'), {
          waitMs: cancelWaitMs,
        }).catch(() => aside.destroy())
        await work.catch((error: unknown) => {
          if (error instanceof DatabaseError && error.sqlstate === '57014') return
          throw error
        })
        throw ownLock(table)
      },
    }
  }
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

/** Our own messages are UTF-8: text beyond ASCII would reach a connection in another encoding as something else. */
function prepareText(link: Link, text: string): string {
  const encoding = clientEncoding(link)
  if (isUtf8(encoding) || !/[^\x00-\x7f]/.test(text)) return text
  throw fault('form_not_supported', {
    message: `EXECUTE inside a transaction block is not supported in client_encoding ${encoding}`,
    detail: 'The text of the PREPARE holds characters outside ASCII.',
    hint: 'Send the statement itself, or set client_encoding to UTF8.',
  })
}

/**
 * A temporary table is not there on another connection. Where its name stands for another table there, the statement
 * would read or write that one: such a statement is refused.
 */
async function refuseHidden(
  aside: Link,
  request: MutationRequest,
  temporary: readonly string[],
): Promise<void> {
  const { table } = request
  const text = textOf(request).toLowerCase()
  const named = temporary.filter((name) =>
    text.includes(textKey(encoder.encode(name.toLowerCase())))
  )
  const hidden = await findRelation(aside, named)
  if (hidden === null) return
  throw fault('form_not_supported', {
    message: `temporary table "${hidden}" cannot be seen by a mutation inside a transaction block`,
    detail:
      `A mutation runs on a connection of its own there, where "${hidden}" is another table. ` +
      `Nothing was sent.`,
    hint: 'Send it outside a transaction block, or give the temporary table another name.',
    schema: table.schema,
    table: table.name,
  })
}

const encoder = new TextEncoder()

/** All SQL of the client's that will run, bytes as Latin-1. */
function textOf({ statement, prepare }: MutationRequest): string {
  const sql = statement.via === 'query' ? statement.sql : statement.prepared.sql
  return `${textKey(sql)} ${textKey(encoder.encode(prepare ?? ''))}`
}

function ownLock(table: SyncedTable) {
  return fault('lock_not_available', {
    detail:
      `A mutation runs outside your transaction block, and the block holds a lock on rows of ` +
      `${table.schema}.${table.name}, or on rows they refer to. Nothing was sent.`,
    hint: 'Commit or roll back first, then send the statement again.',
    schema: table.schema,
    table: table.name,
  })
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
