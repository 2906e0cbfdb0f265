// The corpus of mutations: what is in it, and the forms in it that are refused.

import { captured } from './captured.ts'
import { hand } from './hand.ts'
import { mappers } from './mappers.ts'

/** [text, values of the parameters as text, why it is refused]; absent: it does what Postgres alone would have done. */
export type CorpusCase = readonly [
  text: string,
  values?: readonly (string | null)[],
  refusal?: Refusal,
]

/** The forms that are refused: the SQLSTATE, and the message. A form that comes to work is taken out here. */
export const refusals = {
  upsert: [
    '0A000',
    /^this form of ON CONFLICT DO UPDATE is not supported on a synced table$|^salesforce does not find records by column "(?:id|last_name)"$/,
  ],
  merge: ['0A000', /^MERGE is not supported on a synced table$/],
  truncate: ['0A000', /^TRUNCATE is not supported on a synced table$/],
  analyze: ['0A000', /^EXPLAIN ANALYZE of a mutation is not supported$/],
  two: ['0A000', /^two mutations in one statement are not supported$/],
  cursor: ['0A000', /^WHERE CURRENT OF is not supported on a synced table$/],
  outside: ['SL002', /^mutations on a synced table must go through Sluice$/],
  readOnly: ['428C9', /^column "(?:id|name)" /],
  tooMany: ['54000', /201 rows/],
} as const satisfies Record<string, readonly [sqlstate: string, message: RegExp]>

export type Refusal = keyof typeof refusals

/** Every case by its origin. */
export const corpus: Readonly<Record<string, readonly CorpusCase[]>> = {
  ...captured,
  ...mappers,
  ...hand,
}
