// Goal: what following asks, and what the sandbox answers, is as HubSpot's own client describes it. Method: all kinds of
// requests that following makes, for a standard and a custom object, held against the description.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Description, type OpenApi } from '../contract/openapi.ts'
import { noSpecs, readSpec } from '../contract/specs.ts'
import { allIds, createTestPortal, poll } from './portal.ts'

/** Recorded answers lack these. */
const exception = /\/errors\/\d+ .*"(links|errors)"/

test('requests that follow a table and their answers fit the official description', async (context) => {
  const spec = readSpec<OpenApi>('hubspot/crm.openapi.json')
  if (spec === null) return context.skip(noSpecs)
  const description = new Description(spec)
  const kinds = new Set<string>()
  for (const object of ['contacts', '2-123456']) {
    const portal = createTestPortal()
    const { follower, caller } = portal
    const table = await portal.table(object)
    portal.spoken.length = 0
    const path = `/crm/v3/objects/${object}`
    const cursor = await follower.start(table, caller)
    portal.nowMs += 60_000
    portal.platform.seed?.(object === 'contacts' ? object : 'cars', 450)
    portal.nowMs += 30_000
    const [first, second, third] = [...await allIds(portal, table)]
    portal.ask('POST', `${path}/merge`, { primaryObjectId: first, objectIdToMerge: second })
    portal.ask('DELETE', `${path}/${third}`)
    portal.nowMs += 90 * 60_000
    const { touched } = await poll(portal, table, cursor)
    const refs = touched.slice(0, 97).concat(first ?? '', second ?? '', '1').map((id) => ({
      id,
      keys: {},
    }))
    const rows = await follower.read(table, refs, caller)
    assert.equal(new Set(rows.map(({ id }) => id)).size, new Set(refs.map(({ id }) => id)).size)
    await follower.count?.(table, caller)
    const wrong = portal.spoken.flatMap((one) => {
      kinds.add(`${one.method} ${one.path.replace(/\?.*/, '').replace(path, '')} ${one.status}`)
      return [...description.request(one), ...description.response(one)]
        .filter((what) => !exception.test(what))
        .map((what) => `${one.method} ${one.path} (${one.status}): ${what}`)
    })
    assert.deepEqual(wrong, [])
    const sorts = new Set(
      portal.spoken.map(({ requestBody }) => /"sorts":\[[^\]]*/.exec(requestBody)?.[0]),
    )
    assert.ok(sorts.size >= 3, 'by change, by id, and no search')
  }
  const made = ['GET  200', 'POST /batch/read 200', 'POST /batch/read 207', 'POST /search 200']
  assert.deepEqual([...kinds].toSorted(), made)
})
