// What nobody may read in what our processes write: tests name the secrets that they use, whatever a worker writes is
// kept, and at the end of the run (test/run.ts) the one is looked for in the other.

import { Buffer } from 'node:buffer'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/** The variable that names the folder of the run. */
export const keepName = 'SLUICE_TEST_KEEP_DIR'

/** Shorter ones stand in many a text by chance. */
const secretCharsMin = 12

/** Names secrets, to be looked for in all that is kept. Nothing where there is no run. */
export function registerSecrets(...secrets: readonly string[]): void {
  const folder = process.env[keepName]
  const long = secrets.filter((secret) => secret.length >= secretCharsMin)
  if (folder === undefined || long.length === 0) return
  const lines = long.map((secret) => `${JSON.stringify(secret)}\n`).join('')
  appendFileSync(join(folder, `secrets-${process.pid}`), lines)
}

/** Keeps what a process has written. Nothing where there is no run. */
export function keepOutput(text: string): void {
  const folder = process.env[keepName]
  if (folder !== undefined) appendFileSync(join(folder, `output-${process.pid}`), text)
}

/** The forms in which a secret may stand in a text. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  // within something longer it begins at any of three places of a group, and shares its first and last with others
  const encoded = [0, 1, 2].map((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return shifted.slice(before === 0 ? 0 : before + 1).replace(/.?=*$/, '')
  })
  const web = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  const written = [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('hex'),
  ]
  return [...new Set([...written, ...encoded, ...web])].filter(({ length }) => length >= 10)
}

/** The secrets that are in a text, in any form. */
export function findSecrets(text: string, secrets: Iterable<string>): string[] {
  return [...secrets].filter((secret) => formsOf(secret).some((form) => text.includes(form)))
}

/** What is in the folder of a run: for each file of output, the secrets found. Counts what was looked at. */
export function searchKept(folder: string): { found: string[]; secrets: number; bytes: number } {
  const files = readdirSync(folder)
  const read = (start: string) =>
    files.filter((name) => name.startsWith(start))
      .map((name) => readFileSync(join(folder, name), 'utf8'))
  const secrets = new Set(
    read('secrets-').flatMap((text) =>
      text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as string)
    ),
  )
  const outputs = read('output-')
  const found = new Set(outputs.flatMap((text) => findSecrets(text, secrets)))
  const bytes = outputs.reduce((sum, text) => sum + text.length, 0)
  return { found: [...found], secrets: secrets.size, bytes }
}

/** The credentials that an exchange of the sandbox with a caller has in it. */
export function secretsOfExchange(exchange: {
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly requestBody: string
  readonly responseBody: string
}): string[] {
  const { requestHeaders, requestBody, responseBody } = exchange
  const [, bearer = ''] =
    /^(?:Bearer|token|Basic) (.+)$/i.exec(requestHeaders['authorization'] ?? '') ?? []
  const names = '(?:access_token|refresh_token|code|code_verifier|client_secret|assertion|token)'
  const inForm = [...requestBody.matchAll(new RegExp(`(?:^|&)${names}=([^&]+)`, 'g'))]
    .map(([, value = '']) => decodeURIComponent(value))
  const inJson = [
    ...`${requestBody} ${responseBody}`.matchAll(new RegExp(`"${names}" ?: ?"([^"]+)"`, 'g')),
  ]
    .map(([, value = '']) => value)
  return [bearer, ...inForm, ...inJson].filter((value) => value !== '')
}
