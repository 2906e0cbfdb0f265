// Somebody who works at the platforms directly, past Sluice: makes, changes and deletes records of his own. What he does is to be
// in the tables in the end, as the checker compares them.

import type { Platform } from '../../src/mutation/table.ts'
import { pause } from './processes.ts'
import type { Random } from './random.ts'

export interface StrangerOptions {
  readonly sandboxUrl: string
  readonly random: Random
  readonly platforms: readonly Platform[]
  /** Longest pause between two changes, in milliseconds. */
  readonly pauseMs: number
}

interface Place {
  readonly platform: Platform
  readonly path: string
  readonly change: 'POST' | 'PATCH'
  readonly type: string
  /** Are deletions told soon, without a webhook that may be lost? */
  readonly deletes: boolean
  body(mark: string): string
}

const json = 'application/json'

/** Where the key of the sandbox is enough. */
const places: readonly Place[] = [
  {
    platform: 'stripe',
    path: '/stripe/v1/customers',
    change: 'POST',
    type: 'application/x-www-form-urlencoded',
    deletes: true,
    body: (mark) => new URLSearchParams({ name: mark }).toString(),
  },
  {
    platform: 'hubspot',
    path: '/hubspot/crm/v3/objects/contacts',
    change: 'PATCH',
    type: json,
    deletes: true,
    body: (mark) => JSON.stringify({ properties: { jobtitle: mark } }),
  },
  {
    platform: 'airtable',
    path: '/airtable/v0/appSandbox0000001/contacts',
    change: 'PATCH',
    type: json,
    deletes: false,
    body: (mark) => JSON.stringify({ fields: { Notes: mark } }),
  },
]

/** Works until `until` is aborted. Gives how many changes the platforms took. */
export async function runStranger(
  { sandboxUrl, random, platforms, pauseMs }: StrangerOptions,
  until: AbortSignal,
): Promise<number> {
  const known = places.filter(({ platform }) => platforms.includes(platform))
  const own = new Map<Place, string[]>()
  let changes = 0
  for (let nth = 0; known.length > 0 && !until.aborted; nth++) {
    await pause(random.within(pauseMs / 4, pauseMs))
    const place = random.pick(known)
    const ids = own.get(place) ?? []
    const id = ids.length > 0 && random.next() < 0.6 ? random.pick(ids) : null
    const gone = id !== null && place.deletes && random.next() < 0.3
    const method = gone ? 'DELETE' : id === null ? 'POST' : place.change
    const answer = await fetch(`${sandboxUrl}${place.path}${id === null ? '' : `/${id}`}`, {
      method,
      headers: { authorization: 'Bearer sandbox', 'content-type': place.type },
      ...(gone ? {} : { body: place.body(`stranger ${nth}`) }),
      signal: AbortSignal.timeout(10_000),
    }).catch(() => null) // some mischief; what became of it, the platform knows
    const text = await answer?.text().catch(() => '') ?? ''
    if (answer?.ok !== true) continue
    changes += 1
    if (gone) own.set(place, ids.filter((one) => one !== id))
    else if (id === null) own.set(place, [...ids, (JSON.parse(text) as { id: string }).id])
  }
  return changes
}
