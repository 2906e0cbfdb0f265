// Goal: no way past the triggers, and through them exactly what the platform accepted. Method: the same suites, as an
// ordinary role, on every Postgres that .ci/postgres-versions has brought; without it, on the embedded one.

import { after, before, describe } from 'node:test'
import { required } from '../../src/lib/assert.ts'
import { makeFixture, servers, type Started, startServer } from './fixture.ts'
import type { Context } from './suites/context.ts'
import { costSuite } from './suites/cost.ts'
import { forgerySuite } from './suites/forgery.ts'
import { installSuite } from './suites/install.ts'
import { modesSuite } from './suites/modes.ts'
import { mutationsSuite } from './suites/mutations.ts'
import { reportsSuite } from './suites/reports.ts'
import { rowsSuite } from './suites/rows.ts'
import { upsertsSuite } from './suites/upserts.ts'
import { valuesSuite } from './suites/values.ts'
import { waysSuite } from './suites/ways.ts'

const suites = {
  'modes': modesSuite,
  'reports': reportsSuite,
  'mutations': mutationsSuite,
  'upserts': upsertsSuite,
  'forgery': forgerySuite,
  'other ways to write': waysSuite,
  'values': valuesSuite,
  'installing': installSuite,
  'applyRows': rowsSuite,
  'cost': costSuite,
}

for (const server of servers) {
  describe(`Postgres ${server.name}`, () => {
    let started: Started | undefined
    before(async () => {
      started = await startServer(server)
    })
    after(async () => {
      await started?.stop()
    })
    for (const [name, suite] of Object.entries(suites)) {
      describe(name, () => {
        const context: Partial<Context> = {}
        before(async () => {
          context.server = required(started, 'a server that has started')
          context.fixture = await makeFixture(context.server)
        })
        after(async () => {
          await context.fixture?.end()
        })
        suite(context as Context)
      })
    }
  })
}
