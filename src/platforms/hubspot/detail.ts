// Room platforms: what HubSpot says, as the DETAIL and the HINT of a fault.

import type { FaultCode } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { Column } from '../../mutation/table.ts'
import { aboutValue, wordsMax } from '../faults.ts'
import { listed } from '../listed.ts'
import { own } from '../own.ts'
import { clause, cut, keyOf, sentence } from '../words.ts'
import type { ApiError } from './errors.ts'

export interface Subject {
  readonly code: FaultCode
  readonly column: Column | undefined
  readonly row: PlannedRow | undefined
}

/** `Key (email)=(pauldune.co) is not a valid email address.` where a value is at fault, else HubSpot's own words. */
export function detailOf(error: ApiError, { code, column, row }: Subject): string {
  const value = column === undefined ? undefined : own(row?.values ?? {}, column.name)
  const words = cut(clause(error.message), wordsMax)
  if (aboutValue.has(code) && column !== undefined && value !== undefined) {
    return `${keyOf(column.name, value)} ${sayOf(error, { words, value: value ?? '' })}.`
  }
  return sentence(words === '' ? cut(error.codes[0] ?? 'HubSpot gives no reason', wordsMax) : words)
}

/** The rest of the sentence that begins with `Key (column)=(value)`. */
function sayOf(error: ApiError, { words, value }: { words: string; value: string }): string {
  const [code = ''] = error.codes
  if (code === 'INVALID_EMAIL') return 'is not a valid email address'
  if (isDuplicate(error)) {
    return `already exists${
      error.existingId === undefined ? '' : ` (id ${cut(error.existingId, 40)})`
    }`
  }
  const start = cut(clause(value), wordsMax)
  if (start !== '' && words.startsWith(`${start} `)) return words.slice(start.length + 1)
  return words === '' ? `was refused: ${cut(code, wordsMax)}` : `was refused: ${words}`
}

function isDuplicate({ codes, message, existingId }: ApiError): boolean {
  return existingId !== undefined || /already (exists|has that value)/i.test(message) ||
    codes.some((code) => code.includes('CONFLICT'))
}

/** What to do about it, where the catalogue's own words do not say enough. */
export function hintOf({ scopes }: ApiError, code: FaultCode): string | undefined {
  switch (code) {
    case 'credential_refused':
      return 'Reconnect the HubSpot account.'
    case 'not_permitted': {
      const names = listed([...new Set(scopes)])
      return names === ''
        ? undefined
        : `Give the HubSpot app the scope ${names} and connect the account again.`
    }
    case 'record_gone':
      return 'The next sync removes the row.'
    default:
      return undefined
  }
}
