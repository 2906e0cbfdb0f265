// Workers: `sluice errors`: the catalogue of faults, as clients meet them.

import { catalogue, type CatalogueEntry } from '../../src/mutation/fault.ts'
import { type Command, rowsOf, UsageError, wantsJson } from './command.ts'

const retries: Readonly<Record<CatalogueEntry['retry'], string>> = {
  no: 'no: the same statement will be refused again',
  later: 'yes, later: nothing was written',
  look: 'look first: it may have been written',
}

export const errors: Command = (given) => {
  const all = Object.entries(catalogue).map(([code, entry]) => ({
    code,
    ...entry,
    message: entry.message.replace('{platform}', '<platform>'),
  }))
  const [word] = given.words
  if (word === undefined) {
    return Promise.resolve(rowsOf(all, {
      code: ({ code }) => code,
      sqlstate: ({ sqlstate }) => sqlstate,
      http: ({ http }) => http,
      whose: ({ blame }) => blame,
      again: ({ retry }) => retry,
      message: ({ message }) => message,
    }))
  }
  const found = all.filter(({ code, sqlstate }) => code === word || sqlstate === word.toUpperCase())
  if (found.length === 0) throw new UsageError(`no error has the code or SQLSTATE "${word}"`)
  if (wantsJson(given)) return Promise.resolve([JSON.stringify(found, null, 2)])
  return Promise.resolve(found.flatMap((each, index) => [
    ...index === 0 ? [] : [''],
    ...linesOf(each),
  ]))
}

function linesOf({ code, ...entry }: { code: string } & CatalogueEntry): string[] {
  const { sqlstate, http, blame, retry, message, about } = entry
  return [
    `${code}: ${message}`,
    about,
    '',
    `SQLSTATE  ${sqlstate}`,
    `HTTP      ${http}`,
    `whose     ${blame}`,
    `again     ${retries[retry]}`,
  ]
}
