// Room sandbox: what one emulated platform is. The server knows nothing else about it.

/** A request as the platform sees it: `path` starts after the platform's own prefix and holds the query. */
export interface PlatformRequest {
  readonly method: string
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface PlatformResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The failures that a platform words itself. */
export type Refusal = '429' | '500'

/** One emulated platform: all its state, and no sockets. Each call runs to its end at once, so it is atomic. */
export interface SandboxPlatform {
  /** Also the first segment of its URLs. */
  readonly name: string
  handle(request: PlatformRequest): PlatformResponse
  /** Is the request about tokens rather than about data? */
  isOAuth(request: PlatformRequest): boolean
  /** What the platform answers when it has had enough, or has failed. */
  refuse(refusal: Refusal, request: PlatformRequest): PlatformResponse
  /** The live records of a table as the text of a JSON array, or null for a table it does not have. */
  records(table: string): string | null
  /**
   * Makes so many more records of a table, quickly, unlike one another, as if somebody had made them just now; false: it has
   * no such table, or cannot. No webhook tells of them.
   */
  seed?(table: string, count: number): boolean
  /** Kills every access token issued so far. */
  expireTokens(): void
  /** Back to the seed. */
  reset(): void
}

/** A call that a platform makes of its own accord. */
export interface WebhookDelivery {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What every platform is made with. */
export interface PlatformOptions {
  /** Where its clients reach it, without a slash at the end; known once the server listens. */
  readonly baseUrl: () => string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** How long an access token lives, in milliseconds. */
  readonly tokenLifetimeMs: number
  /** Does a refresh end the refresh token that it was made with? */
  readonly rotateRefreshTokens: boolean
  /** Are the platform's rate limits in force? Also without them `refuse('429')` answers as if they were. */
  readonly limits: boolean
  /** Calls a webhook, later and in order: POST, a few tries. */
  readonly deliver: (delivery: WebhookDelivery) => void
  /** An unguessable word for a new token. */
  readonly makeSecret: () => string
}
