// Goal: what a request takes and what an answer tells is what GitHub's documents on limits say.
// Method: requests and answers as data; everything here is pure.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { github } from '../../../src/platforms/github/index.ts'
import type { RateAnswer } from '../../../src/platforms/rates.ts'
import { errorAt } from './fake.ts'

const at = { baseUrl: 'https://api.github.com', settings: {} }
const { rates } = github

const rest = { method: 'POST', url: 'https://api.github.com/repos/o/r/issues' } as const
const graphql = { method: 'POST', url: 'https://api.github.com/graphql' } as const

/** A document that makes so many issues. */
function documentOf(count: number) {
  const calls = Array.from({ length: count }, (_, i) => `m${i}: createIssue(input: $i${i}) { x }`)
  const query = `mutation($i0: X!) { ${calls.join(' ')} }`
  return {
    ...graphql,
    body: JSON.stringify({ query, variables: { i0: { title: 'm9: x(input:' } } }),
  }
}

function unitsOf(request: Parameters<typeof rates.charges>[0]) {
  return Object.fromEntries(rates.charges(request, at).map(({ rule, units }) => [rule, units]))
}

function hear(
  status: number,
  { headers = {}, body = {}, request = rest }: {
    headers?: Record<string, string>
    body?: unknown
    request?: Parameters<typeof rates.learn>[0]
  },
): RateAnswer {
  return rates.learn(request, { status, headers, body: JSON.stringify(body) }, at)
}

describe('what a request takes', () => {
  test('a read is one point, a write five, and what makes something counts twice over', () => {
    assert.deepEqual(unitsOf({ method: 'GET', url: rest.url }), {
      concurrent: 1,
      rest_hour: 1,
      rest_minute: 1,
    })
    assert.deepEqual(unitsOf({ method: 'PATCH', url: rest.url }), {
      concurrent: 1,
      rest_hour: 1,
      rest_minute: 5,
    })
    assert.deepEqual(unitsOf(rest), {
      concurrent: 1,
      rest_hour: 1,
      rest_minute: 5,
      content_minute: 1,
      content_hour: 1,
    })
  })

  test('to ask what is left takes nothing of the hour', () => {
    assert.deepEqual(unitsOf({ method: 'GET', url: 'https://ghe.example/api/v3/rate_limit' }), {
      concurrent: 1,
      rest_minute: 1,
    })
  })

  test('a document takes a unit of content for each thing that it makes, and no other words count', () => {
    const query =
      'mutation($i0: X!) { m0: createIssue(input: $i0) { x } m1: addComment(input: $i1) ' +
      '{ x } m2: updateIssue(input: $i2) { x } }'
    const variables = { i0: { title: ' m7: createIssue(input: $i7) ' } }
    const body = JSON.stringify({ query, variables })
    assert.deepEqual(unitsOf({ ...graphql, body }), {
      concurrent: 1,
      graphql_hour: 1,
      graphql_minute: 5,
      content_minute: 2,
      content_hour: 2,
    })
    const look = JSON.stringify({ query: 'query { a0: user }', variables })
    assert.deepEqual(unitsOf({ ...graphql, url: 'https://ghe.example/api/graphql', body: look }), {
      concurrent: 1,
      graphql_hour: 1,
      graphql_minute: 1,
    })
  })

  test('every charge and every piece of news is about a rule that exists', () => {
    const names = new Set(rates.rules({}).map(({ name }) => name))
    const heard = [
      hear(403, { body: { message: 'You have exceeded a secondary rate limit.' } }),
      hear(403, {
        body: {
          message: 'You have exceeded a secondary rate limit and have been temporarily blocked ' +
            'from content creation.',
        },
      }),
      hear(429, { headers: { 'x-ratelimit-remaining': '0' } }),
    ].flatMap(({ news }) => news)
    assert.equal(heard.length, 6)
    const query = JSON.stringify({ query: 'mutation { m0: createIssue(input: $i0) }' })
    for (
      const { rule } of [
        ...rates.charges(rest, at),
        ...rates.charges({ ...graphql, body: query }, at),
        ...heard,
      ]
    ) {
      assert.ok(names.has(rule), rule)
    }
  })
})

describe('what an answer tells', () => {
  const counted = {
    'x-ratelimit-limit': '15000',
    'x-ratelimit-remaining': '14999',
    'x-ratelimit-reset': '1763805640',
    'x-ratelimit-resource': 'core',
    date: 'Sat, 22 Nov 2025 10:00:00 GMT',
  }

  test('its own count of what is left, and until when', () => {
    assert.deepEqual(hear(201, { headers: counted }), {
      refused: false,
      news: [{
        kind: 'remaining',
        rule: 'rest_hour',
        remaining: 14999,
        limit: 15000,
        resetMs: 40_000,
      }],
    })
    const { date: _date, ...undated } = counted
    const heard = hear(200, { headers: { ...undated, 'x-ratelimit-resource': 'graphql' } })
    assert.deepEqual(heard.news, [{
      kind: 'remaining',
      rule: 'graphql_hour',
      remaining: 14999,
      limit: 15000,
    }])
    const search = hear(200, { headers: { ...counted, 'x-ratelimit-resource': 'search' } })
    assert.deepEqual(search.news, [])
  })

  test('of what is as it was, that the hour was not counted; the limits of a minute were', () => {
    const request = { method: 'GET', url: rest.url } as const
    const { refused, news } = hear(304, { headers: counted, request })
    assert.equal(refused, false)
    assert.deepEqual(news[0], { kind: 'uncounted', rule: 'rest_hour' })
    assert.deepEqual(news.slice(1).map(({ kind }) => kind), ['remaining'])
    const others = [200, 301, 404, 410].flatMap((status) => hear(status, { request }).news)
    assert.deepEqual(others, [])
    assert.deepEqual(hear(304, { request: graphql }).news, [])
  })

  test('the hour is used up: nothing until the reset', () => {
    const headers = { ...counted, 'x-ratelimit-remaining': '0' }
    const { refused, news } = hear(403, { headers, body: { message: 'API rate limit exceeded' } })
    assert.equal(refused, true)
    assert.deepEqual(news[1], { kind: 'blocked', rule: 'rest_hour', waitMs: 40_000 })
  })

  test('a secondary limit stops everything, for as long as it says or a minute', () => {
    const message = 'You have exceeded a secondary rate limit.'
    for (const [headers, waitMs] of [[{ 'retry-after': '7' }, 7000], [{}, 60_000]] as const) {
      const { refused, news } = hear(429, { headers, body: { message } })
      assert.equal(refused, true)
      assert.deepEqual(
        news,
        ['rest_minute', 'graphql_minute', 'content_minute']
          .map((rule) => ({ kind: 'blocked', rule, waitMs })),
      )
    }
  })

  test('who says to wait for more than an hour is not believed', () => {
    const spent = { 'x-ratelimit-remaining': '0', date: new Date().toUTCString() }
    const cases: readonly Record<string, string>[] = [
      { ...spent, 'x-ratelimit-reset': '999999999999' },
      { 'retry-after': '999999' },
      { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT', date: new Date().toUTCString() },
    ]
    for (const headers of cases) {
      const { news } = hear(403, { headers, body: { message: 'API rate limit exceeded' } })
      const waits = news.map((each) => {
        if (each.kind === 'uncounted') return each.rule
        return each.kind === 'remaining' ? each.resetMs : each.waitMs
      })
      assert.deepEqual(new Set(waits), new Set([3_600_000]), JSON.stringify(headers))
    }
  })

  test('a permission that is missing is no limit', () => {
    assert.deepEqual(hear(403, { body: { message: 'Must have admin rights to Repository.' } }), {
      refused: false,
      news: [],
    })
  })

  test('a permission that is missing is none either when the hour happens to be used up', () => {
    const headers = { ...counted, 'x-ratelimit-remaining': '0' }
    const heard = hear(403, { headers, body: { message: 'Must have admin rights to Repository.' } })
    assert.equal(heard.refused, false)
    assert.deepEqual(heard.news.map(({ kind }) => kind), ['remaining'])
  })

  test('a limit is known by whole sentences of GitHub, not by words that people wrote', () => {
    const type = 'UNPROCESSABLE'
    const foreign = [
      'Name "rate limit" has already been taken',
      'Name "API rate limit exceeded" has already been taken',
      'Title "was submitted too quickly" is too long',
      'was submitted too quickly, says the title',
      'Label You have exceeded a secondary rate limit is not valid',
    ]
    for (const message of foreign) {
      const body = { data: { m0: null }, errors: [errorAt('m0', type, message)] }
      const heard = hear(200, { request: documentOf(1), body })
      assert.deepEqual(heard, { refused: false, news: [] }, message)
      assert.deepEqual(hear(403, { body: { message } }), { refused: false, news: [] }, message)
    }
    const own: [string, string][] = [
      ['was submitted too quickly', 'content_minute'],
      ['API rate limit exceeded for user ID 1.', 'rest_hour'],
      ['API rate limit already exceeded for user ID 1.', 'rest_hour'],
      ['You have triggered an abuse detection mechanism. Please wait.', 'rest_minute'],
      ['You have exceeded a secondary rate limit. Please wait.', 'rest_minute'],
      [
        'You have triggered an abuse detection mechanism and have been temporarily blocked from ' +
        'content creation.',
        'content_minute',
      ],
    ]
    for (const [message, rule] of own) {
      const { refused, news } = hear(403, { body: { message } })
      assert.equal(refused, true, message)
      assert.ok(news[0]?.kind === 'blocked' && news[0].rule === rule, message)
    }
  })

  const tenNames = Array.from({ length: 10 }, (_, i) => `m${i}`)
  const tenNulls = Object.fromEntries(tenNames.map((alias) => [alias, null]))
  const quickly = (alias: string) => errorAt(alias, 'UNPROCESSABLE', 'was submitted too quickly')

  test('a document of which nothing was carried out was refused whole', () => {
    const request = documentOf(2)
    const blocked = [{ kind: 'blocked', rule: 'content_minute', waitMs: 60_000 }]
    const all = { data: { m0: null, m1: null }, errors: [quickly('m0'), quickly('m1')] }
    assert.deepEqual(hear(200, { request, body: all }), { refused: true, news: blocked })
    const other = errorAt('m0', 'NOT_FOUND', 'Could not resolve')
    const mixed = { data: { m0: null, m1: null }, errors: [other, quickly('m1')] }
    assert.equal(hear(200, { request, body: mixed }).refused, true)
  })

  test('a document of which a part was, or may have been, carried out is not sent again whole', () => {
    const request = documentOf(2)
    const part = { data: { m0: { issue: {} }, m1: null }, errors: [quickly('m1')] }
    assert.equal(hear(200, { request, body: part }).refused, false)
    assert.equal(hear(200, { request, body: part }).news.length, 1)
    const unsure = {
      data: { m0: null, m1: null },
      errors: [errorAt('m0', undefined, 'Something went wrong'), quickly('m1')],
    }
    assert.equal(hear(200, { request, body: unsure }).refused, false)
    const inside = {
      data: { m0: { issue: null }, m1: null },
      errors: [quickly('m1')],
    }
    assert.equal(hear(200, { request, body: inside }).refused, false)
    const both = { data: { m0: { issue: {} } }, errors: [quickly('m0')] }
    assert.equal(hear(200, { request: documentOf(1), body: both }).refused, false)
  })

  test('a document of which the answer does not speak in full is not sent again whole', () => {
    const request = documentOf(10)
    const bodies = [
      { data: { m0: null }, errors: [quickly('m0')] },
      { data: null, errors: [quickly('m0')] },
      { data: {}, errors: [quickly('m0')] },
      { errors: [quickly('m0')] },
      { data: { ...tenNulls, m9: undefined }, errors: tenNames.slice(0, 9).map(quickly) },
      { data: tenNulls, errors: tenNames.slice(1).map(quickly) },
      {
        data: null,
        errors: [{ type: 'RATE_LIMITED', message: 'x' }, { message: 'Something went wrong' }],
      },
    ]
    for (const body of bodies) {
      const heard = hear(200, { request, body })
      assert.equal(heard.refused, false, JSON.stringify(body))
      assert.equal(heard.news.length > 0, true, JSON.stringify(body))
    }
    const all = { data: tenNulls, errors: tenNames.map(quickly) }
    assert.equal(hear(200, { request, body: all }).refused, true)
    // a request that is not one of ours says nothing of how much it holds
    assert.equal(hear(200, { request: graphql, body: all }).refused, false)
  })

  test('a query changes nothing, so that it can always be sent again', () => {
    const body = JSON.stringify({ query: 'query($o0: String!) { a0: x }', variables: {} })
    const answer = {
      data: { a0: { id: 'R' }, a1: null },
      errors: [{ ...quickly('a1'), type: 'RATE_LIMITED' }],
    }
    assert.equal(hear(200, { request: { ...graphql, body }, body: answer }).refused, true)
  })

  test('points that are used up refuse a document before it is begun', () => {
    const body = {
      errors: [{ type: 'RATE_LIMITED', message: 'API rate limit exceeded for user ID 1.' }],
    }
    const { refused, news } = hear(200, { request: documentOf(2), body })
    assert.equal(refused, true)
    assert.deepEqual(news, [{ kind: 'blocked', rule: 'graphql_hour', waitMs: 60_000 }])
  })

  test('words of people in a record are no limit', () => {
    const body = { data: { m0: { issue: { title: 'was submitted too quickly, rate limit' } } } }
    assert.deepEqual(hear(200, { request: graphql, body }), { refused: false, news: [] })
    assert.deepEqual(hear(201, { body: { title: 'secondary rate limit' } }), {
      refused: false,
      news: [],
    })
  })
})
