// Room platforms: the interface that every adapter keeps. No platform's name appears outside its folder and the registry.

import type { Http } from '../lib/http.ts'
import type { Log } from '../lib/log.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { Mutation, Outcome, Values } from '../mutation/mutation.ts'
import type { Column, Operation, Platform, SyncedTable, TableTraits } from '../mutation/table.ts'
import type { OAuthRules } from './oauth.ts'
import type { PlannedRequest, Rates } from './rates.ts'

/** A connection's settings: any JSON object. An adapter reads those that it documents and minds no others. */
export type Settings = Readonly<Record<string, unknown>>

/** What an adapter needs to call its platform on behalf of one connection. */
export interface Caller {
  /** Base URL of the platform's API for this connection, without a trailing slash. */
  readonly baseUrl: string
  /** The connection's settings, JSON that the platform's adapter knows how to read: Airtable's `base`, say. */
  readonly settings: Settings
  /**
   * Sends, in its turn in the connection's buckets. Besides HttpFailure it throws a Fault when the request must not be
   * sent: `rate_limited` (its turn would come after the deadline), `statement_cancelled`. Surely nothing was sent then.
   */
  readonly http: Http
  readonly deadline: Deadline
  /** Aborted when the caller is no longer interested; honoured only before the request is sent. */
  readonly signal: AbortSignal
  readonly log: Log
  /**
   * The access token to use. `refused`: the token that the platform has just refused (expired or revoked); another one
   * is obtained, once, however many callers ask. Throws the fault `credential_refused` when there is none to be had.
   */
  token(refused?: string): Promise<string>
}

/** A table as the platform describes it: a SyncedTable without what the sync adds. */
export interface TableShape extends TableTraits {
  readonly object: string
  /** Proposed name of the table in Postgres, e.g. `contacts`. */
  readonly name: string
  readonly columns: readonly Column[]
}

/** One page of records, for filling a table. */
export interface Page {
  /** With every column of the table: one that `values` lack becomes null there. */
  readonly rows: readonly { readonly id: string; readonly values: Values }[]
  /** Opaque; null on the last page. */
  readonly next: string | null
}

/** Tokens as a token endpoint answers them. */
export interface Tokens {
  readonly accessToken: string
  /** The new refresh token where the platform rotates it. */
  readonly refreshToken?: string
  /** Milliseconds since 1970, as far as known. */
  readonly expiresAt?: number
  /** Base URL for API calls, where the platform tells it with the token. */
  readonly baseUrl?: string
  /** The account that they are for, where the platform tells it. */
  readonly account?: string
}

/** What the refresh-token grant needs. */
export interface RefreshGrant {
  readonly http: Http
  readonly deadline: Deadline
  /** URL of the token endpoint. */
  readonly tokenUrl: string
  readonly refreshToken: string
  readonly clientId: string
  readonly clientSecret?: string
}

/** What the authorization-code grant needs. */
export interface CodeGrant extends Omit<RefreshGrant, 'refreshToken'> {
  readonly code: string
  readonly redirectUri: string
  /** RFC 7636; sent where the platform takes it. */
  readonly verifier: string
}

/** What an app proves itself with, to get tokens without a person. */
export interface MintGrant {
  readonly http: Http
  readonly deadline: Deadline
  /** Base URL of the connection's API. */
  readonly baseUrl: string
  readonly appId: string
  /** PEM, RSA. */
  readonly privateKey: string
  readonly installationId: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * A mutation of which nobody knows whether the platform carried it out, whole or in part. Asked by the service before it
 * answers (some tries within 15 seconds, the request perhaps still under way), and then by the recovery worker for a day.
 */
export interface Doubt {
  readonly mutation: Mutation
  /** What is known: nothing of any row (`unknown`), or some rows are in doubt (`partial`). */
  readonly outcome: Extract<Outcome, { state: 'unknown' | 'partial' }>
  /** Before the first request was sent, by this service's clock; milliseconds since 1970. */
  readonly sentAt: number
  /**
   * Now, by the same clock. A request whose reply was lost may have been sent up to `statementWaitMaxMs` after `sentAt`, and
   * may still be under way for as long again as the platform takes, which its adapter knows. A record that was made after `sentAt` + ten minutes is none of its rows.
   */
  readonly now: number
  /**
   * insert: ids of records of this table that other mutations are known to have made since shortly before `sentAt`: none
   * of them is one of these rows. Those that are still under way are the caller's business: what an inquiry finds while
   * another insert may have made the same record is not believed, and asked for again.
   */
  readonly others: ReadonlySet<string>
  /**
   * True: whoever sent it still waits for its outcome. Only then, and only until `statementWaitMaxMs` after `sentAt`, may an
   * adapter send it again under its idempotency key, for where it was not carried out before, that carries it out; it counts
   * as under way then, as the first request does. Whoever has heard 40003 may have sent another in its place.
   */
  readonly unheard?: boolean
}

/** What an inquiry found. */
export interface Inquiry {
  /**
   * As `write` would have given it, as far as that can be told now; `unknown` (or `partial`) again where it cannot. A row
   * that `doubt.outcome` has as written or refused stays as it was.
   */
  readonly outcome: Outcome
  /**
   * Records that the mutation may have touched, as the platform has them now (the rows found written among them); `values`
   * null: there is none of that id any more. They are written to the table whatever the outcome is; columns that a row
   * lacks stay as they are.
   */
  readonly seen: readonly { readonly id: string; readonly values: Values | null }[]
  /**
   * From when on the request cannot be under way any more, by the clock of `doubt.now`: what absence proves it proves then,
   * and the records that are read then show whatever it did. Absent: the adapter does not know.
   */
  readonly overAt?: number
  /** True: the request is over, and what is in doubt still cannot be told by any later inquiry either. */
  readonly forGood?: boolean
}

/** A record to be read again, by what its platform addresses it by. */
export interface Ref {
  readonly id: string
  /** Values of the table's `keyColumns`, as far as they are known. */
  readonly keys: Values
}

/** How a table follows its platform. */
export interface Pace {
  /** Does `changes` tell what was created and updated? false: all is listed again every `scanEveryMs`. */
  readonly changes: boolean
  /** Does `changes` tell what was deleted? false: found by comparing ids every `scanEveryMs`. */
  readonly deletions: boolean
  /** Between two looks at `changes`, in milliseconds. */
  readonly everyMs: number
  /** Between two comparisons with the list of all records, in milliseconds. */
  readonly scanEveryMs: number
}

/** What changed at the platform from a cursor on. A record may be told of more than once. */
export interface Changes {
  /** Records as they were when this was asked or later; a record of which nothing is sure belongs in `touched`. */
  readonly rows: Page['rows']
  /** Ids of records that are no longer there. */
  readonly gone: readonly string[]
  /** Records that changed, or are gone: to be read. */
  readonly touched: readonly Ref[]
  /** Where to go on; kept in the store, and asked from again when what it brought could not be written. */
  readonly next: string
  /** There is more already. */
  readonly more: boolean
  /**
   * With the answers up to this one, everything is told that happened at the platform before this moment; milliseconds since
   * 1970, by this service's clock. While there is `more`: of the last one told.
   */
  readonly until: number
}

/** What has come to `/webhooks/{platform}/{sync}`, or what a `collect` brought. */
export interface Touched {
  /** The platform's own name of the object, as in SyncedTable. */
  readonly object: string
  readonly ref: Ref
}

/** A delivery, checked. */
export type Delivery =
  /** Not from the platform, too old, or unreadable; `why` is for the log and holds nothing of the body. */
  | { readonly kind: 'refused'; readonly why: string }
  | {
    readonly kind: 'heard'
    /** What the platform calls this delivery, so that it counts once; null: it does not, and it may come twice. */
    readonly id: string | null
    readonly touched: readonly Touched[]
    /** It says only that something has happened: `collect` knows what. */
    readonly collect: boolean
    /** Objects of which something happened that it does not name: to be looked at at once. */
    readonly look: readonly string[]
    /** What is answered, where 200 and nothing is not enough: Airtable and GitHub want nothing, a challenge wants itself. */
    readonly answer?: { readonly body: string; readonly contentType: string }
  }

/** What is kept, sealed, of a sync's webhook at its platform. */
export interface Registration {
  /** What deliveries are signed with. */
  readonly secret: string
  /** The adapter's own, JSON: ids at the platform, cursors. */
  readonly state: Readonly<Record<string, unknown>>
  /** When it must be renewed, milliseconds since 1970; null: never. */
  readonly renewAt: number | null
}

/** How a platform calls us. */
export interface Webhooks {
  /**
   * Looks at a delivery. `url` is the address that the platform was given, `now` in milliseconds since 1970. Compares
   * signatures in constant time. Does no I/O; never throws for what a stranger may send.
   */
  receive(delivery: {
    readonly headers: ReadonlyMap<string, string>
    readonly body: Uint8Array
    readonly url: string
    readonly registration: Registration
    readonly tables: readonly SyncedTable[]
    readonly settings: Settings
    readonly now: number
  }): Delivery
  /** `register` gives the platform our secret, and it calls at once. */
  readonly takesSecret?: boolean
  /**
   * Makes the webhook at the platform, where its API can; absent: a person sets it up there and pastes the secret. `secret`
   * is a random one, for platforms that take ours (`takesSecret`). Finds the one that is there already for this url. Throws a Fault.
   */
  register?(
    options: {
      readonly url: string
      readonly secret: string
      readonly tables: readonly SyncedTable[]
    },
    caller: Caller,
  ): Promise<Registration>
  /**
   * Is it still there, and will the platform call it? At most ten requests, so that it can be asked every hour: of more
   * places than that some are looked at each time. `renew` mends what is not. Throws a Fault.
   */
  isRegistered?(registration: Registration, caller: Caller): Promise<boolean>
  /** Keeps it alive, and makes it anew where it is gone. Throws a Fault. */
  renew?(registration: Registration, caller: Caller): Promise<Registration>
  /** Takes it away; one that is gone is no error. Throws a Fault. */
  unregister?(registration: Registration, caller: Caller): Promise<void>
  /** Fetches what pings stand for. `more`: there is more already. Throws a Fault. */
  collect?(
    registration: Registration,
    tables: readonly SyncedTable[],
    caller: Caller,
  ): Promise<{
    readonly touched: readonly Touched[]
    readonly registration: Registration
    readonly more: boolean
  }>
}

/** Following a platform: how tables stay true after they were filled. */
export interface Follower {
  pace(table: SyncedTable): Pace
  /** A cursor for `changes` from this moment on, asked for before a table is filled. Throws a Fault. */
  start(table: SyncedTable, caller: Caller): Promise<string>
  /** What changed. Throws a Fault; `bad_request`: the cursor is too old, the table must be filled anew. */
  changes(table: SyncedTable, cursor: string, caller: Caller): Promise<Changes>
  /** References that `read` takes at once. */
  readonly readMax: number
  /**
   * Records as they are now, by a read that sees every write answered before it; `values` null: surely there is none (or it
   * is no record of this table any more). In any order; a record that cannot be told of now is left out. Throws a Fault.
   */
  read(
    table: SyncedTable,
    refs: readonly Ref[],
    caller: Caller,
  ): Promise<readonly { readonly id: string; readonly values: Values | null }[]>
  /** One page of the ids of all records, where that costs less than `page`. Throws a Fault. */
  ids?(
    table: SyncedTable,
    cursor: string | null,
    caller: Caller,
  ): Promise<{ readonly ids: readonly string[]; readonly next: string | null }>
  /** How many records there are, about, where the platform tells it cheaply; null: not known. Throws a Fault. */
  count?(table: SyncedTable, caller: Caller): Promise<number | null>
  readonly webhooks?: Webhooks
}

/** An adapter: data first, and a few functions. */
export interface Adapter {
  readonly platform: Platform
  /** Rows per statement. */
  readonly limits: Readonly<Record<Operation, number>>
  /** How accounts are connected with OAuth. */
  readonly oauth: OAuthRules
  /** The limits that the platform sets, and what a request takes from them. */
  readonly rates: Rates
  /**
   * The write requests that a mutation will make, in their order: the service reserves their turns before the first is
   * sent, and EXPLAIN shows them. Pure; not the reads that an adapter may add.
   */
  requests(
    mutation: Mutation,
    table: SyncedTable,
    at: Pick<Caller, 'baseUrl' | 'settings'>,
  ): readonly PlannedRequest[]
  /**
   * Asks the platform whether it takes the credential: one cheap request that reads. What the credential may is another
   * question. Throws a Fault: `credential_refused`, or why nobody can say now.
   */
  check(caller: Caller): Promise<void>
  /** Describes these objects (the platform's own names). Throws a Fault. */
  describe(objects: readonly string[], caller: Caller): Promise<TableShape[]>
  /**
   * Names of the account's custom objects that can be tables, sorted: what is not among them where all are chosen. One
   * request. Throws a Fault. Absent: the platform has none, or they are among all.
   */
  custom?(caller: Caller): Promise<readonly string[]>
  /**
   * Carries out a mutation. Never throws for what the platform or the network did: that is an outcome. Sends each
   * write once; a retry is only made when the platform surely wrote nothing (an expired token). Sends nothing more once a
   * row is refused or in doubt; rows that it has not sent can come again, alone, with their ordinals.
   */
  write(mutation: Mutation, table: SyncedTable, caller: Caller): Promise<Outcome>
  /**
   * Finds out what became of a mutation whose reply was lost, by reading (or, while it is `unheard`, by a replay under the
   * same idempotency key, where the platform has one). Takes presence for proof when exactly one record matches a row; takes
   * absence for proof only by a strongly consistent read after the request is surely over. Throws a Fault when the platform
   * cannot be read now; ends within `caller.deadline`. Absent: the platform offers nothing to find out by.
   */
  inquire?(doubt: Doubt, table: SyncedTable, caller: Caller): Promise<Inquiry>
  /** One page of all records of a table. `cursor` null: the first. Throws a Fault. */
  page(table: SyncedTable, cursor: string | null, caller: Caller): Promise<Page>
  /** How tables stay true after they were filled. */
  readonly follow?: Follower
  /** The OAuth refresh-token grant. Throws `credential_refused` when revoked, `unreachable` or `platform_failed` else. */
  refresh(grant: RefreshGrant): Promise<Tokens>
  /** Tokens for an installation of an app, where the platform has such; throws as `refresh`. */
  readonly mint?: (grant: MintGrant) => Promise<Tokens>
}
