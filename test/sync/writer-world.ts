// A model of a platform, mutations through the real engine with a gate at each step, and a sync process that reads and
// writes when it is told to: nothing happens by itself, so that a schedule of steps can be played, and played again.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { parsePlanDetail, planReportState } from '../../src/database/index.ts'
import { type Conduit, DatabaseError } from '../../src/engine/conduit.ts'
import { runMutation } from '../../src/engine/run.ts'
import { silentLog } from '../../src/lib/log.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { tableKey } from '../../src/mutation/table.ts'
import { requestHash } from '../../src/store/journal.ts'
import { readSync } from '../../src/store/syncs.ts'
import { recover } from '../../src/sync/recovery.ts'
import { Fenced, type Pass, type TableWriter } from '../../src/sync/writing.ts'
import type { Ground } from './writer-help.ts'
import { syncId, until } from './writer-help.ts'

/** Postgres as the engine sees it, on a connection of its own. */
interface Line extends Conduit {
  statement: string
  end(): Promise<void>
}

export async function openLine(url: string): Promise<Line> {
  const notices: postgres.Notice[] = []
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: (one) => notices.push(one) })
  const [own] = await sql.unsafe(
    "select pg_backend_pid() as pid, current_setting('server_version_num')::int / 10000 as major",
  )
  const line: Line = {
    pid: Number(own?.['pid']),
    serverMajor: Number(own?.['major']),
    statement: '',
    end: () => sql.end({ timeout: 2 }),
    run: async (steps) => {
      const results = []
      for (const [index, step] of steps.entries()) {
        notices.length = 0
        const [text, parameters] = step.kind === 'control'
          ? [step.sql, step.parameters]
          : [line.statement, []]
        try {
          const rows = await sql.unsafe(text, [...parameters]).values()
          const reports = notices.filter(({ code }) => code === planReportState)
            .flatMap(({ detail }) => parsePlanDetail(String(detail)))
          const texts = rows.map((row) => row.map((one) => one === null ? null : String(one)))
          results.push({ rows: texts, reports })
        } catch (error) {
          const { code, message } = error as { code: string; message: string }
          const own = step.kind === 'statement'
          throw new DatabaseError(message, {
            sqlstate: code,
            frame: new Uint8Array(),
            step: index,
            own,
          })
        }
      }
      return results
    },
  }
  return line
}

/** A mutation and the gates before its steps. */
interface Running {
  readonly line: Line
  mutation: Mutation | null
  step: 'planning' | 'received' | 'sent' | 'written' | 'settled' | 'ended'
  outcome: Outcome | null
  answer: (outcome: Outcome) => void
  ended: Promise<void>
}

interface Read {
  readonly mark: Awaited<ReturnType<TableWriter['mark']>>
  readonly rows: { id: string; values: { email: string | null; name: string } }[]
  readonly gone: string[]
  readonly pass?: Pass
  /** What the process saves when it is written. */
  readonly saved: () => Promise<void>
}

const pageRows = 3
const refused: Outcome = { state: 'refused', fault: faultData('record_gone') }
const lost: Outcome = { state: 'unknown', fault: faultData('outcome_unknown') }

export class World {
  readonly ground: Ground
  readonly lines: Line[]
  /** The platform: what it has, what each record has been, and what has been changed by others than us. */
  readonly records = new Map<string, string>()
  readonly history = new Map<string, Set<string>>()
  readonly log: string[] = []
  running: Running[] = []
  /** Committed, and not told yet. */
  untold: string[] = []
  unknown: { mutation: Mutation; truth: Outcome }[] = []
  writer: TableWriter
  reads: Read[] = []
  stale: { writer: TableWriter; read: Read }[] = []
  readonly closing: TableWriter[] = []
  hints = new Set<string>()
  deliveries: string[] = []
  /** How far the log was read, and how far that was written. */
  asked = 0
  cursor = 0
  pass: { pass: Pass; after: string } | null = null
  fence: number
  versions = 0

  constructor(ground: Ground, lines: Line[], writer: TableWriter, fence: number) {
    this.ground = ground
    this.lines = lines
    this.writer = writer
    this.fence = fence
  }

  record(id: string, email: string | null): void {
    if (email === null) this.records.delete(id)
    else {
      this.records.set(id, email)
      this.history.set(id, (this.history.get(id) ?? new Set()).add(email))
    }
  }

  pick(at: number): string | undefined {
    const known = [...this.history.keys()].sort()
    return known[at % Math.max(known.length, 1)]
  }

  direct(kind: 'create' | 'update' | 'delete', at: number): void {
    const version = ++this.versions
    const id = kind === 'create' ? `d${version}` : this.pick(at)
    if (id === undefined || (kind !== 'create' && !this.records.has(id))) return
    this.record(id, kind === 'delete' ? null : `v${version}`)
    this.log.push(id)
    this.deliveries.push(id)
  }

  async start(operation: Mutation['operation'], at: number): Promise<void> {
    const line = this.lines.find((one) => !this.running.some((other) => other.line === one))
    const id = this.pick(at)
    if (line === undefined || (operation !== 'insert' && id === undefined)) return
    const email = `v${++this.versions}`
    line.statement = {
      insert: `insert into salesforce.contacts (email) values ('${email}')`,
      update: `update salesforce.contacts set email = '${email}' where id = '${id}'`,
      delete: `delete from salesforce.contacts where id = '${id}'`,
    }[operation]
    const running: Running = {
      line,
      mutation: null,
      step: 'planning',
      outcome: null,
      answer: () => {},
      ended: Promise.resolve(),
    }
    this.running.push(running)
    running.ended = this.run(running, operation)
    await until(async () => running.step !== 'planning' || await this.isWaiting(line))
  }

  async isWaiting({ pid }: Line): Promise<boolean> {
    const found = await this.ground.owner`
      select from pg_stat_activity where pid = ${pid} and wait_event_type = 'Lock'`
    return found.count > 0
  }

  async run(running: Running, operation: Mutation['operation']): Promise<void> {
    const { table, ticketKey, store, journal } = this.ground
    const request = {
      task: 'carry',
      table,
      readOnly: false,
      signal: new AbortController().signal,
    } as const
    const setColumns = operation === 'delete' ? null : ['email']
    try {
      await runMutation(running.line, { ...request, setColumns }, {
        send: async (mutation) => {
          running.mutation = mutation
          const { version: syncVersion } = await readSync(store, syncId)
          await journal.begin(mutation, {
            hash: requestHash(mutation),
            syncVersion,
            state: 'received',
          })
          const answer = Promise.withResolvers<Outcome>()
          running.answer = answer.resolve
          running.step = 'received'
          return await answer.promise
        },
        applied: (id) => this.untold.push(id),
        newId: randomUUID,
        now: Date.now,
        login: null,
        ticketKey,
        tables: new Map([[tableKey(table.schema, table.name), table]]),
        log: silentLog,
      })
    } catch (error) {
      // it was refused, lost, or another one was first
      if (error instanceof assert.AssertionError) throw error
    } finally {
      running.step = 'ended'
      this.running = this.running.filter((one) => one !== running)
    }
  }

  /** The next step of a mutation; `fate`: how it goes on where it may go wrong. */
  async advance(at: number, fate: 'well' | 'lose' | 'die'): Promise<void> {
    const going = this.running.filter(({ step }) => step !== 'planning')
    const running = going[at % Math.max(going.length, 1)]
    const mutation = running?.mutation
    if (running === undefined || mutation === undefined || mutation === null) return
    const { journal } = this.ground
    if (running.step === 'received') {
      await journal.send(mutation.id)
      running.step = 'sent'
    } else if (running.step === 'sent') {
      running.outcome = this.write(mutation)
      running.step = 'written'
    } else if (running.step === 'written') {
      const truth = running.outcome ?? lost
      const heard = fate === 'lose' ? lost : truth
      if (fate === 'lose') this.unknown.push({ mutation, truth })
      await journal.settle(mutation.id, heard)
      running.outcome = heard
      running.step = 'settled'
    } else if (running.step === 'settled') {
      // a listener that is killed lets go of all that it holds, as one does that hears of a refusal
      running.answer(fate === 'die' ? refused : running.outcome ?? lost)
      await running.ended
    }
  }

  /** What the platform does with a mutation. */
  write(mutation: Mutation): Outcome {
    const [row] = mutation.rows
    assert.ok(row)
    if (mutation.operation !== 'insert' && !this.records.has(row.id ?? '')) return refused
    const id = row.id ?? `m${++this.versions}`
    const email = mutation.operation === 'delete' ? null : String(row.values['email'])
    this.record(id, email)
    const values = email === null ? null : { email, name: `Name ${id}` }
    return { state: 'accepted', rows: [{ ordinal: row.ordinal, id, values }] }
  }

  async tell(): Promise<void> {
    const ids = this.untold
    this.untold = []
    if (ids.length > 0) await this.ground.journal.applied(ids)
  }

  async learn(): Promise<void> {
    const first = this.unknown.shift()
    if (first !== undefined) await this.ground.journal.settle(first.mutation.id, first.truth)
  }

  /** Recovery comes when a listener has long had its time. */
  async recover(): Promise<void> {
    if (this.running.some(({ step }) => step === 'settled')) return
    const { store, journal } = this.ground
    await recover({ store, journal, log: silentLog, afterMs: 0 })
    const noted = await store.sql<
      { record_id: string }[]
    >`delete from sluice_store.hints returning record_id`
    for (const { record_id } of noted) this.hints.add(record_id)
  }

  rowsOf(ids: Iterable<string>): Read['rows'] {
    return [...ids].flatMap((id) => {
      const email = this.records.get(id)
      return email === undefined ? [] : [{ id, values: { email, name: `Name ${id}` } }]
    })
  }

  async readPage(): Promise<void> {
    this.pass ??= { pass: await this.writer.begin(), after: '' }
    const { pass, after } = this.pass
    const mark = await this.writer.mark()
    const ids = [...this.records.keys()].sort().filter((id) => id > after).slice(0, pageRows)
    if (ids.length < pageRows) {
      this.pass = null
      // read by id, since the list did not have them
      const saved = async () => {
        for (const { id } of await this.writer.unseen(pass, { after: null, rowsMax: 100 })) {
          this.hints.add(id)
        }
      }
      this.reads.push({ mark, rows: this.rowsOf(ids), gone: [], pass, saved })
      return
    }
    this.pass = { pass, after: ids.at(-1) ?? '' }
    this.reads.push({ mark, rows: this.rowsOf(ids), gone: [], pass, saved: async () => {} })
  }

  async readChanges(): Promise<void> {
    const mark = await this.writer.mark()
    const ids = new Set(this.log.slice(this.asked))
    const to = this.log.length
    this.asked = to
    const gone = [...ids].filter((id) => !this.records.has(id))
    this.reads.push({
      mark,
      rows: this.rowsOf(ids),
      gone,
      saved: async () => void (this.cursor = to),
    })
  }

  async readHint(at: number): Promise<void> {
    const hints = [...this.hints]
    const id = hints[at % Math.max(hints.length, 1)]
    if (id === undefined) return
    this.hints.delete(id)
    const mark = await this.writer.mark()
    const gone = this.records.has(id) ? [] : [id]
    this.reads.push({ mark, rows: this.rowsOf([id]), gone, saved: async () => {} })
  }

  /** The oldest read is written. */
  async put(): Promise<void> {
    const read = this.reads.shift()
    if (read === undefined) return
    const { mark, rows, gone, pass } = read
    const batch = { mark, rows, gone, ...pass === undefined ? {} : { pass } }
    const { later } = await this.writer.write(batch)
    for (const { ref } of later) this.hints.add(ref.id)
    await read.saved()
  }

  /** A delivery comes late, in any order, or once more. */
  deliver(at: number, again: boolean): void {
    const index = at % Math.max(this.deliveries.length, 1)
    const id = this.deliveries[index]
    if (id === undefined) return
    this.hints.add(id)
    if (!again) this.deliveries.splice(index, 1)
  }

  /** Another process takes the table; the first one does not know it yet. What was read and not written is lost with it. */
  async takeOver(): Promise<void> {
    for (const read of this.reads) {
      this.stale.push({ writer: this.writer, read })
      for (const { id } of read.rows) this.hints.add(id) // a hint is taken away when it is worked off
      for (const id of read.gone) this.hints.add(id)
    }
    this.reads = []
    this.asked = this.cursor
    this.pass = null
    this.closing.push(this.writer)
    this.writer = await this.ground.open(String(++this.fence))
  }

  async putStale(): Promise<void> {
    const first = this.stale.shift()
    if (first === undefined) return
    const { mark, rows, gone } = first.read
    await assert.rejects(first.writer.write({ mark, rows, gone }), Fenced)
  }

  /** Never a version that the platform did not have. */
  async check(): Promise<void> {
    for (const [id, email] of Object.entries(await this.ground.rows())) {
      assert.ok(this.history.get(id)?.has(email ?? ''), `${id} never was ${email}`)
    }
  }

  async settle(): Promise<void> {
    for (let turns = 0; this.running.length > 0; turns++) {
      assert.ok(turns < 200, 'mutations do not end')
      await until(async () =>
        this.running.length === 0 || this.running.some(({ step }) => step !== 'planning')
      )
      await this.advance(0, 'well')
    }
    while (this.unknown.length > 0) await this.learn()
    await this.tell()
    await this.recover()
    while (this.stale.length > 0) await this.putStale()
    for (
      let turns = 0;
      this.hints.size + this.reads.length + this.log.length - this.cursor > 0;
      turns++
    ) {
      assert.ok(turns < 500, 'hints do not end')
      await this.readChanges()
      await this.readHint(0)
      while (this.reads.length > 0) await this.put()
    }
  }

  async close(): Promise<void> {
    for (const { answer } of this.running) answer(refused)
    await Promise.all(this.running.map(({ ended }) => ended))
    for (const writer of [this.writer, ...this.closing]) await writer.close()
  }
}
