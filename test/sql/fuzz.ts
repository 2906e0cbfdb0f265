// Statements made at random from known ones, the same for the same seed: cut up by Postgres's own scanner and put together
// again with other comments, quotes, casts and wrappings between, and with tokens lost, doubled, moved and strewn in.

import fc from 'fast-check'
import { scanSync } from 'libpg-query'
import { corpus, corpus18, corpusParseOnly } from './corpus.ts'
import { orm } from './orm.ts'

/** The statements of the corpora, in tokens. The grammar must be loaded. */
export function knownStatements(): string[][] {
  const texts = [...corpus, ...corpus18.map(({ text }) => text), ...corpusParseOnly]
  const ormTexts = Object.values(orm).flat().map(([text]) => text)
  return [...texts, ...ormTexts].filter((text) => text.trim() !== '').map(cut)
}

/** The tokens of a text by Postgres's scanner, comments left out. */
export function cut(text: string): string[] {
  const bytes = Buffer.from(text)
  return scanSync(text).tokens
    .filter(({ tokenName }) => !tokenName.endsWith('_COMMENT'))
    .map(({ start, end }) => bytes.subarray(start, end).toString())
}

const gap = fc.oneof(
  { weight: 6, arbitrary: fc.constant(' ') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '\n',
      '\t\r\n',
      '\f ',
      ' /* insert into x */ ',
      `/* ' " $$ -- */`,
      '/* /* */ ; delete from x */',
      ` -- '\n`,
      '--"delete from x\r',
      ' --/*\n',
      '/***/',
      '/*/**/*/',
      `/* don't */`,
    ),
  },
)

const constant = fc.constantFrom(
  `'it''s; delete from x'`,
  `''`,
  `'--'`,
  `'/*'`,
  `'a'\n'b; update x set a = 1'`,
  `E'\\'; delete from x; --'`,
  `e'\\\\'`,
  `E'a'\n'\\'b'`,
  `$$; delete from x$$`,
  `$a$ $$ ' $b$ insert into x $a$`,
  `$_é1$"$_é1$`,
  `U&'\\0027'`,
  `N'insert'`,
  `'x'::text`,
  `cast('x' as text)`,
  `'back\\'`,
  `('x')`,
  `array['a', $$b$$]`,
)

const name = fc.constantFrom(
  `"insert into"`,
  `"a""b"`,
  `"--"`,
  `"/*"`,
  `"'"`,
  `"Mixed"`,
  `U&"\\0061b"`,
  `u&"x\\\\y"`,
  'UPPER',
  'größe',
  'insert',
  'update',
  'delete',
  'merge',
  'truncate',
  'copy',
  'execute',
  'recursive',
  'x'.repeat(70),
  `"${'é'.repeat(33)}"`,
  'a$b',
  's.t',
  't.as',
  't.from',
  't.returning',
  't.distinct',
  't.set',
  't.do',
  't.where',
  't.with',
  't.end',
  't.insert',
  'conflict',
  'materialized',
)

const wrapping = fc.constantFrom<[string, string]>(
  ['explain ', ''],
  ['explain (analyze, format json) ', ''],
  ['explain analyze ', ''],
  ['prepare p as ', ''],
  ['prepare p (int, text) as ', ''],
  ['with q as (', ') select * from q'],
  ['with q (a) as materialized (', ') insert into w select * from q'],
  ['with a as (select 1), q as not materialized (', ') update w set (a, b) = (1, 2)'],
  ['with q as (', ') delete from w'],
  ['with q as (with r as (select 1) ', ') select 1'],
  ['copy (', ') to stdout'],
  ['(', ')'],
  ['select (', ')'],
  ['select * from (', ') as x'],
  ['insert into w ', ' on conflict do nothing returning a'],
  ['create table w as ', ''],
  ['create view w as ', ''],
  ['declare w cursor for ', ''],
  ['create rule w as on insert to w do also ', ''],
  ['create rule w as on insert to w do (', '; select 1)'],
  ['create function w() returns int begin atomic ', '; end'],
  ['', '; select 1'],
  ['delete from w;', ';;'],
  ['begin; ', '; commit'],
  ['-- x\n', ' -- y'],
)

/** Numbers from 0 up to a bound, the same for the same start (mulberry32). */
function drawing(start: number): (bound: number) => number {
  let state = start
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/** What a statement is made with. `start` picks the known statement and all that is not chosen otherwise. */
export const choices = fc.record({
  start: fc.nat(),
  gaps: fc.array(gap, { minLength: 1, maxLength: 12 }),
  constants: fc.array(constant, { minLength: 1, maxLength: 4 }),
  names: fc.array(name, { minLength: 1, maxLength: 4 }),
  wrappings: fc.array(wrapping, { maxLength: 2 }),
})

export type Choices = typeof choices extends fc.Arbitrary<infer T> ? T : never

const keyword =
  /^(?:select|from|where|into|set|values|with|as|on|do|returning|using|table|only|for|and|or|not|in|is)$/i

/** A known statement, put together anew: other gaps, some constants and names replaced, wrapped. */
export function dressed(tokens: readonly string[], chosen: Choices): string {
  const draw = drawing(chosen.start)
  const of = (list: readonly string[]) => list[draw(list.length)] ?? ' '
  const changed = tokens.map((token) => {
    if (token.startsWith("'") && draw(2) === 0) return of(chosen.constants)
    if (
      /^["a-z]/i.test(token) && !keyword.test(token) && chosen.names.length > 0 && draw(8) === 0
    ) return of(chosen.names)
    return token
  })
  let text = changed[0] ?? ''
  for (const token of changed.slice(1)) text += of(chosen.gaps) + token
  for (const [open, close] of chosen.wrappings) text = open + text + close
  return text
}

/** What is strewn in. */
export const strewn =
  ('insert|update|delete|merge|truncate|copy|execute|insert into t|delete from t|update t set a = 1|' +
    `with|as|(|)|,|;|select|from|into|set|values (1)|returning|on conflict do nothing|do|recursive|x|"y"|1|'z'|.|=|*|` +
    'begin atomic|end|case|explain|analyze|prepare|for update|/*|*/|--\n|$$|materialized|using|where|only|table|1 as|as as|as returning|.as|.returning|.from|as do|as from|distinct|is distinct from|on|conflict|union select')
    .split('|')

/** A known statement with `changes` tokens lost, doubled, moved or strewn in. */
export function strewnIn(known: readonly string[], chosen: Choices, changes: number): string {
  const draw = drawing(chosen.start + 1)
  const tokens = [...known]
  for (let change = 0; change < changes; change++) {
    const index = draw(tokens.length + 1)
    const kind = draw(5)
    if (kind === 0) tokens.splice(index, 1)
    else if (kind === 1) tokens.splice(index, 0, tokens[draw(tokens.length)] ?? 'x')
    else if (kind === 2) tokens.splice(index, 1, strewn[draw(strewn.length)] ?? 'x')
    else tokens.splice(index, 0, strewn[draw(strewn.length)] ?? 'x')
  }
  return dressed(tokens, { ...chosen, names: [], wrappings: chosen.wrappings.slice(0, 1) })
}
