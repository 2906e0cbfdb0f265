// Goal: one send is one request at the server, whatever happens to the connection, and `sent` tells the truth.
// Method: raw TCP servers that misbehave byte by byte and count the requests they have read whole.

import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { after, before, describe, test } from 'node:test'
import { createHttp, type Http, HttpFailure, type HttpRequest } from '../../src/lib/http.ts'

interface Seen {
  readonly head: string
  readonly body: string
}

interface RawServer {
  readonly url: string
  readonly requests: Seen[]
  connections: number
  /** What the next requests meet, in turn; the last one stays. */
  play(...acts: Act[]): void
  close(): Promise<void>
}

type Act = (socket: Socket) => void

const answer = (body: string, extra = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${extra}content-length: ${
    new TextEncoder().encode(body).length
  }\r\n\r\n${body}`

const good: Act = (socket) => socket.write(answer('{"ok":true}'))
const fin: Act = (socket) => socket.end()
const reset: Act = (socket) => socket.resetAndDestroy()
const stall: Act = () => {}
const truncated: Act = (socket) =>
  socket.end('HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":"1"')
const truncatedChunks: Act = (socket) =>
  socket.end('HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n')
const stalledBody: Act = (socket) =>
  socket.write('HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":"1"')
const garbage: Act = (socket) => socket.end('what is this\r\n\r\n')
const goodThenFin: Act = (socket) => socket.end(answer('{"ok":true}'))

/** With `tls`, HTTPS with the certificate below. */
async function rawServer({ tls = false } = {}): Promise<RawServer> {
  const requests: Seen[] = []
  const sockets = new Set<Socket>()
  let acts: Act[] = [good]
  const onSocket = (socket: Socket) => {
    raw.connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    readRequests(socket, (seen) => {
      requests.push(seen)
      const act = acts.length > 1 ? acts.shift() : acts[0]
      act?.(socket)
    })
  }
  const server: Server = tls
    ? createTlsServer({ key: localhostKey, cert: localhostCert }, onSocket)
    : createServer(onSocket)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const raw: RawServer = {
    url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    requests,
    connections: 0,
    play: (...next) => {
      acts = next
      requests.length = 0
      raw.connections = 0
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return raw
}

function readRequests(socket: Socket, onRequest: (seen: Seen) => void): void {
  let text = ''
  socket.on('data', (chunk: Uint8Array) => {
    text += new TextDecoder('latin1').decode(chunk)
    while (true) {
      const end = text.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = text.slice(0, end)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      const body = text.slice(end + 4, end + 4 + length)
      text = text.slice(end + 4 + length)
      onRequest({ head, body })
    }
  })
}

/** Waits until the condition holds; fails after a minute. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000
  while (!condition()) {
    assert.ok(Date.now() < end, `waited too long for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function failureOf(promise: Promise<unknown>): Promise<HttpFailure> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof HttpFailure, `not an HttpFailure: ${String(error)}`)
    return error
  }
  throw new Error('the request did not fail')
}

/** Lets the transport put its connection back: it does so in the turn of the event loop after an answer. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Time for a request that is not answered, and how often it may be up before the request is there. */
const stallWaitMs = 150
const triesMax = 20

const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const

describe('http', () => {
  let server: RawServer
  let http: Http

  before(async () => {
    server = await rawServer()
  })
  after(() => server.close())

  const post = (more: Partial<HttpRequest> = {}): HttpRequest => ({
    method: 'POST',
    url: `${server.url}/path?q=1`,
    headers: { 'content-type': 'application/json', 'x-test': 'yes' },
    body: '{"name":"Zoë"}',
    waitMs: 60_000,
    ...more,
  })

  async function withHttp(work: () => Promise<void>, options = {}): Promise<void> {
    // a connection stays open, however slow the machine is
    http = createHttp({ idleMs: 120_000, ...options })
    try {
      await work()
    } finally {
      await http.close()
    }
  }

  test('sends method, path, headers, body and content-length, and answers status, headers and text', () =>
    withHttp(async () => {
      server.play((socket) =>
        socket.write(answer('{"name":"Zoë"}', 'X-Limit: 1\r\nX-Limit: 2\r\n'))
      )
      const response = await http.send(post())
      assert.equal(response.status, 200)
      assert.equal(response.body, '{"name":"Zoë"}')
      assert.equal(response.headers['x-limit'], '1, 2')
      const [seen] = server.requests
      assert.match(seen?.head ?? '', /^POST \/path\?q=1 HTTP\/1\.1\r\n/)
      assert.match(seen?.head ?? '', /content-length: 15/i)
      assert.doesNotMatch(seen?.head ?? '', /transfer-encoding/i)
      assert.match(seen?.head ?? '', /x-test: yes/i)
    }))

  test('reuses one connection for requests that follow each other', () =>
    withHttp(async () => {
      server.play(good)
      for (let i = 0; i < 5; i++) {
        await http.send(post())
        await turns()
      }
      assert.equal(server.requests.length, 5)
      assert.equal(server.connections, 1)
    }))

  test('does not follow a redirect', () =>
    withHttp(async () => {
      server.play((socket) =>
        socket.write(
          `HTTP/1.1 302 Found\r\nlocation: ${server.url}/other\r\ncontent-length: 0\r\n\r\n`,
        )
      )
      const response = await http.send(post())
      assert.equal(response.status, 302)
      assert.equal(response.headers['location'], `${server.url}/other`)
      assert.equal(server.requests.length, 1)
    }))

  const mishaps: Record<string, Act> = {
    fin,
    reset,
    stall,
    truncated,
    truncatedChunks,
    stalledBody,
    garbage,
  }
  /**
   * How a request fails, after the first acts. Where the server stays silent its time is up soon: a slow machine may not have
   * sent it by then, and it is tried anew, with a server that hears nothing more of the one before.
   */
  async function mishap(
    name: string,
    { method, first = [] }: { method: HttpRequest['method']; first?: readonly Act[] },
  ): Promise<HttpFailure> {
    const act = mishaps[name] ?? assert.fail(name)
    const waitMs = name.startsWith('stall') ? stallWaitMs : 60_000
    for (let tries = 1;; tries++) {
      server.play(...first, act, good)
      for (const _ of first) {
        await http.send(post())
        await turns()
      }
      const { body, ...bare } = post({ method, waitMs })
      const request = method === 'GET' || body === undefined ? bare : { ...bare, body }
      const start = Date.now()
      const failure = await failureOf(http.send(request))
      if (name.startsWith('stall')) {
        assert.match(failure.message, /no answer within 150 ms/)
        assert.ok(Date.now() - start < 30_000)
      }
      if (server.requests.length > first.length || tries === triesMax) return failure
      await server.close()
      server = await rawServer()
    }
  }

  for (const name of Object.keys(mishaps)) {
    for (const method of methods) {
      test(`sends a ${method} once when a fresh connection meets: ${name}`, () =>
        withHttp(async () => {
          const failure = await mishap(name, { method })
          assert.equal(failure.sent, true)
          assert.equal(server.requests.length, 1)
        }))

      test(`sends a ${method} once when a used connection meets: ${name}`, () =>
        withHttp(async () => {
          const failure = await mishap(name, { method, first: [good] })
          assert.equal(failure.sent, true)
          assert.equal(server.requests.length, 2)
          assert.equal(server.connections, 1, 'the second request used the first connection')
          // were it sent again in secret, it would come before this one
          await http.send(post())
          assert.equal(server.requests.length, 3)
        }))
    }
  }

  test('makes a new connection when the server has closed the idle one', () =>
    withHttp(async () => {
      server.play(goodThenFin, good)
      await http.send(post())
      const second = await http.send(post())
      assert.equal(second.status, 200)
      assert.equal(server.requests.length, 2)
      assert.equal(server.connections, 2)
    }))

  test('says not sent when nobody listens', () =>
    withHttp(async () => {
      const gone = await rawServer()
      await gone.close()
      const failure = await failureOf(http.send(post({ url: gone.url })))
      assert.equal(failure.sent, false)
      assert.match(failure.message, /ECONNREFUSED/)
    }))

  test('says not sent when the name does not resolve', () =>
    withHttp(async () => {
      const failure = await failureOf(http.send(post({ url: 'http://nowhere.invalid/' })))
      assert.equal(failure.sent, false)
    }))

  const astray = [
    '/repos/octo/hello/labels/..',
    '/a/../b',
    '/a/.',
    '/a/./b',
    '/a/%2e%2E/b',
    '/a/.%2e',
    '/a\\..\\b',
    '\\b',
    '/a/b#c',
    '/a/b?q=1#c',
    '/a\n/b',
    '/a?q=b\nc',
    '/a b',
    '/é',
  ]
  for (const path of astray) {
    test(`sends nothing to an address that would become another one: ${JSON.stringify(path)}`, () =>
      withHttp(async () => {
        server.play(good)
        const failure = await failureOf(http.send(post({ url: server.url + path })))
        assert.equal(failure.sent, false)
        assert.equal(server.requests.length, 0)
      }))
  }

  test('sends what only looks like it, and to an origin without a path', () =>
    withHttp(async () => {
      const paths = ['/a/...', '/a/..b', '/%252e%252e', '/a//b', "/q?q='../..'", '/a%2F..%2Fb', '']
      server.play(good)
      for (const path of paths) {
        assert.equal((await http.send(post({ url: server.url + path }))).status, 200, path)
        await turns()
      }
      const heard = server.requests.map(({ head }) => head.split(' ')[1])
      assert.deepEqual(heard, [...paths.slice(0, 4), '/q?q=%27../..%27', '/a%2F..%2Fb', '/'])
    }))

  test('says not sent of what is no address of the web', () =>
    withHttp(async () => {
      for (
        const url of ['', 'nowhere', '/path', 'file:///etc/passwd', 'http://', 'http://a:b:c/']
      ) {
        assert.equal((await failureOf(http.send(post({ url })))).sent, false, url)
      }
    }))

  test('says not sent when a connection is not made in time', () =>
    withHttp(async () => {
      // TLS to a server that never answers the handshake: a socket, but no connection to write a request to
      const mute = createServer((socket) => socket.on('error', () => {}))
      const sockets = new Set<Socket>()
      mute.on('connection', (socket: Socket) => sockets.add(socket))
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
      const address = mute.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const failure = await failureOf(
        http.send(post({ url: `https://127.0.0.1:${port}/`, waitMs: 300 })),
      )
      assert.equal(failure.sent, false)
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => mute.close(() => resolve()))
    }))

  test('says not sent when there was no free connection before the deadline, and never sends it later', () =>
    withHttp(async () => {
      let release = () => {}
      server.play((socket) => release = () => good(socket), good)
      const first = http.send(post())
      await until(() => server.requests.length === 1, 'the first request')
      const failure = await failureOf(http.send(post({ waitMs: 100 })))
      assert.equal(failure.sent, false)
      release()
      await first
      await http.send(post({ url: `${server.url}/last` }))
      assert.equal(server.requests.length, 2)
      assert.match(server.requests[1]?.head ?? '', /\/last/)
    }, { connectionsMax: 1 }))

  test('says not sent when given up beforehand or out of time, and contacts nobody', () =>
    withHttp(async () => {
      server.play(good)
      const given = await failureOf(http.send(post({ signal: AbortSignal.abort() })))
      const late = await failureOf(http.send(post({ waitMs: 0 })))
      assert.deepEqual([given.sent, late.sent], [false, false])
      assert.equal(server.connections, 0)
    }))

  for (const [name, act] of Object.entries({ stall, stalledBody })) {
    test(`says sent when given up after the request was written: ${name}`, () =>
      withHttp(async () => {
        server.play(act)
        const stop = new AbortController()
        const promise = failureOf(http.send(post({ signal: stop.signal })))
        await until(() => server.requests.length === 1, 'the request')
        await new Promise((resolve) => setTimeout(resolve, 50)) // for what there is of an answer
        stop.abort()
        const failure = await promise
        assert.match(failure.message, /given up/)
        assert.equal(failure.sent, true)
      }))
  }

  test('says not sent for a URL or header that cannot be', () =>
    withHttp(async () => {
      server.play(good)
      const url = await failureOf(http.send(post({ url: 'not a url' })))
      const header = await failureOf(http.send(post({ headers: { authorization: 'a\r\nb: c' } })))
      assert.deepEqual([url.sent, header.sent], [false, false])
      assert.equal(server.requests.length, 0)
    }))

  test('refuses an answer longer than the bound', () =>
    withHttp(async () => {
      server.play((socket) => socket.write(answer('x'.repeat(1001))))
      const failure = await failureOf(http.send(post()))
      assert.equal(failure.sent, true)
      assert.match(failure.message, /the answer is too long/)
      server.play((socket) => socket.write(answer('x'.repeat(1000))))
      assert.equal((await http.send(post())).body.length, 1000)
    }, { bytesMax: 1000 }))

  test('refuses one request more than the bound, unsent', () =>
    withHttp(async () => {
      let release = () => {}
      server.play((socket) => release = () => good(socket))
      const first = http.send(post())
      await until(() => server.requests.length === 1, 'the first request')
      const failure = await failureOf(http.send(post()))
      assert.equal(failure.sent, false)
      assert.match(failure.message, /more than 1 requests are waiting/)
      release()
      await first
    }, { requestsMax: 1 }))

  test('never writes the path into an error: it can hold values', () =>
    withHttp(async () => {
      server.play(fin)
      const failure = await failureOf(http.send(post({ url: `${server.url}/secret?ids=secret` })))
      assert.doesNotMatch(failure.message, /secret/)
    }))

  test('close lets a request under way finish and refuses new ones', () =>
    withHttp(async () => {
      let release = () => {}
      server.play((socket) => release = () => good(socket))
      const first = http.send(post())
      await until(() => server.requests.length === 1, 'the request')
      const closed = http.close()
      release()
      assert.equal((await first).status, 200)
      await closed
      assert.equal((await failureOf(http.send(post()))).sent, false)
      http = createHttp()
    }))

  test('many requests at once use no more connections than the bound', () =>
    withHttp(async () => {
      server.play(good)
      const answers = await Promise.all(Array.from({ length: 40 }, () => http.send(post())))
      assert.ok(answers.every(({ status }) => status === 200))
      assert.equal(server.requests.length, 40)
      assert.ok(server.connections <= 4, `${server.connections} connections`)
    }, { connectionsMax: 4 }))

  describe('over TLS', () => {
    let secure: RawServer

    before(async () => {
      secure = await rawServer({ tls: true })
    })
    after(() => secure.close())

    test('trusts the authority that it is given', () =>
      withHttp(async () => {
        secure.play(good)
        assert.equal((await http.send(post({ url: secure.url }))).status, 200)
      }, { ca: localhostCert }))

    test('does not send to a server that it cannot trust', () =>
      withHttp(async () => {
        secure.play(good)
        const failure = await failureOf(http.send(post({ url: secure.url })))
        assert.equal(failure.sent, false)
        assert.equal(secure.requests.length, 0)
      }))

    for (const [name, act] of Object.entries({ fin, truncated, garbage })) {
      test(`sends a POST once when a used connection meets: ${name}`, () =>
        withHttp(async () => {
          secure.play(good, act, good)
          await http.send(post({ url: secure.url }))
          await turns()
          const failure = await failureOf(http.send(post({ url: secure.url })))
          assert.equal(failure.sent, true)
          assert.equal(secure.connections, 1)
          await http.send(post({ url: secure.url }))
          assert.equal(secure.requests.length, 3)
        }, { ca: localhostCert }))
    }
  })
})

/** Made for these tests alone: `openssl req -x509 -newkey ec … -subj /CN=localhost`, good until 2126. */
const localhostKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFanEaqYtYYGvoO0q
FRmM0tSuFr1zp0sBpCaGPoPgCzKhRANCAATLkdO6ZbdPrb6oURiyHefBo7GYrTD3
oIpWiGv27rs+hpoNpl/DJscq2dpvircoLDCXtBL7lWM+hqHbROw4vfwR
-----END PRIVATE KEY-----
`
const localhostCert = `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUCnKlAvU3Q/VssD6Y7nC6uKzg2v0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTIxMjgyOVoYDzIxMjYxMTAx
MjEyODI5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATLkdO6ZbdPrb6oURiyHefBo7GYrTD3oIpWiGv27rs+hpoNpl/DJscq
2dpvircoLDCXtBL7lWM+hqHbROw4vfwRo28wbTAdBgNVHQ4EFgQUGlb3LXvViX8w
Jh/SD7PcKjoxueMwHwYDVR0jBBgwFoAUGlb3LXvViX8wJh/SD7PcKjoxueMwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgKaZxenM5cu7yHmwWa3gPQ6EKHEh2nET8zKvQohrzcuYCID7h
TAGWlOovZgE9OeEqKngI7EgU2XkE3ku2I7wdCGI2
-----END CERTIFICATE-----
`
