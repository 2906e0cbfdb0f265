// Workers: `sluice mutations retry`: sends a mutation again, as a new one, through the HTTP API of the service. The
// request has an idempotency key made of the first id: asked for twice within a day, it is carried out once.

import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { catalogue, fault } from '../../src/mutation/fault.ts'
import { shownText } from '../../src/service/admin/redact.ts'
import { writeJson } from '../../src/service/v1/lossless.ts'
import { type ActivityEntry, readActivity } from '../../src/store/activity.ts'
import { readLater } from '../../src/store/later.ts'
import type { Store } from '../../src/store/store.ts'
import { readSync } from '../../src/store/syncs.ts'
import { makeToken, revokeToken, saveToken } from '../../src/store/tokens.ts'
import { env } from '../environment.ts'
import type { Command, Given, Lines } from './command.ts'
import { type Again, again, objection } from './mutations-again.ts'
import { entryLines, entryNamed } from './mutations-entry.ts'
import { oneLine } from './screen.ts'

/** Longer than any mutation may take. */
const answerWaitMs = 200_000
const idBytes = 6
/** Whoever ends the command early leaves no token behind: the request ends, and what comes after it is done. */
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export const retry: Command = async (given, deps) => {
  const shown = await entryNamed(deps, given.words)
  const { store, print, progress } = deps
  const entry = await readActivity(store, shown.id)
  if (entry === null) throw fault('not_found', { message: `there is no mutation ${shown.id}` })
  for (const line of [...entryLines(shown), '']) print(line)
  const why = objection(entry, await readLater(store, entry.request))
  if (why !== null) return { lines: [`Not sent again: ${why}.`], exitCode: 1 }
  if (given.flags.has('dry-run')) {
    return ['It can be sent again: nothing was written, and nobody has written the same since.']
  }
  if (!given.flags.has('yes')) return { lines: confirmation(shown.id), exitCode: 2 }
  progress.show({ what: 'sending', done: 0, total: null })
  try {
    return await send(store, entry, urlOf(given))
  } finally {
    progress.end()
  }
}

function confirmation(id: string): string[] {
  return [
    'It can be sent again: nothing was written, and nobody has written the same since.',
    'Who sent it was told so. If they send it again as well, it is written twice.',
    `To send it: sluice mutations retry ${id} --yes`,
  ]
}

function urlOf({ options }: Given): string {
  const url = options['service'] ?? env('SLUICE_SERVICE_URL', 'http://127.0.0.1:8787')
  return url.replace(/\/+$/, '')
}

/** With a token that is there for this one request. */
async function send(store: Store, entry: ActivityEntry, url: string): Promise<Lines> {
  const { request } = entry
  const sync = await readSync(store, request.syncId)
  const table = sync.tables.find(({ name }) => name === request.table)
  if (table === undefined) throw fault('not_found', { message: 'its table is not synced any more' })
  const id = `token_${randomBytes(idBytes).toString('hex')}`
  const token = makeToken((size) => randomBytes(size))
  const interrupting = new AbortController()
  const interrupt = () => interrupting.abort()
  for (const signal of endSignals) process.on(signal, interrupt)
  try {
    await saveToken(store, { id, syncId: sync.id, name: 'sluice mutations retry', token })
    const place = `/v1/syncs/${encodeURIComponent(sync.id)}/tables/${
      encodeURIComponent(table.name)
    }`
    const key = `sluice-retry-${entry.id}`
    return await post(`${url}${place}/records`, {
      ...again(request, table),
      token,
      key,
      interrupted: interrupting.signal,
    })
  } finally {
    await revokeToken(store, id)
    for (const signal of endSignals) process.off(signal, interrupt)
  }
}

interface Sending {
  readonly token: string
  readonly key: string
  readonly interrupted: AbortSignal
}

async function post(
  url: string,
  { method, body, token, key, interrupted }: Again & Sending,
): Promise<Lines> {
  let response: Response | null = null
  try {
    response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: writeJson(body),
      signal: AbortSignal.any([AbortSignal.timeout(answerWaitMs), interrupted]),
    })
    return answered(response.status, readAnswer(await response.text()))
  } catch (cause) {
    const hint =
      'Is the service there (--service, SLUICE_SERVICE_URL)? The same command again is ' +
      'safe within 24 hours: it sends nothing twice.'
    const message = interrupted.aborted
      ? 'interrupted: it may have been written'
      : response === null
      ? `no answer from ${url}`
      : `the answer from ${url} broke off: it may have been written`
    throw fault('service_unreachable', { message, hint }, { cause })
  }
}

function readAnswer(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function answered(status: number, answer: Readonly<Record<string, unknown>>): Lines {
  const { mutation, detail, title, code } = answer
  const id = typeof mutation === 'string' ? mutation : null
  if (status >= 200 && status < 300 && status !== 207) {
    return { lines: [`Sent again and written, as mutation ${id ?? '(no id)'}.`], exitCode: 0 }
  }
  const words = [code, title, detail].filter((word) => typeof word === 'string')
  const what = isUnwritten(code) ? 'not written' : 'perhaps written, wholly or in part'
  return {
    lines: [
      `Sent again and ${what} (${status}): ${shownText(oneLine(words.join(': ')))}`,
      ...id === null ? [] : [`Look at it: sluice mutations show ${id}`],
    ],
    exitCode: 1,
  }
}

/** Does the answer say that surely nothing was written? */
function isUnwritten(code: unknown): boolean {
  const known = Object.entries(catalogue).find(([name]) => name === code)
  return known !== undefined && known[1].retry !== 'look'
}
