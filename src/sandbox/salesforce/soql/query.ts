// Room sandbox: a SOQL query as a value.

/** A name as written, `Account.Name` in parts, and where it stands. */
export interface Path {
  readonly parts: readonly string[]
  readonly at: number
}

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

/** A literal. `pattern` is a string's text before its escapes are taken away, for LIKE. */
export type Literal =
  | { readonly kind: 'string'; readonly text: string; readonly pattern: string }
  | { readonly kind: 'number' | 'moment'; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | {
    readonly kind: 'compare'
    readonly path: Path
    readonly operator: Comparison
    readonly literal: Literal
  }
  | { readonly kind: 'like'; readonly path: Path; readonly pattern: string }
  | {
    readonly kind: 'in'
    readonly path: Path
    readonly literals: readonly Literal[]
    readonly negated: boolean
  }
  | {
    readonly kind: 'includes'
    readonly path: Path
    readonly choices: readonly string[]
    readonly negated: boolean
  }

export interface Ordering {
  readonly path: Path
  readonly descending: boolean
  readonly nullsLast: boolean
}

export type Selection =
  | { readonly kind: 'count' }
  | { readonly kind: 'fields'; readonly items: readonly SelectItem[] }

export type SelectItem =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'every'; readonly group: 'ALL' | 'STANDARD' | 'CUSTOM'; readonly at: number }

export interface Query {
  readonly text: string
  readonly selection: Selection
  readonly from: Path
  readonly where: Condition | null
  readonly orderBy: readonly Ordering[]
  readonly limit: number | null
  readonly offset: number
}
