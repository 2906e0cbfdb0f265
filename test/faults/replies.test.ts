// Goal: the listener never says that nothing was sent when the first of its two tries may have been carried out, and
// never waits for a database that says nothing. Method: a small HTTP server that answers as told; a conduit that hangs.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type Conduit, ConnectionLost } from '../../src/engine/conduit.ts'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation, Outcome } from '../../src/mutation/mutation.ts'
import { bounded } from '../../src/session/bounded.ts'
import { createService } from '../../src/session/service.ts'

const mutation: Mutation = {
  id: 'c0ffee00-0000-4000-8000-000000000001',
  syncId: 'sync_a',
  schema: 'salesforce',
  table: 'contacts',
  operation: 'insert',
  rows: [{ ordinal: 1, id: null, values: { email: 'a@x.org' } }],
}

/** Hangs up on the first try and answers the second. */
async function sendTwice(status: number, second: unknown): Promise<Outcome> {
  let tries = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      tries += 1
      if (tries === 1) return void request.socket.destroy()
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify(second))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const http = createHttp()
  const url = `http://127.0.0.1:${port}`
  const service = createService({ url, listenerKey: 'k', http, log: silentLog })
  try {
    return await service.send(mutation, { waitMs: 30_000 })
  } finally {
    await http.close()
    server.close()
    await once(server, 'close')
    assert.equal(tries, 2)
  }
}

test('a service that takes no mutation when it is asked for a lost reply leaves the outcome unknown', async () => {
  for (
    const code of ['service_unreachable', 'rate_limited', 'unauthorized', 'sync_disabled'] as const
  ) {
    const outcome = await sendTwice(503, { fault: faultData(code) })
    assert.equal(outcome.state, 'unknown', code)
  }
})

test('a recorded refusal is believed on the second try too', async () => {
  const refused: Outcome = { state: 'refused', fault: faultData('duplicate') }
  assert.deepEqual(await sendTwice(200, refused), refused)
})

test('an apply that nobody answers ends, and its timer does not outlive an answer', async () => {
  let lose = (_error: Error): void => {}
  const answers = [
    Promise.resolve([]),
    Promise.resolve([]),
    new Promise<never>((_, reject) => lose = reject),
  ]
  let sent = false
  let givenUp = 0
  const conduit: Conduit = {
    pid: 1,
    serverMajor: 18,
    run: () => answers.shift() ?? assert.fail('one run too many'),
  }
  const applying = bounded(conduit, {
    waitMs: 20,
    when: () => sent,
    giveUp: () => {
      givenUp += 1
      lose(new ConnectionLost('given up'))
    },
  })
  await applying.run([])
  sent = true
  await applying.run([])
  await assert.rejects(applying.run([]), ConnectionLost)
  assert.equal(givenUp, 1)
})
