// Reads Prometheus's text format 0.0.4 by its grammar, and refuses what the format's page does not allow.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details

export interface Exposed {
  /** Names in the order in which they came. */
  readonly names: readonly string[]
  readonly types: ReadonlyMap<string, string>
  readonly helps: ReadonlyMap<string, string>
  readonly series: readonly Series[]
  /** The value of the series with exactly these labels; undefined: there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Throws for whatever breaks the format's rules. */
export function readExposition(text: string): Exposed {
  if (!text.endsWith('\n')) throw new Error('the last line does not end with a line feed')
  const types = new Map<string, string>()
  const helps = new Map<string, string>()
  const series: Series[] = []
  const seen = new Set<string>()
  let current = ''
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line)
    if (comment !== null) {
      const [, kind = '', name = '', rest = ''] = comment
      const map = kind === 'HELP' ? helps : types
      if (map.has(name)) throw new Error(`a second ${kind} line for ${name}`)
      if (kind === 'TYPE' && !/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) {
        throw new Error(`no such type: ${rest}`)
      }
      if (name !== current && (helps.has(name) && types.has(name))) {
        throw new Error(`the lines of ${name} do not stand together`)
      }
      map.set(name, kind === 'HELP' ? unescape(rest) : rest)
      current = name
      continue
    }
    const one = readSeries(line)
    const family = familyOf(one.name, types)
    if (family !== current) throw new Error(`${one.name} does not stand with its family`)
    const key = keyOf(one.name, one.labels)
    if (seen.has(key)) throw new Error(`twice: ${key}`)
    seen.add(key)
    series.push(one)
  }
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(name, series)
  return {
    names: [...types.keys()],
    types,
    helps,
    series,
    value: (name, labels = {}) =>
      series.find((one) => keyOf(one.name, one.labels) === keyOf(name, labels))?.value,
  }
}

function readSeries(line: string): Series {
  const [, name = '', inner, number = ''] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === '') throw new Error(`not a series: ${line}`)
  if (!/^([+-]Inf|NaN|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$/.test(number)) {
    throw new Error(`not a number: ${number}`)
  }
  const value = number.endsWith('Inf') ? Number(`${number[0]}Infinity`) : Number(number)
  return { name, labels: inner === undefined ? {} : readLabels(inner), value }
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  const pattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match === null) throw new Error(`not labels: ${text}`)
    const [, name = '', value = ''] = match
    if (Object.hasOwn(labels, name)) throw new Error(`label ${name} stands twice`)
    labels[name] = unescape(value)
  }
  return labels
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, letter: string) => letter === 'n' ? '\n' : letter)
}

function familyOf(name: string, types: ReadonlyMap<string, string>): string {
  if (types.has(name)) return name
  const base = name.replace(/_(bucket|sum|count)$/, '')
  if (types.get(base) !== 'histogram') throw new Error(`${name} has no TYPE line before it`)
  return base
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1)])
}

/** Buckets do not fall, the last is +Inf and equals the count, and there is a sum. */
function checkHistogram(name: string, series: readonly Series[]): void {
  const groups = new Map<string, { le: number; value: number }[]>()
  const rest = ({ le: _le, ...labels }: Readonly<Record<string, string>>) => keyOf(name, labels)
  for (const { labels, value } of series.filter((one) => one.name === `${name}_bucket`)) {
    const le = labels['le'] === '+Inf' ? Infinity : Number(labels['le'])
    const group = groups.get(rest(labels)) ?? []
    groups.set(rest(labels), [...group, { le, value }])
  }
  for (const [key, group] of groups) {
    for (const [i, { le, value }] of group.entries()) {
      const before = group[i - 1]
      if (before && (before.le >= le || before.value > value)) throw new Error(`${key} falls`)
    }
    const of = (suffix: string) =>
      series.find((one) => one.name === `${name}_${suffix}` && rest(one.labels) === key)?.value
    const last = group.at(-1)
    if (last?.le !== Infinity || of('count') !== last.value) throw new Error(`${key}: count`)
    if (of('sum') === undefined) throw new Error(`${key}: no sum`)
  }
}
