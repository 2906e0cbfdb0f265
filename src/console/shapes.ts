// Room console: what the HTTP API answers, as far as the pages show it. The document at /openapi.json has all of it.

export interface OverviewSync {
  readonly id: string
  readonly platform: string
  readonly schema: string
  readonly state: 'active' | 'paused'
  readonly tables: number
  readonly filling: number
  readonly failed: number
  readonly hints: number
  readonly secondsBehind: number | null
  readonly mutations: number
  readonly failures: number
  readonly quota: {
    readonly rule: string
    readonly about: string
    readonly left: number
    readonly limit: number
    readonly blockedMs: number
  } | null
}

export interface Overview {
  readonly syncs: readonly OverviewSync[]
  readonly minutes: number
}

export interface MinuteFigures {
  readonly at: string
  readonly mutations: number
  readonly refused: number
  readonly unknown: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

export interface FaultCount {
  readonly code: string
  readonly blame: string
  readonly count: number
}

export interface Figures {
  readonly minutes: readonly MinuteFigures[]
  readonly faults: readonly FaultCount[]
}

export interface Table {
  readonly name: string
  readonly object: string
  readonly columns: number
  readonly phase: 'waiting' | 'backfill' | 'following' | 'failed' | 'paused'
  readonly listing: {
    readonly why: 'fill' | 'scan'
    readonly pages: number
    readonly rows: number
    readonly total: number | null
    readonly rowsPerSecond: number | null
    readonly secondsLeft: number | null
  } | null
  readonly filledAt: string | null
  readonly secondsBehind: number | null
  readonly hints: number
  readonly agreement: number | null
  readonly problem: {
    readonly code: string
    readonly message: string
    readonly hint: string | null
  } | null
}

export interface SyncStatus {
  readonly id: string
  readonly platform: string
  readonly schema: string
  readonly state: 'active' | 'paused'
  readonly allow: readonly string[] | null
  readonly connection: string
  readonly database: string
  readonly logins: readonly string[]
  readonly tables: readonly Table[]
}

export interface TableRows {
  readonly name: string
  readonly rows: number | null
  readonly exact: boolean
}

export interface Login {
  readonly login: string
  readonly user: string
  readonly password: string
  readonly url: string
  readonly psql: string
}

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly check: string
  readonly about: string
  readonly hint?: string
}

export interface Created {
  readonly sync: string
  readonly schema: string
  readonly tables: readonly string[]
  readonly findings: readonly Finding[]
  readonly makes: readonly string[]
  readonly made: boolean
  readonly login: Login | null
}

export interface Connection {
  readonly id: string
  readonly platform: string
  readonly kind: 'oauth' | 'key' | 'app'
  readonly state: 'active' | 'revoked' | 'unfinished'
  readonly baseUrl: string
  readonly account: string | null
}

export interface Database {
  readonly id: string
  readonly place: string
  /** What clients connect to. */
  readonly name: string
  readonly role: string
  readonly owner: string | null
  readonly hosted: boolean
  readonly syncs: readonly string[]
}

export interface Region {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface PlacePlatform {
  readonly platform: string
  readonly oauth: boolean
  readonly app: boolean
  readonly baseUrl: string
}

export interface Place {
  readonly regions: readonly Region[]
  readonly outbound: readonly string[]
  readonly hosted: boolean
  readonly platforms: readonly PlacePlatform[]
}

export interface PlatformObject {
  readonly object: string
  readonly name: string
  readonly fields: readonly {
    readonly field: string
    readonly name: string
    readonly type: string
    readonly required: boolean
    readonly writable: boolean
  }[]
}

/** What a connection has to be synced. */
export interface PlatformObjects {
  readonly objects: readonly PlatformObject[]
  /** Names of others that the account has. */
  readonly custom: readonly string[]
}

export type LifeState = 'received' | 'sent' | 'accepted' | 'refused' | 'unknown' | 'applied'

export interface Fault {
  readonly code: string
  readonly sqlstate: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  readonly column?: string
}

export interface Mutation {
  readonly id: string
  readonly sync: string
  readonly schema: string
  readonly table: string
  readonly operation: 'insert' | 'update' | 'delete'
  readonly rows: number
  readonly by: string | null
  readonly state: LifeState
  readonly receivedAt: string
  readonly sentAt: string | null
  readonly answeredAt: string | null
  readonly appliedAt: string | null
  readonly requests: number | null
  readonly fault: Fault | null
}

export interface MutationPage {
  readonly mutations: readonly Mutation[]
  readonly next: string | null
}

export interface Cell {
  readonly column: string
  readonly before?: string | null
  readonly sent?: string | null
  readonly after?: string | null
}

export interface Change {
  readonly ordinal: number
  readonly id: string | null
  readonly state: 'written' | 'refused' | 'unknown' | 'unsent' | 'open'
  readonly fault: Fault | null
  readonly earlier: { readonly mutation: string; readonly at: string } | null
  readonly cells: readonly Cell[]
}

export interface MutationEntry extends Mutation {
  readonly upsertBy: string | null
  readonly changes: readonly Change[]
  readonly sends: readonly {
    readonly method: string
    readonly path: string
    readonly rows: number
  }[]
}

export interface Bucket {
  readonly rule: string
  readonly about: string
  readonly key: string
  readonly limit: number
  readonly windowMs: number | null
  readonly used: number
  readonly left: number
  readonly ahead: number
  readonly aheadMs: number
  readonly blockedMs: number
}

export interface ConnectionBuckets {
  readonly connection: string
  readonly platform: string
  readonly syncs: readonly string[]
  readonly waiting: number
  /** Mutations that have begun and are not settled. */
  readonly underWay: number
  readonly buckets: readonly Bucket[]
}
