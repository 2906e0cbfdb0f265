// Goal: mutations that take long keep nothing else of a listener from the mutation service. Method: a service that answers
// no mutation; as many as a listener takes are sent, then what it asks for besides.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createHttp } from '../../src/lib/http.ts'
import { silentLog } from '../../src/lib/log.ts'
import { faultData } from '../../src/mutation/fault.ts'
import type { Mutation } from '../../src/mutation/mutation.ts'
import { listenerLimits, serviceTransport } from '../../src/session/limits.ts'
import { createService } from '../../src/session/service.ts'
import { until } from '../help/stage-hooks.ts'

const mutationsMax = 100

function mutation(number: number): Mutation {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  const place = { syncId: 'sync_test01', platform: 'stripe', schema: 'stripe', table: 'customers' }
  const rows = [{ ordinal: 1, id: null, values: { name: 'A' } }]
  return { ...place, id, operation: 'insert', rows } as unknown as Mutation
}

test('with as many mutations under way as a listener takes, everything else gets through', async () => {
  const held: ServerResponse[] = []
  const cancelled: string[] = []
  const server = createServer((request, response) => {
    request.resume()
    const url = request.url ?? ''
    if (url === '/internal/mutations') return void held.push(response)
    if (url.endsWith('/cancel')) cancelled.push(url)
    response.writeHead(url.startsWith('/internal/syncs/') ? 404 : 200)
    response.end(JSON.stringify({
      state: 'cancelled',
      notReady: [],
      fault: faultData('not_found'),
    }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const http = createHttp(serviceTransport({ ...listenerLimits, mutationsMax }))
  const url = `http://127.0.0.1:${port}`
  // the machine may stand still for longer than a listener waits
  const options = { http, log: silentLog, waitMinMs: 30_000 }
  const service = createService({ url, listenerKey: 'key', ...options })
  const sending = Array.from(
    { length: mutationsMax },
    (_, number) => service.send(mutation(number), { waitMs: 60_000 }),
  )
  try {
    await until(() => held.length === mutationsMax)
    assert.equal(await service.findSync('sync_unknown'), null)
    assert.equal((await service.state?.())?.service, 'reachable')
    await service.cancel?.(mutation(1).id)
    assert.equal(cancelled.length, 1)
  } finally {
    const outcome = JSON.stringify({ state: 'refused', fault: faultData('rate_limited') })
    for (const response of held) response.end(outcome)
    await Promise.all(sending)
    await http.close()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})
