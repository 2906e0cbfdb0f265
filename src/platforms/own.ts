// Room platforms: looking something up by a name that comes from outside: a column's, a field's, an error code's.

/** The object's own value of that name: never what every object inherits, such as `constructor`. */
export function own<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}
