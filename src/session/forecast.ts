// Room session: what a mutation would do, told to people: as rows of an EXPLAIN, or in a NOTICE.

import type { Mutation } from '../mutation/mutation.ts'
import type { Quote, QuotedRequest } from '../mutation/quote.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { encodeDataRow, encodeNoticeResponse } from '../wire/backend.ts'
import { clientEncoding, isUtf8, toAscii } from './encoding.ts'
import type { Link } from './link.ts'

export interface Forecast {
  /** Null: no row would change. */
  readonly mutation: Mutation | null
  /** Null: there is no mutation, or nobody to ask what it would send. */
  readonly quote: Quote | null
  /** The table that the statement names. */
  readonly table: SyncedTable
}

/** More kinds of requests than these are not listed one by one. */
const requestLinesMax = 20

/** The first line says it all in short; the others are indented. */
export function forecastLines({ mutation, quote, table }: Forecast): string[] {
  const { platform, object } = table
  if (mutation === null) return [`Sluice: no row would change, so ${platform} would hear nothing`]
  const rows = count(mutation.rows.length, 'row')
  const what = mutation.upsertBy === undefined ? mutation.operation : 'upsert'
  const head = `Sluice: ${what} of ${rows} of ${object} at ${platform}`
  if (quote === null) return [head]
  const groups = grouped(quote.requests)
  const more = groups.length - requestLinesMax
  return [
    `${head}, in ${count(quote.requests.length, 'request')}`,
    ...groups.slice(0, requestLinesMax).map(({ method, path, rows, times }) => {
      const often = times === 1 ? '' : `${times} × `
      return `  ${often}${method} ${path} (${count(rows, 'row')}${times === 1 ? '' : ' each'})`
    }),
    ...(more > 0 ? [`  and ${count(more, 'other')}`] : []),
    ...quote.charges.map(({ units, about }) => `  Quota: ${units} of ${about}`),
  ]
}

function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`
}

/** Requests that look the same, together, in the order of the first of each. */
function grouped(requests: readonly QuotedRequest[]): (QuotedRequest & { times: number })[] {
  const groups = new Map<string, QuotedRequest & { times: number }>()
  for (const request of requests) {
    const { method, path, rows } = request
    const key = `${method} ${path} ${rows}`
    groups.set(key, { ...request, times: (groups.get(key)?.times ?? 0) + 1 })
  }
  return [...groups.values()]
}

const encoder = new TextEncoder()

/** DataRows of one text column. */
export function forecastRows(forecast: Forecast, link: Link): Uint8Array[] {
  return forecastLines(forecast).map((line) =>
    encodeDataRow([encoder.encode(readable(line, link))])
  )
}

/** A NOTICE, with the requests in DETAIL. */
export function forecastNotice(forecast: Forecast, link: Link): Uint8Array {
  const [head = '', ...rest] = forecastLines(forecast)
  const detail = rest.map((line) => line.trimStart()).join('\n')
  return encodeNoticeResponse([
    ['S', 'NOTICE'],
    ['V', 'NOTICE'],
    ['C', '00000'],
    ['M', readable(`${head}. Nothing was sent or kept.`, link)],
    ...(detail === '' ? [] : [['D', readable(detail, link)] as const]),
    ['s', forecast.table.schema],
    ['t', forecast.table.name],
  ])
}

function readable(text: string, link: Link): string {
  return isUtf8(clientEncoding(link)) ? text : toAscii(text.replaceAll('×', 'x'))
}
