// Room mutation: what carrying a mutation out would take, told before anything is sent.

/** Write requests of one mutation, in their order; reads that an adapter may add are not among them. */
export interface QuotedRequest {
  readonly method: string
  /** From the base URL of the connection's API on. */
  readonly path: string
  /** How many of the mutation's rows it writes. */
  readonly rows: number
}

/** What all requests together take from one limit of the platform. */
export interface QuotedCharge {
  /** For people, with the limit's figure: `5 requests a second for each base`. */
  readonly about: string
  readonly units: number
  readonly limit: number
}

export interface Quote {
  readonly requests: readonly QuotedRequest[]
  readonly charges: readonly QuotedCharge[]
}

/** Is this JSON value a quote? For what comes over HTTP. */
export function isQuote(value: unknown): value is Quote {
  if (typeof value !== 'object' || value === null) return false
  const { requests, charges } = value as Record<string, unknown>
  return isListOf(requests, { method: 'string', path: 'string', rows: 'number' }) &&
    isListOf(charges, { about: 'string', units: 'number', limit: 'number' })
}

function isListOf(value: unknown, types: Readonly<Record<string, string>>): boolean {
  return Array.isArray(value) &&
    value.every((item: unknown) =>
      typeof item === 'object' && item !== null &&
      Object.entries(types).every(([key, type]) =>
        typeof (item as Record<string, unknown>)[key] === type
      )
    )
}
