// Writes the tables of the README that are made from the code: errors, metrics, Stripe's and GitHub's tables.
// `deno run -A test/help/readme-tables.ts`; test/journeys/readme.test.ts compares.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { errorTable } from './readme-errors.ts'
import { metricsTable } from './readme-metrics.ts'
import { describedPlatforms, platformTable } from './readme-platforms.ts'

const file = fileURLToPath(new URL('../../README.md', import.meta.url))
let text = readFileSync(file, 'utf8')
const put = (mark: string, table: string) => {
  const pattern = new RegExp(`(<!-- ${mark} -->)[^]*?(<!-- /${mark} -->)`)
  if (!pattern.test(text)) throw new Error(`README.md has no <!-- ${mark} -->`)
  text = text.replace(
    pattern,
    (_all, start: string, end: string) => `${start}\n\n${table}\n\n${end}`,
  )
}
put('errors', errorTable())
put('metrics', metricsTable())
for (const platform of describedPlatforms) put(platform, await platformTable(platform))
writeFileSync(file, text)
