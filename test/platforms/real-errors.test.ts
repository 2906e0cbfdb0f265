// Goal: each of the real error bodies that were collected becomes the fault that a person would expect, through the whole
// adapter, and never a success. Method: a scripted server answers it to a like request; expectations by digest.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { platforms } from '../../src/mutation/table.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { type FakeApi, fakeApi } from '../help/fake-api.ts'
import { expected } from './contract/expected.ts'
import { digestOf, meaningOf, type RealErrors } from './contract/real.ts'
import { noSpecs, readSpec } from './contract/specs.ts'

const here = dirname(fileURLToPath(import.meta.url))

let api: FakeApi

before(async () => api = await fakeApi())
after(async () => await api.close())

describe('real error bodies', () => {
  for (const platform of platforms) {
    test(`each of ${platform} is the fault that it should be`, async (context) => {
      const file = readSpec<RealErrors>('real-errors.json')
      if (file === null) return context.skip(noSpecs)
      const errors = file.errors.filter((error) => error.platform === platform)
      assert.ok(errors.length >= 10)
      const wrong: string[] = []
      for (const error of errors) {
        const digest = digestOf(error)
        const meaning = await meaningOf(error, api)
        if (meaning === expected[digest]) continue
        wrong.push(`'${digest}': '${meaning}', // ${error.status} ${error.meaning}`)
      }
      assert.deepEqual(wrong, [])
    })
  }

  test('none is a success, and each has an expectation', (context) => {
    const file = readSpec<RealErrors>('real-errors.json')
    if (file === null) return context.skip(noSpecs)
    assert.equal(file.errors.length, 135)
    const digests = new Set(file.errors.map(digestOf))
    assert.deepEqual([...digests].filter((digest) => expected[digest] === undefined), [])
    assert.deepEqual(Object.keys(expected).filter((digest) => !digests.has(digest)), [])
    assert.ok(Object.values(expected).every((meaning) => !meaning.startsWith('accepted')))
  })

  for (const platform of platforms) {
    test(`${platform} has a table of restated bodies in the project too`, () => {
      const files = ['real-errors.test.ts', 'faults.test.ts'].map((name) =>
        join(here, platform, name)
      )
      const found = files.filter((file) => existsSync(file))
      assert.ok(found.length > 0, files.join(' or '))
      assert.ok(found.some((file) => /(4\d\d|status)/.test(readFileSync(file, 'utf8'))))
    })
  }
})

describe('a body that nobody has seen', () => {
  const strange = [
    { status: 418, body: { teapot: true } },
    { status: 400, body: { error: { type: 'SOMETHING_NEW', message: 'Never seen.' } } },
    { status: 400, body: [{ errorCode: 'SOMETHING_NEW', message: 'Never seen.' }] },
    { status: 500, body: '<html>' },
    { status: 200, body: { error: 'but with 200' } },
    { status: 200, body: [] },
    { status: 204, body: '' },
    { status: 302, body: '' },
  ]
  for (const { status, body } of strange) {
    for (const platform of platforms) {
      test(`${platform}, ${status} ${JSON.stringify(body)}: refused or unknown`, async () => {
        const request = { method: 'POST', path: '/' }
        const error = { platform, headers: null, request, meaning: '', status, body }
        const meaning = await meaningOf(error, api)
        assert.match(meaning, /^(refused|unknown) \w{5}/)
        if (status === 200 || status >= 500) assert.match(meaning, /^unknown 40003/)
        assert.equal(adapterFor(platform).platform, platform)
      })
    }
  }
})
