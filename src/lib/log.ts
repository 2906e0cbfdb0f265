// Room lib: one JSON line per event. What is passed in is written out, so callers pass ids and figures, never values
// of rows, tokens or passwords.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Fields of one event. Errors become their name and stack; the rest goes through JSON. */
export type LogFields = Record<string, unknown>

export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** A log that adds these fields to every line. */
  with(fields: LogFields): Log
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** The longest line written, in characters; a longer one is cut and says so. */
export const logLineMax = 8192

/** Writes lines at `level` or above to `write`, none longer than `lineMax` characters (at least 512). */
export function createLog(
  options: {
    level: LogLevel
    write: (line: string) => void
    fields?: LogFields
    lineMax?: number
  },
): Log {
  const { level, write, fields: common = {}, lineMax = logLineMax } = options
  const line = (at: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (order[at] < order[level]) return
    write(
      render({ time: new Date().toISOString(), level: at, event, ...common, ...fields }, lineMax),
    )
  }
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    with: (fields) => createLog({ ...options, fields: { ...common, ...fields } }),
  }
}

function render(fields: LogFields, lineMax: number): string {
  const text = JSON.stringify(fields, (_key, value: unknown) => {
    if (value instanceof Error) return describeError(value)
    return typeof value === 'bigint' ? value.toString() : value
  })
  if (text.length <= lineMax) return text
  const { time, level, event } = fields
  const around = JSON.stringify({ time, level, event, cut: '' }).length
  // quotes and what is not printed take more room when they are written once more
  let cut = text.slice(0, lineMax - around)
  for (let over = lengthOf(cut) - (lineMax - around); over > 0;) {
    cut = cut.slice(0, -Math.ceil(over / 2))
    over = lengthOf(cut) - (lineMax - around)
  }
  return JSON.stringify({ time, level, event, cut })
}

/** As a string of JSON, without its quotes. */
function lengthOf(text: string): number {
  return JSON.stringify(text).length - 2
}

function describeError(error: Error): Record<string, unknown> {
  const code = (error as { code?: unknown }).code
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack?.split('\n').slice(1, 6).map((line) => line.trim()),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  }
}

/** A log that writes nothing, for tests that do not look at it. */
export const silentLog: Log = createLog({ level: 'error', write: () => {} })
