// Everything that was said in the contract, held against the platforms' official descriptions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Platform, platforms } from '../../../src/mutation/table.ts'
import { graphqlErrors } from './graphql.ts'
import { Description, type OpenApi, type Spoken } from './openapi.ts'
import { noSpecs, readSpec } from './specs.ts'
import type { Exchange, Stage } from './stage.ts'

const files: Readonly<Record<Platform, string>> = {
  salesforce: 'salesforce/rest.derived.openapi.json',
  hubspot: 'hubspot/crm.openapi.json',
  stripe: 'stripe/current.openapi.json',
  airtable: 'airtable/webapi.derived.openapi.json',
  github: 'github/rest.openapi.json',
}

/** Paths that a description leaves out: the token endpoints and GraphQL. */
const elsewhere = /^\/(oauth2?|login|graphql|v1\/oauth|services\/oauth2)\b/

/** Where a description is stricter than what the platform is known to take or to answer. */
const exceptions: readonly (readonly [Platform, RegExp, reason: string])[] = [
  [
    'stripe',
    /^GET .*unknown parameter (created|limit|starting_after|expand)$/,
    'the parameters of lists are left out of it',
  ],
  ['stripe', /^GET \/v1\/events .*is not described$/, 'events are left out of it'],
  ['hubspot', /\(207\): answer: \/errors\/\d+ .*"(links|errors)"/, 'recorded answers lack them'],
  ['hubspot', /\((429|500)\): answer:  .*"category"/, 'recorded answers lack it'],
  ['airtable', /\(429\): answer: /, 'recorded answers have another shape'],
  [
    'github',
    /^PATCH .*\/milestones\/.*\/due_on must be string/,
    'null clears it (harvester#11739)',
  ],
]

export function conforms(stage: () => Stage): void {
  for (const platform of platforms) {
    test(`every request to ${platform} and every answer fits the official description`, (context) => {
      const spec = readSpec<OpenApi>(files[platform])
      if (spec === null) return context.skip(noSpecs)
      const description = new Description(spec)
      const spoken = spokenTo(platform, stage().said)
      assert.ok(spoken.length > 50, `${spoken.length} exchanges with ${platform}`)
      const wrong = new Map<string, number>()
      for (const one of spoken) {
        const { method, path, status } = one
        const say = (what: string) => {
          const where = `${method} ${path.replace(/\?.*/, '').replaceAll(/\/\w*\d{3}\w*/g, '/…')}`
          const words = `${where} (${status}): ${what}`
          if (exceptions.some(([who, what]) => who === platform && what.test(words))) return
          wrong.set(words, (wrong.get(words) ?? 0) + 1)
        }
        description.request(one).forEach((what) => say(`request: ${what}`))
        description.response(one).forEach((what) => say(`answer: ${what}`))
      }
      const lines = [...wrong].map(([words, count]) => `${count} × ${words}`)
      assert.deepEqual(lines.slice(0, 40), [])
    })
  }

  test('every GraphQL document sent to github fits its published schema', () => {
    const documents = new Set(
      stage().said.filter(({ url, method }) => method === 'POST' && url === '/github/graphql')
        .map(({ requestBody }) => requestBody),
    )
    assert.ok(documents.size > 10, `${documents.size} documents`)
    for (const body of documents) assert.deepEqual(graphqlErrors(body), [], body.slice(0, 500))
  })

  test('every request carries its token, and no other platform’s', () => {
    for (const { url, method, requestHeaders } of stage().said) {
      if (elsewhere.test(url.replace(/^\/\w+/, ''))) continue
      assert.match(
        requestHeaders['authorization'] ?? '',
        /^(Bearer|token) \S+$/,
        `${method} ${url}`,
      )
    }
  })
}

function spokenTo(platform: Platform, said: readonly Exchange[]): Spoken[] {
  return said.filter((one) => one.platform === platform)
    .map(({ url, ...rest }) => ({ ...rest, path: url.slice(platform.length + 1) }))
    .filter(({ path }) => !elsewhere.test(path))
    .flatMap((one) => [one, ...partsOf(one)])
}

/** The parts of a Salesforce composite are requests themselves. References to ids are put into the form of ids. */
function partsOf({ path, requestBody, responseBody, status }: Spoken): Spoken[] {
  if (!path.endsWith('/composite') || requestBody === '') return []
  const body = requestBody.replaceAll(/"@\{\w+\[\d+\]\.id\}"/g, '"003000000000001AAA"')
  const { compositeRequest } = JSON.parse(body) as {
    compositeRequest: { method: string; url: string; body?: unknown }[]
  }
  const answers = status === 200
    ? (JSON.parse(responseBody) as {
      compositeResponse: { httpStatusCode: number; body: unknown }[]
    }).compositeResponse
    : []
  return compositeRequest.map(({ method, url, body: part }, i) => ({
    method,
    path: url,
    requestBody: part === undefined ? '' : JSON.stringify(part),
    status: answers[i]?.httpStatusCode ?? 0,
    responseBody: JSON.stringify(answers[i]?.body ?? null),
  }))
}
