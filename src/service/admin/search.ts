// Room service: the journal, searched: what administrators are not shown is not found either, and few search at once.

import { fault, type FaultData } from '../../mutation/fault.ts'
import type { Outcome, Values } from '../../mutation/mutation.ts'
import {
  type Activity,
  type ActivityEntry,
  type ActivityPlace,
  type ActivityQuery,
  listActivity,
  readActivity,
} from '../../store/activity.ts'
import type { Store } from '../../store/store.ts'
import { shownText, withoutSecrets } from './redact.ts'

/** A search reads the journal's values, of a month if need be: the store has other work. */
const searchesMax = 2
/** Mutations that one answer looks into at most: where the store found more, the next page goes on. */
const candidatesMax = 500

export interface Found {
  readonly mutations: readonly Activity[]
  /** After which mutation the next page begins; null: there is none. */
  readonly next: ActivityPlace | null
}

/** Throws `rate_limited` (too many search at once), `service_unreachable`. */
export type Search = (query: ActivityQuery) => Promise<Found>

export function createSearch(store: Store): Search {
  let size = 0
  return async (query) => {
    const { text, limit } = query
    if (text === null) {
      return pageOf(await listActivity(store, { ...query, limit: limit + 1 }), limit)
    }
    if (size >= searchesMax) throw tooMany()
    size += 1
    try {
      return await search(store, query, text)
    } finally {
      size -= 1
    }
  }
}

function tooMany(): Error {
  return fault('rate_limited', {
    message: `${searchesMax} searches of the journal are under way`,
    hint: 'Try again in a moment, or choose sync, table or outcome instead of words.',
  })
}

function pageOf(found: readonly Activity[], limit: number): Found {
  const mutations = found.slice(0, limit)
  const last = mutations.at(-1)
  return { mutations, next: found.length > limit && last !== undefined ? placeOf(last) : null }
}

function placeOf({ receivedAt, id }: Activity): ActivityPlace {
  return { receivedAt, id }
}

async function search(store: Store, query: ActivityQuery, text: string): Promise<Found> {
  const found: Activity[] = []
  const size = query.limit + 1
  let after = query.after
  for (let looked = 0; looked < candidatesMax; looked += size) {
    const candidates = await listActivity(store, { ...query, after, limit: size })
    for (const each of candidates) {
      if (isNamed(each, text) || await isShown(store, each, text)) found.push(each)
      if (found.length === size) return pageOf(found, query.limit)
      after = placeOf(each)
    }
    if (candidates.length < size) return { mutations: found, next: null }
  }
  return { mutations: found, next: after }
}

function isNamed({ id, table, by }: Activity, text: string): boolean {
  return id.startsWith(text.toLowerCase()) || table.includes(text) || by?.includes(text) === true
}

/** Is the text in something that is shown of it? */
async function isShown(store: Store, { id }: Activity, text: string): Promise<boolean> {
  const entry = await readActivity(store, id)
  return entry !== null && wordsOf(entry).some((word) => word.includes(text))
}

function wordsOf({ request, outcome }: ActivityEntry): readonly string[] {
  return [
    ...request.rows.flatMap(({ id, values }) => [id ?? '', ...valueWords(values)]),
    ...outcome === null ? [] : outcomeWords(outcome),
  ]
}

function valueWords(values: Values): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === null ? [name] : [name, withoutSecrets(name, value)]
  )
}

function outcomeWords(outcome: Outcome): readonly string[] {
  const rows = 'rows' in outcome ? outcome.rows : []
  const others = 'others' in outcome ? outcome.others : []
  return [
    ...rows.flatMap(({ id, values }) => [id, ...values === null ? [] : valueWords(values)]),
    ...'fault' in outcome ? faultWords(outcome.fault) : [],
    ...others.flatMap((each) => 'fault' in each ? faultWords(each.fault) : []),
  ]
}

function faultWords({ code, message, detail = '', hint = '' }: FaultData): readonly string[] {
  return [code, shownText(message), shownText(detail), hint]
}
