// Room sync: what one column type can hold of another. Types are as adapters and as Postgres's format_type write them.

/** Names of the same type. */
const aliases: Readonly<Record<string, string>> = {
  varchar: 'character varying',
  char: 'character',
  bpchar: 'character',
  int: 'integer',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  bool: 'boolean',
  decimal: 'numeric',
  float4: 'real',
  float8: 'double precision',
  timestamptz: 'timestamp with time zone',
  timestamp: 'timestamp without time zone',
  timetz: 'time with time zone',
  time: 'time without time zone',
}

interface Type {
  readonly base: string
  readonly bounds: readonly number[]
  readonly array: boolean
}

function parse(text: string): Type {
  const array = text.endsWith('[]')
  const words = text.replace(/\[\]$/, '').trim().toLowerCase()
  const bounds = /\(([\d, ]+)\)/.exec(words)?.[1]?.split(',').map(Number) ?? []
  const name = words.replace(/ ?\([\d, ]+\)/, '').replaceAll(/ +/g, ' ')
  return { base: aliases[name] ?? name, bounds, array }
}

/** Are they the same type, however they are written? */
export function isSameType(one: string, other: string): boolean {
  const [a, b] = [normal(parse(one)), normal(parse(other))]
  return a.base === b.base && a.array === b.array && a.bounds.join() === b.bounds.join()
}

/** `numeric(18)` is `numeric(18,0)`. */
function normal(type: Type): Type {
  const [precision] = type.bounds
  if (type.base !== 'numeric' || type.bounds.length !== 1 || precision === undefined) return type
  return { ...type, bounds: [precision, 0] }
}

/** Digits before the point of whole numbers. */
const wholeDigits: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 }

/** Do adapters and Postgres treat values of both alike, but for how long they may be? */
function isSameKind(from: Type, to: Type): boolean {
  if (from.array || to.array) return from.array === to.array && from.base === to.base
  return kindOf(from.base) === kindOf(to.base)
}

function kindOf(base: string): string {
  if (base === 'text' || base === 'character varying') return 'text'
  return base === 'numeric' || Object.hasOwn(wholeDigits, base) ? 'number' : base
}

/** Can a column of type `to` take the place of one of type `from`, with every value kept as it is and of the same kind? */
export function holds(to: string, from: string): boolean {
  const [a, b] = [normal(parse(from)), normal(parse(to))]
  if (isSameType(from, to)) return true
  if (!isSameKind(a, b) || a.array) return false
  switch (kindOf(b.base)) {
    case 'text':
      return longest(b) >= longest(a)
    case 'number':
      return numberHolds(b, a)
    default:
      return false
  }
}

function longest({ base, bounds: [max] }: Type): number {
  return base === 'text' || max === undefined ? Infinity : max
}

function numberHolds(to: Type, from: Type): boolean {
  const [before, after] = digits(to)
  const [wasBefore, wasAfter] = digits(from)
  return before >= wasBefore && after >= wasAfter
}

/** Digits before and after the point. */
function digits({ base, bounds: [precision, scale = 0] }: Type): [number, number] {
  const whole = wholeDigits[base]
  if (whole !== undefined) return [whole, 0]
  return precision === undefined ? [Infinity, Infinity] : [precision - scale, scale]
}

/** Scalars of which the text that Postgres writes is the whole value. */
const written: ReadonlySet<string> = new Set([
  'boolean',
  'date',
  'double precision',
  'json',
  'jsonb',
  'real',
  'time with time zone',
  'time without time zone',
  'timestamp with time zone',
  'timestamp without time zone',
  'uuid',
])

/** Can the column itself become of type `to`, losing nothing of any value? */
export function widens(from: string, to: string): boolean {
  if (holds(to, from)) return true
  const [a, b] = [parse(from), parse(to)]
  if (a.array || b.array || b.base !== 'text') return false
  return written.has(a.base) || kindOf(a.base) === 'number'
}

/** For the name of a column that is set aside: `integer`, `numeric`, `text_array`. */
export function typeWord(type: string): string {
  const { base, array } = parse(type)
  const [word = 'value'] = base.split(' ').filter((part) => /^[a-z0-9_]+$/.test(part))
  return array ? `${word}_array` : word
}
