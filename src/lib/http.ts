// Room lib: the one transport for everything that Sluice sends over HTTP.

/** What to send. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** For connecting, sending and reading the whole answer, in milliseconds. */
  readonly waitMs: number
  /** Gives up when aborted. */
  readonly signal?: AbortSignal
}

/** A whole answer: the body has been read to its end. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * No usable answer. `sent: false`: surely nothing reached the server (no connection could be made, or given up before
 * the first byte was written). `sent: true`: in doubt, the server may have carried the request out.
 */
export class HttpFailure extends Error {
  override name = 'HttpFailure'
  readonly sent: boolean

  constructor(message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.sent = options.sent
  }
}

/** Sends each request exactly once over kept-alive connections; never follows a redirect. */
export interface Http {
  send(request: HttpRequest): Promise<HttpResponse>
  /** Closes idle connections; requests under way finish first. */
  close(): Promise<void>
}
