// Room sql: the `traceparent` that a client has written into a comment of its statement, as sqlcommenter does:
// `/*traceparent='00-…-…-01'*/`, or behind `--`.
// https://google.github.io/sqlcommenter/spec/

import { parseTraceparent, type Trace } from '../lib/trace.ts'
import { lex, type LexOptions } from './lexer.ts'
import { Unsure } from './unsure.ts'

const pair = /(?<![\w%.-])traceparent\s*[=:]\s*'?([^\s',;*]{1,256})/g

/**
 * The first well-formed one that stands in a comment; what stands in a literal or a name counts for nothing. Null: there
 * is none, or the text cannot be read with certainty. `text` may be bytes as Latin-1.
 */
export function readTrace(text: string, options: LexOptions): Trace | null {
  if (!text.includes('traceparent')) return null
  try {
    for (const comment of gapsOf(text, options)) {
      for (const [, value = ''] of comment.matchAll(pair)) {
        const trace = parseTraceparent(value)
        if (trace !== null) return trace
      }
    }
  } catch (error) {
    if (!(error instanceof Unsure)) throw error
  }
  return null
}

/** What stands between the tokens: white space and comments. */
function* gapsOf(text: string, options: LexOptions): Generator<string> {
  let end = 0
  for (const token of lex(text, options).list) {
    yield text.slice(end, token.start)
    end = token.end
  }
  yield text.slice(end)
}
