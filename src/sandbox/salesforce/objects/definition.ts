// Room sandbox: what an object of the emulated org is, as written down.

import type { Field } from '../field.ts'

export interface ObjectDefinition {
  readonly name: string
  readonly label: string
  readonly labelPlural: string
  /** The first three characters of its records' ids. */
  readonly keyPrefix: string
  /** May records be written through the API? */
  readonly writable: boolean
  readonly fields: readonly Field[]
}
