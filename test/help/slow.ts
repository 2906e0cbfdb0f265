// Texts of the longest size that is looked into, made to take long: each repeats what costs most to read.

/** Bytes of a text at most: a Query's frame is looked into up to 512 KiB. */
const size = 524_000
const quarter = size / 4

const fill = (head: string, unit: string, tail = ''): string =>
  head + unit.repeat(Math.floor((size - head.length - tail.length) / unit.length)) + tail

/** Texts about `table`, by what is slow about them. */
export function slowTexts(table: string): Record<string, string> {
  const insert = `insert into ${table} values (`
  return {
    'a long constant': fill(`${insert}'`, 'x', `')`),
    'a constant of escapes': fill(`${insert}E'`, '\\\\', `')`),
    'a constant of doubled quotes': fill(`${insert}'`, `''`, `')`),
    'a name of doubled quotes': fill(`insert into ${table} ("`, '""', '") values (1)'),
    'a constant continued over lines': fill(insert, `'a'\n`, ')'),
    'constants continued after comments': fill(insert, `'a' -- x\n`, ')'),
    'values of one character': fill(insert, '1,', '1)'),
    'commas': fill(insert, ',', ')'),
    'nested parentheses': `insert into ${table} values ` + '('.repeat(quarter) +
      ')'.repeat(quarter),
    'words of one character': fill(`insert into ${table} select `, 'a '),
    'verbs': fill(`insert into ${table} select `, 'update '),
    'words that begin like verbs': fill(`delete from ${table} `, 'inser '),
    'semicolons': fill(`delete from ${table}`, ';'),
    'statements': fill('', `delete from ${table};`),
    'statements after the mutation': fill(`delete from ${table};`, 'select 1;'),
    'block comments': fill(`delete from ${table}`, '/**/'),
    'line comments': fill(`delete from ${table}`, '--\n'),
    'nested comments': '/*'.repeat(quarter / 2) + '*/'.repeat(quarter / 2) +
      ` delete from ${table}`,
    'an unclosed comment': fill(`delete from ${table}`, '/*'),
    'spaces': fill(`insert into ${table}`, ' ', 'values (1)'),
    'signs': fill(`${insert}1`, '+-', '1)'),
    'operators': fill(`${insert}1`, ` ${'@'.repeat(60)} 1`, ')'),
    'parameters': fill(insert, '$1,', '$1)'),
    'numbers without an end': fill(insert, '1e', ')'),
    'a long number': fill(insert, '1', ')'),
    'a number with underscores': fill(insert, '1_', '1)'),
    'dollar quotes that do not match': fill(insert, '$a$ $b$ ', ')'),
    'dollar quotes': fill(insert, '$$$$,', '1)'),
    'a long tag': fill(`${insert}$`, 'a', '$)'),
    'a long word': fill(`delete from ${table} where `, 'a'),
    'a long word beyond ASCII': fill(`delete from ${table} where `, 'Aé'.normalize()).slice(
      0,
      600_000,
    ),
    'escaped names': fill(`insert into ${table} select `, 'U&"\\0061",', '1'),
    'a long escaped name': fill(`insert into ${table} (U&"`, '\\0061', '") values (1)'),
    'WITH in WITH': fill(`delete from ${table}; `, 'with x as ('),
    'a long WITH list': fill('with ', 'x as (select 1),', `y as (select 1) delete from ${table}`),
    'ON CONFLICT again and again': fill(`insert into ${table} select 1 `, 'on conflict '),
    'a long SET list': fill(`update ${table} set `, 'a=1,', 'a=1'),
    'a long list of columns': fill(`update ${table} set (`, 'a,', 'a) = (1)'),
    'IS DISTINCT FROM': fill(`update ${table} set a = b `, 'is distinct from b '),
    'a long TRUNCATE': fill(`truncate ${table}`, ',a'),
    'BEGIN ATOMIC': fill(
      `delete from ${table}; create function x() begin atomic; `,
      'begin atomic;',
    ),
    'options of EXPLAIN': fill('explain (', 'analyze on,', `costs on) delete from ${table}`),
    'a name of many parts': fill('insert into ', 'a.', `${table} values (1)`),
    'a column of many parts': fill(`insert into ${table} (a`, '.a', ') values (1)'),
    'WHERE CURRENT': fill(`delete from ${table} where a `, 'current '),
    'the setting asked for': fill(`${insert}$$current_setting('`, '.', '$$)'),
    'settings asked for': fill(insert, `current_setting('a.b'),`, `'')`),
  }
}
