// The statements of the suite's files, cut apart without a server, and the tables that they write to.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { recognise } from '../../src/sql/index.ts'
import { source } from './suite.ts'

const folders = ['src/test/regress/sql', 'src/pl/plpgsql/src/sql']

/** The texts of all files with SQL: of the core, of PL/pgSQL and of contrib. */
export function suiteTexts(): string[] {
  const contrib = join(source, 'contrib')
  const all = [
    ...folders,
    ...readdirSync(contrib).map((name) => join('contrib', name, 'sql')),
  ].map((folder) => join(source, folder)).filter((folder) => existsSync(folder))
  return all.flatMap((folder) =>
    readdirSync(folder).filter((name) => name.endsWith('.sql'))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
  )
}

// what a semicolon may stand in: strings, names, dollar quotes, comments
const piece =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|;|[()]|[^'"$\-/;()]+|[\s\S]/gy

/**
 * The statements of a file as psql would about send them: commands of psql's own and data of COPY are left out. Where it
 * is wrong, Postgres's grammar refuses what it gives.
 */
export function cutApart(file: string): string[] {
  const text = file.replace(/^\\.*$/gm, ';').replace(
    /\\(?:gset|gexec|g|gx|crosstabview)\b.*$/gm,
    ';',
  )
    .replace(/^(copy\b.*\bfrom\s+stdin\b.*;)[\s\S]*?^;$/gim, '$1')
  const statements: string[] = []
  let [statement, depth] = ['', 0]
  for (const [token] of text.matchAll(piece)) {
    if (token === '(') depth++
    if (token === ')') depth--
    if (token === ';' && depth <= 0) {
      if (statement.trim() !== '') statements.push(statement.trim())
      ;[statement, depth] = ['', 0]
    } else statement += token
  }
  return statements
}

/** Names of all tables that the suite's statements write to. */
export function suiteNames(): string[] {
  const names = new Set<string>()
  for (const text of suiteTexts().flatMap(cutApart)) {
    const recognition = recognise(text, { standardConformingStrings: true })
    if (!recognition.certain) continue
    for (const { targets } of recognition.statements) {
      for (const { name } of targets) names.add(name)
    }
  }
  return [...names]
}
