// Room sql: where comments, quoted names and string constants end. Each function looks at every character a fixed
// number of times at most.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS

import { unsure } from './unsure.ts'

const [star, slash, minus] = [0x2a, 0x2f, 0x2d]
const [singleQuote, doubleQuote] = [0x27, 0x22]

/** Does a comment start at the place? */
export function startsComment(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  if (code === minus) return text.charCodeAt(index + 1) === minus
  return code === slash && text.charCodeAt(index + 1) === star
}

/** Where the comment that starts at `start` ends; `start` when none does. Block comments nest. */
export function scanComment(text: string, start: number): number {
  if (!startsComment(text, start)) return start
  if (text.charCodeAt(start) === minus) return lineEnd(text, start + 2)
  let depth = 1
  for (let index = start + 2; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === star && text.charCodeAt(index + 1) === slash) depth--
    else if (code === slash && text.charCodeAt(index + 1) === star) depth++
    else continue
    index++
    if (depth === 0) return index + 1
  }
  return unsure('a comment is not closed')
}

/** The place of the next quote that is not doubled; -1 when there is none. */
function closingQuote(text: string, from: number, quote: number): number {
  for (let index = from; index < text.length; index++) {
    if (text.charCodeAt(index) !== quote) continue
    if (text.charCodeAt(index + 1) !== quote) return index
    index++
  }
  return -1
}

function lineEnd(text: string, start: number): number {
  let end = start
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === 0x0a || code === 0x0d) break
  }
  return end
}

/** Where the name whose opening `"` is at `start` ends. */
export function scanName(text: string, start: number): number {
  const close = closingQuote(text, start + 1, doubleQuote)
  return close < 0 ? unsure('a quoted name is not closed') : close + 1
}

/** Why a text is not read in which only a setting says where a string ends. */
export const backslashReason =
  'a backslash stands in a plain string constant and standard_conforming_strings is not on'

/**
 * Where the literal whose opening `'` is at `start` ends, continuations included. `backslashes`: somewhere in the text
 * is one, and whether it escapes depends on a setting that is off or not known.
 */
export function scanPlain(text: string, start: number, backslashes: boolean): number {
  for (let from = start + 1;;) {
    const close = closingQuote(text, from, singleQuote)
    if (close < 0) unsure('a string constant is not closed')
    const next = continuation(text, close + 1)
    if (next >= 0) {
      from = next + 1
      continue
    }
    if (backslashes && text.slice(start, close).includes('\\')) {
      unsure(backslashReason)
    }
    return close + 1
  }
}

/** Where the literal E'…' whose opening `'` is at `start` ends, continuations included. */
export function scanEscape(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x5c) {
      index++
      continue
    }
    if (code !== 0x27) continue
    if (text.charCodeAt(index + 1) === 0x27) {
      index++
      continue
    }
    const next = continuation(text, index + 1)
    if (next < 0) return index + 1
    index = next
  }
  return unsure('a string constant is not closed')
}

/**
 * The place of the `'` that continues a literal after white space with a line break in it (`quotecontinue` of scan.l);
 * -1 when it is not continued. Line comments count as white space here, block comments do not.
 */
function continuation(text: string, start: number): number {
  let broken = false
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x27) return broken ? index : -1
    if (code === 0x0a || code === 0x0d) broken = true
    else if (code === 0x2d && text.charCodeAt(index + 1) === 0x2d) {
      index = lineEnd(text, index + 2) - 1
    } else if (code !== 0x20 && (code < 0x09 || code > 0x0c)) return -1
  }
  return -1
}

const delimiter = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y

/** Where the dollar-quoted literal that starts at `start` ends. */
export function scanDollar(text: string, start: number): number {
  delimiter.lastIndex = start
  if (!delimiter.test(text)) unsure('a dollar sign that starts neither a parameter nor a constant')
  const open = delimiter.lastIndex
  const close = text.indexOf(text.slice(start, open), open)
  if (close < 0) unsure('a dollar-quoted constant is not closed')
  return close + open - start
}
