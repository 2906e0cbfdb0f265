// Room platforms: what Stripe's objects look like as tables. Stripe has no description of its own to ask: the API's
// version fixes it, so that nothing is sent.

import type { TableShape } from '../platform.ts'
import { columnsOf } from './object.ts'
import { objectOf } from './objects.ts'

/** Describes these objects, in this order. @throws Fault not_found for one that is no table */
export function describe(objects: readonly string[]): Promise<TableShape[]> {
  return Promise.resolve().then(() => objects.map(shapeOf))
}

function shapeOf(name: string): TableShape {
  const object = objectOf(name)
  return {
    object: object.name,
    name: object.name,
    columns: columnsOf(object),
    ...(object.refuses === undefined ? {} : { refuses: object.refuses }),
  }
}
