// Room sandbox: many records at once, as if somebody had made them. Their values are worked out when they are looked at, so
// that a million of them fit into memory.

import { never } from '../../lib/assert.ts'
import type { ObjectType } from './objects/definition.ts'
import type { Portal, Row } from './portal.ts'
import type { Property } from './property.ts'
import { stamped } from './save.ts'

/** Records made before the clock is looked at again. */
const sameMomentMax = 500

/** Properties that get a value, besides those that are required or unique. */
const filledMax = 6

/** Makes so many records of the type. */
export function plant(
  portal: Portal,
  type: ObjectType,
  { count, now }: { count: number; now: () => number },
): void {
  const properties = filledOf(type)
  let nowMs = now()
  for (let n = 0; n < count; n++) {
    if (n % sameMomentMax === 0) nowMs = now()
    portal.put(new PlantedRow(portal.nextId(), { type, nowMs }, properties))
    if (n % sameMomentMax === 0) portal.settle()
  }
  portal.settle()
}

/** Which properties the records have: the same for all of a type. */
function filledOf({ properties, required, primary }: ObjectType): readonly Property[] {
  const writable = properties.filter(({ readOnly }) => !readOnly)
  const first = new Set(writable.slice(0, filledMax))
  return writable.filter((property) =>
    first.has(property) || property.unique || property.name === primary ||
    required.includes(property.name)
  )
}

class PlantedRow implements Row {
  readonly id: string
  readonly type: ObjectType
  readonly createdAtMs: number
  readonly archivedAtMs = null
  readonly left = null
  readonly #properties: readonly Property[]

  constructor(
    id: string,
    { type, nowMs }: { type: ObjectType; nowMs: number },
    properties: readonly Property[],
  ) {
    this.id = id
    this.type = type
    this.createdAtMs = nowMs
    this.#properties = properties
  }

  get updatedAtMs(): number {
    return this.createdAtMs
  }

  get values(): ReadonlyMap<string, string> {
    const { id, type, createdAtMs } = this
    const number = Number(id) % 10_000_000
    const values = new Map(this.#properties.map((one) => [one.name, valueOf(one, number)]))
    return stamped({
      id,
      type,
      values,
      createdAtMs,
      updatedAtMs: createdAtMs,
      archivedAtMs: null,
      left: null,
    }).values
  }
}

/** From here on the days count. */
const firstDayMs = Date.UTC(2020, 0, 1)
const dayMs = 86_400_000

/** A value as HubSpot keeps it. */
function valueOf({ type, name, email, allowed }: Property, number: number): string {
  const timeMs = firstDayMs + (number % 2000) * dayMs
  switch (type) {
    case 'string':
      return email ? `planted${number}@seed.example` : `${name} ${number}`
    case 'phone_number':
      return `+1555${String(number).padStart(7, '0')}`
    case 'number':
      return String(number)
    case 'date':
      return new Date(timeMs).toISOString().slice(0, 10)
    case 'datetime':
      return new Date(timeMs).toISOString().replace('.000Z', 'Z')
    case 'bool':
    case 'enumeration':
      return allowed[number % allowed.length] ?? ''
    default:
      return never(type)
  }
}
