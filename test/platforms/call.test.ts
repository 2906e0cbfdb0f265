// Goal: a call is one request at most, it ends, and what went wrong before the request is told as unsent. Method: SDKs of a
// few lines that behave as badly as real ones can, over a transport that counts.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deadlineIn } from '../../src/lib/deadline.ts'
import { type Http, HttpFailure, type HttpRequest } from '../../src/lib/http.ts'
import { createLog } from '../../src/lib/log.ts'
import { fault } from '../../src/mutation/fault.ts'
import { type Attempt, callThrough, type Reply, type SdkRequest } from '../../src/platforms/call.ts'
import type { Caller } from '../../src/platforms/platform.ts'
import { untilBegun } from '../help/fake-api.ts'

const request: SdkRequest = { method: 'POST', url: 'http://x.test/records' }
const never = () => new Promise<never>(() => {})

interface Bench {
  readonly sent: HttpRequest[]
  readonly logged: string[]
  readonly caller: Caller
}

function bench(more: Partial<Caller> & { status?: number } = {}): Bench {
  const sent: HttpRequest[] = []
  const logged: string[] = []
  const http: Http = {
    send: async (one) => {
      sent.push(one)
      return { status: more.status ?? 200, headers: {}, body: '{}' }
    },
    close: async () => {},
  }
  const caller: Caller = {
    baseUrl: 'http://x.test',
    settings: {},
    http,
    deadline: deadlineIn(60_000),
    signal: new AbortController().signal,
    log: createLog({ level: 'debug', write: (line) => logged.push(line) }),
    token: () => Promise.resolve('token'),
    ...more,
  }
  return { sent, logged, caller }
}

const plain = ({ send }: Attempt) => send(request)

async function callWith(
  { caller }: Bench,
  run: (attempt: Attempt) => Promise<unknown> = plain,
): Promise<Reply> {
  return await callThrough(run, caller, { platform: 'stripe' })
}

function unsent(reply: Reply) {
  assert.ok(reply.state === 'unsent', JSON.stringify(reply))
  return reply.fault
}

describe('the credential', () => {
  test('whatever goes wrong with it, nothing is sent, and only the log has the cause', async () => {
    const secret = 'sealed with key 7'
    const failures: (() => Promise<string>)[] = [
      () => Promise.reject(new TypeError(secret)),
      () => {
        throw new TypeError(secret)
      },
      () => Promise.reject(secret as unknown as Error),
    ]
    for (const token of failures) {
      const at = bench({ token })
      const found = unsent(await callWith(at))
      assert.equal(found.code, 'internal_error')
      assert.equal(found.message, 'internal error')
      assert.equal(found.platform, 'stripe')
      assert.ok(!JSON.stringify(found).includes(secret))
      assert.match(at.logged.join(), /stripe\.token_failed.*sealed with key 7/)
      assert.equal(at.sent.length, 0)
    }
  })

  test('a failure while the refused token is replaced is told as unsent: the first request wrote nothing', async () => {
    const token = (refused?: string) =>
      refused === undefined ? Promise.resolve('old') : Promise.reject(new Error('store'))
    const at = bench({ token, status: 401 })
    assert.equal(unsent(await callWith(at)).code, 'internal_error')
    assert.equal(at.sent.length, 1)
  })

  test('a fault about it stays what it is', async () => {
    const token = () => Promise.reject(fault('credential_refused', { detail: 'revoked' }))
    const found = unsent(await callWith(bench({ token })))
    assert.equal(found.code, 'credential_refused')
    assert.equal(found.detail, 'revoked')
  })

  test('one that does not come in time is a time-out', async () => {
    const at = bench({ token: never, deadline: deadlineIn(20) })
    assert.equal(unsent(await callWith(at)).code, 'statement_timed_out')
  })

  for (
    const token of ['', ' ', 'sk\n', '\nsk', 'sk\r\nx: y', 'a b', 'sécret', 'sk😀', 'sk\0', 'sk\t']
  ) {
    test(`one that no header can carry is refused, and not repeated: ${JSON.stringify(token)}`, async () => {
      const at = bench({ token: () => Promise.resolve(token) })
      const found = unsent(await callWith(at))
      assert.equal(found.code, 'credential_refused')
      assert.equal(found.platform, 'stripe')
      assert.match(found.hint ?? '', /key again/)
      if (token.includes('s')) assert.ok(!JSON.stringify([found, at.logged]).includes('sk'))
      assert.equal(at.sent.length, 0)
    })
  }

  test('every other printable character is taken', async () => {
    const token = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('')
    const at = bench({ token: () => Promise.resolve(token) })
    assert.equal((await callWith(at)).state, 'answered')
  })
})

describe('the SDK', () => {
  test('is not waited for once the answer is there', async () => {
    const at = bench()
    const reply = await callWith(at, async ({ send }) => {
      await send(request)
      await never()
    })
    assert.equal(reply.state, 'answered')
    assert.equal(at.sent.length, 1)
  })

  test('may fail after the answer, at once or later, without anybody hearing of it', async () => {
    const late = async ({ send }: Attempt) => {
      await send(request)
      await new Promise((resolve) => setImmediate(resolve))
      throw new Error('parsing failed')
    }
    const loud: unknown[] = []
    const hear = (reason: unknown) => loud.push(reason)
    process.on('unhandledRejection', hear)
    try {
      assert.equal((await callWith(bench(), late)).state, 'answered')
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.off('unhandledRejection', hear)
    }
    assert.deepEqual(loud, [])
  })

  test('sends one request however often it tries', async () => {
    const at = bench()
    const reply = await callWith(at, async ({ send }) => {
      await send(request)
      await send(request)
    })
    assert.equal(reply.state, 'answered')
    assert.equal(at.sent.length, 1)
  })

  const lazy: Record<string, (attempt: Attempt) => Promise<unknown>> = {
    'rejects before it sends': () => Promise.reject(new Error('bad parameter')),
    'throws before it sends': () => {
      throw new Error('bad parameter')
    },
    'ends without sending': () => Promise.resolve(),
  }
  for (const [name, run] of Object.entries(lazy)) {
    test(`that ${name} has sent nothing`, async () => {
      const at = bench()
      assert.equal(unsent(await callWith(at, run)).code, 'unreachable')
      assert.equal(at.sent.length, 0)
    })
  }

  test('that never sends is given up at the deadline, and cannot send any more', async () => {
    let at = bench()
    let kept: Attempt | undefined
    const reply = await untilBegun(
      () => {
        at = bench({ deadline: deadlineIn(30) })
        return callWith(at, async (attempt) => {
          kept = attempt
          await never()
        })
      },
      () => kept !== undefined,
    )
    assert.equal(unsent(reply).code, 'unreachable')
    await assert.rejects(async () => await kept?.send(request), /in time/)
    assert.equal(at.sent.length, 0)
  })

  test('hears what the transport says, and the transport is believed', async () => {
    const lost = { send: () => Promise.reject(new HttpFailure('reset', { sent: true })) }
    const at = bench({ http: { ...lost, close: async () => {} } })
    let heard: unknown
    const reply = await callWith(at, async ({ send }) => {
      await send(request).catch((error: unknown) => heard = error)
    })
    assert.deepEqual(reply, { state: 'lost', reason: 'reset' })
    assert.ok(heard instanceof HttpFailure)
  })
})
