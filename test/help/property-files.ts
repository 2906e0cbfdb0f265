// Which files have property tests.

import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

const helper = join('test', 'help', 'property.ts')

/**
 * The test files (`test/…/x.test.ts`, sorted) that take their parameters from test/help/property.ts, by themselves or through
 * a file that they import. Paths are seen from the project's folder, which is where this runs.
 */
export function propertyFiles(): string[] {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('test', name))
  const imports = new Map(files.map((file) => [file, importsOf(file)]))
  const found = new Set([helper])
  for (let before = 0; before < found.size;) {
    before = found.size
    for (const [file, targets] of imports) {
      if (targets.some((target) => found.has(target))) found.add(file)
    }
  }
  return [...found].filter((file) => file.endsWith('.test.ts')).sort()
}

function importsOf(file: string): string[] {
  const targets = readFileSync(file, 'utf8').matchAll(/ from '(\.[^']+)'/g)
  return [...targets].map(([, target]) => normalize(join(file, '..', target ?? '')))
}
