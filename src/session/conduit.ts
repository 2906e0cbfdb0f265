// Room session: the engine's steps on a Link, in the extended protocol and under names of our own, so that the client's
// unnamed statement and its portals stay as they are.

import { Buffer } from 'node:buffer'
import { parsePlanDetail, type PlanReport, planReportState } from '../database/index.ts'
import {
  type Conduit,
  ConnectionLost,
  DatabaseError,
  type Step,
  type StepResult,
} from '../engine/conduit.ts'
import { fault } from '../mutation/fault.ts'
import { decodeBackend } from '../wire/backend.ts'
import type { Frame } from '../wire/frames.ts'
import { decodeUtf8 } from '../wire/text.ts'
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  flush,
  sync,
} from '../wire/frontend.ts'
import { answered } from './bounded.ts'
import { clientEncoding, decoderFor, isUtf8 } from './encoding.ts'
import type { Link } from './link.ts'
import { type ClientStatement, encodeStatement, runName } from './statement.ts'

/** Gets what the client's statement returns in `apply` and `show`, frame by frame: T, D, C, N, …; in `show` also G. */
export type ResultSink = (frame: Frame) => void

export interface ConduitOptions {
  readonly link: Link
  readonly pid: number
  readonly serverMajor: number
  /** The link is the client's own connection. */
  readonly own: boolean
  readonly statement: ClientStatement
  readonly onResult: ResultSink
}

const controlName = 'sluice_step'
const textOid = 25
const encoder = new TextEncoder()
const tag = (letter: string): number => letter.charCodeAt(0)
const [errorTag, noticeTag, rowTag, copyInTag] = ['E', 'N', 'D', 'G'].map(tag)
/** CommandComplete, EmptyQueryResponse and PortalSuspended end what an Execute returns. */
const executeEnds: ReadonlySet<number> = new Set(['C', 'I', 's'].map(tag))
const described: ReadonlySet<number> = new Set(['T', 'n'].map(tag))

export function createConduit(options: ConduitOptions): Conduit {
  return {
    pid: options.pid,
    serverMajor: options.serverMajor,
    run: (steps) => runSteps(options, steps),
  }
}

interface Collected {
  rows: (string | null)[][]
  reports: PlanReport[]
}

async function runSteps(
  options: ConduitOptions,
  steps: readonly Step[],
): Promise<readonly StepResult[]> {
  const results: Collected[] = steps.map(() => ({ rows: [], reports: [] }))
  let current = 0
  let applied = false
  let failure: DatabaseError | undefined
  const onFrame = (frame: Frame): void => {
    const step = steps[current]
    const result = results[current]
    if (failure !== undefined) return
    if (frame.tag === errorTag) {
      failure = databaseError(frame, { step: current, own: step?.kind === 'statement' })
      return
    }
    if (step === undefined || result === undefined) return // replies to the closing messages
    takeFrame(frame, { step, result, applied, options })
    if (!executeEnds.has(frame.tag)) return
    applied ||= step.kind === 'statement' && step.phase === 'apply'
    current += 1
  }
  await options.link.exchange(encodeSteps(options, steps), onFrame)
  if (failure !== undefined) throw failure
  if (current !== steps.length) {
    throw new ConnectionLost(`Postgres answered ${current} of ${steps.length} steps`)
  }
  return results
}

function takeFrame(
  frame: Frame,
  { step, result, applied, options }: {
    step: Step
    result: Collected
    /** The statement has run for good. */
    applied: boolean
    options: ConduitOptions
  },
): void {
  if (step.kind === 'control') {
    if (frame.tag === rowTag) result.rows.push(bound(result.rows, textRow(options.link, frame)))
    if (frame.tag === noticeTag && applied) options.onResult(frame) // of what COMMIT fires
    return
  }
  if (frame.tag === noticeTag) {
    const reports = planReports(options.link, frame)
    // not spread: a function of the client's can raise any number
    for (const report of reports ?? []) {
      if (result.reports.length < reportsMax) result.reports.push(report)
    }
    if (reports === null && step.phase !== 'plan') options.onResult(frame)
    return
  }
  if (step.phase === 'plan') return
  const forClient = executeEnds.has(frame.tag) || described.has(frame.tag) || frame.tag === rowTag
  if (forClient || (step.phase === 'show' && frame.tag === copyInTag)) options.onResult(frame)
}

/** Reports of one plan; with more of them than rows, what is kept and what was counted differ, and it is refused. */
const reportsMax = 10_000
/** Rows of an answer to a question of ours. More are an answer of somebody who is not Postgres. */
const rowsMax = 100_000

/** The row, if there may be one more. Throws, which ends the connection. */
function bound<T>(rows: readonly unknown[], row: T): T {
  if (rows.length >= rowsMax) {
    throw new ConnectionLost(`Postgres answered more than ${rowsMax} rows`)
  }
  return row
}

function encodeSteps(options: ConduitOptions, steps: readonly Step[]): Uint8Array {
  const { own, statement } = options
  // what an error has left behind would make the next Parse fail; closing what is not there is no error
  const messages = [controlName, runName].flatMap((name) => [
    encodeClose('portal', name),
    encodeClose('statement', name),
  ])
  for (const step of steps) {
    if (step.kind === 'control') messages.push(...encodeControl(options.link, step))
    else messages.push(...encodeStatement(statement, { own, phase: step.phase }))
  }
  return Buffer.concat([...messages, sync])
}

/** One statement of ours with text parameters. */
function encodeControl(
  link: Link,
  { sql, parameters }: { sql: string; parameters: readonly (string | null)[] },
): Uint8Array[] {
  return [
    encodeParse({ name: controlName, sql, parameterTypes: parameters.map(() => textOid) }),
    encodeBind({
      portal: controlName,
      statement: controlName,
      parameters: parameters.map((value) => value === null ? null : encodeParameter(link, value)),
    }),
    encodeExecute({ portal: controlName }),
    encodeClose('portal', controlName),
    encodeClose('statement', controlName),
  ]
}

/** Postgres reads parameters in the client's encoding. JSON can be written in ASCII; names cannot. */
function encodeParameter(link: Link, value: string): Uint8Array {
  if (isUtf8(clientEncoding(link)) || !/[^\x00-\x7f]/.test(value)) return encoder.encode(value)
  if (/^[[{]/.test(value)) return encoder.encode(escapeJson(value))
  throw fault('form_not_supported', {
    message: `a name outside ASCII cannot be sent in client_encoding ${clientEncoding(link)}`,
    hint: 'Set client_encoding to UTF8.',
  })
}

function escapeJson(json: string): string {
  return json.replaceAll(
    /[^\x00-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Postgres writes rows and notices in the client's encoding. */
function decodeFrame(link: Link, frame: Frame) {
  return decodeBackend(frame, decoderFor(clientEncoding(link)) ?? undefined)
}

function textRow(link: Link, frame: Frame): (string | null)[] {
  const message = decodeBackend(frame)
  if (message.type !== 'DataRow') return []
  const decode = decoderFor(clientEncoding(link)) ?? decodeUtf8
  return message.values.map((value) => value === null ? null : decode(value))
}

function planReports(link: Link, frame: Frame): PlanReport[] | null {
  const message = decodeFrame(link, frame)
  if (message.type !== 'NoticeResponse' || message.fields.get('C') !== planReportState) return null
  try {
    return parsePlanDetail(message.fields.get('D') ?? '')
  } catch {
    return null // raised by a function of the client's: no report, and no notice for anybody
  }
}

export function databaseError(frame: Frame, at: { step: number; own: boolean }): DatabaseError {
  const message = decodeBackend(frame)
  const fields = message.type === 'ErrorResponse' ? message.fields : new Map<string, string>()
  const [schema, name] = [fields.get('s'), fields.get('n')]
  return new DatabaseError(fields.get('M') ?? 'unknown error', {
    sqlstate: fields.get('C') ?? 'XX000',
    frame: Uint8Array.from(frame.bytes),
    raised: fields.get('R') === 'exec_stmt_raise', // PL/pgSQL's, in every version
    ...(schema === undefined || name === undefined ? {} : { constraint: { schema, name } }),
    ...at,
  })
}

/** Runs one query of ours on a quiet link outside the engine; inside an unfinished pipeline without a Sync. */
export async function queryLink(
  link: Link,
  sql: string,
  parameters: readonly (string | null)[] = [],
): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = []
  let failure: DatabaseError | undefined
  let closes = 0
  const take = (frame: Frame): boolean => {
    if (frame.tag === errorTag) {
      failure = databaseError(frame, { step: 0, own: false })
      link.tracker.failed = link.tracker.tail > 0
      return true
    }
    if (frame.tag === rowTag) rows.push(bound(rows, textRow(link, frame)))
    if (frame.tag === tag('3')) closes += 1
    return closes === 3
  }
  const messages = [
    encodeClose('statement', controlName),
    ...encodeControl(link, { sql, parameters }),
  ]
  if (link.tracker.tail > 0) {
    await link.exchangeFlushed(Buffer.concat([...messages, flush]), take)
  } else {
    await link.exchange(Buffer.concat([...messages, sync]), take)
  }
  if (failure !== undefined) throw failure
  return rows
}

/**
 * Has Postgres parse a text of several statements without running any. Null: it holds several, and they are written as
 * they should be; else what Postgres says against it, or that it is one statement only.
 */
export async function parseSeveral(
  link: Link,
  sql: Uint8Array,
): Promise<DatabaseError | 'single' | null> {
  let failure: DatabaseError | 'single' | null = 'single'
  const messages = [encodeClose('statement', runName), encodeParse({ name: runName, sql })]
  await link.exchange(
    Buffer.concat([...messages, encodeClose('statement', runName), sync]),
    (frame) => {
      if (frame.tag !== errorTag) return
      // the grammar comes first; then Parse refuses more than one statement
      failure = isMultiple(frame) ? null : databaseError(frame, { step: 0, own: true })
    },
  )
  return failure
}

/** `cannot insert multiple commands into a prepared statement`, in whatever language. */
function isMultiple(frame: Frame): boolean {
  const message = decodeBackend(frame)
  if (message.type !== 'ErrorResponse') return false
  return message.fields.get('C') === '42601' && !message.fields.has('P')
}

/** Makes Postgres see an error where the client sees one of ours: the block, or the unfinished pipeline, is aborted. */
export async function failTransaction(link: Link): Promise<void> {
  await link.quiet()
  const { tail } = link.tracker
  const failing = encodeDescribe('portal', 'sluice_refused_the_mutation')
  if (tail > 0 && !link.tracker.failed) {
    const flushed = Buffer.concat([failing, flush])
    await answered(link, link.exchangeFlushed(flushed, (frame) => frame.tag === errorTag))
    link.tracker.failed = true
  } else if (tail === 0 && link.status === 'T') {
    await answered(link, link.exchange(Buffer.concat([failing, sync]), () => {}))
  }
}
