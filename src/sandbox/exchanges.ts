// Room sandbox: the log of exchanges. It holds what was said, byte for byte, and never more than `bytesMax`.

/** One exchange with a platform. `status` 0: the client got no answer. */
export interface Exchange {
  readonly platform: string
  readonly method: string
  /** Path and query as received. */
  readonly url: string
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: string
  readonly status: number
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseBody: string
}

export interface ExchangeLog {
  add(exchange: Exchange): void
  /** One line of JSON per exchange, oldest first. */
  lines(): string
  /** How many were dropped, oldest first, to stay within the bound. */
  readonly dropped: number
  clear(): void
}

/** What a log may hold, in UTF-16 units of its texts. */
export const logSizeMax = 64 * 1024 * 1024

/** For the headers, the method and the object itself. */
const overheadSize = 1024

export function createExchangeLog(sizeMax: number = logSizeMax): ExchangeLog {
  let entries: Exchange[] = []
  let first = 0
  let size = 0
  let dropped = 0
  const dropOldest = () => {
    const oldest = entries[first]
    if (oldest === undefined) return
    size -= sizeOf(oldest)
    first += 1
    dropped += 1
    if (first < 1024) return
    entries = entries.slice(first)
    first = 0
  }
  return {
    add: (exchange) => {
      entries.push(exchange)
      size += sizeOf(exchange)
      while (size > sizeMax) dropOldest()
    },
    lines: () => entries.slice(first).map((exchange) => `${JSON.stringify(exchange)}\n`).join(''),
    get dropped() {
      return dropped
    },
    clear: () => {
      entries = []
      first = 0
      size = 0
      dropped = 0
    },
  }
}

function sizeOf({ url, requestBody, responseBody }: Exchange): number {
  return overheadSize + url.length + requestBody.length + responseBody.length
}
