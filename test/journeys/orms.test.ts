// Goal: clients of npm that nobody here wrote do the promised journey. Method: test/clients, on this runtime; those of
// Debian, and the installation of all, are `npm run test:clients`, without which there is nothing here to run.

import { after, before, describe, test } from 'node:test'
import { attempt } from '../clients/attempt.ts'
import { clients } from '../clients/clients.ts'
import { isThere } from '../clients/install.ts'
import { prepareReadings } from '../clients/scenario.ts'
import { startSystem, type System } from '../help/system.ts'
import { assertMirrors } from './mirror.ts'

const ours = clients.filter(({ kind }) => kind === 'npm')
const there = await Promise.all(ours.map(isThere))
const skip = there.every(Boolean)
  ? false
  : 'their packages are not in .cache/clients: npm run test:clients -- --install'

describe('clients of npm', { skip }, () => {
  let system: System

  before(async () => {
    system = await startSystem()
    await prepareReadings(system)
  })
  after(() => system?.stop())

  for (const client of ours) {
    test(`${client.name} writes, is refused, rolls back and streams as on Postgres`, async () => {
      await attempt(client, system)
      await assertMirrors(system)
    })
  }
})
