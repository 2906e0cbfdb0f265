// A proxy before the sandbox that spoils answers to writes: what a gateway, a firewall or a bad line makes of them.

import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Words } from './subject.ts'

/**
 * What becomes of a write. redirect, page, answer: it is not passed on. The others are spoiled after it was carried out:
 * cut short of its content-length, cut so that the JSON ends early, without a body, another JSON.
 */
export type Mangle =
  | { readonly kind: 'redirect' | 'page' | 'short' | 'half' | 'empty' | 'other' }
  | { readonly kind: 'answer'; readonly words: Words }

export interface Mangler {
  /** In the place of the sandbox's own. */
  readonly url: string
  /** From now on; null: nothing is spoiled. */
  mangle(how: Mangle | null): void
  close(): Promise<void>
}

interface Heard {
  readonly incoming: IncomingMessage
  readonly body: string
}

/** Is it a request that writes? Some that only read are POSTs. */
export function isWrite({ method, url, body }: { method: string; url: string; body: string }) {
  if (method === 'GET') return false
  const path = url.replace(/\?.*/, '')
  return !path.endsWith('/batch/read') && !/\/composite\/sobjects\/\w+$/.test(path) &&
    !body.startsWith('{"query":"query') && !isTokens(path)
}

/** Is it a request for tokens? */
export function isTokens(path: string): boolean {
  return /\/(oauth2?|login)\//.test(path)
}

export async function startMangler(sandboxPort: number): Promise<Mangler> {
  let how: Mangle | null = null
  const server = createServer((incoming, response) => {
    const chunks: Uint8Array[] = []
    incoming.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const { method = '', url = '' } = incoming
      const mangle = isWrite({ method, url, body }) ? how : null
      answer({ incoming, body }, response, { mangle, sandboxPort })
    })
  })
  // much longer than a client keeps a connection: it is never closed just when a request goes out on it
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    mangle: (next) => how = next,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Answering {
  readonly mangle: Mangle | null
  readonly sandboxPort: number
}

function answer(heard: Heard, response: ServerResponse, { mangle, sandboxPort }: Answering): void {
  if (mangle?.kind === 'redirect') {
    response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end()
  } else if (mangle?.kind === 'page') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html><h1>Welcome</h1></html>')
  } else if (mangle?.kind === 'answer') {
    const { status, body } = mangle.words
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  } else passOn(heard, sandboxPort, (answered) => spoil(answered, response, mangle))
}

interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

function passOn({ incoming, body }: Heard, port: number, done: (answered: Answered) => void) {
  const { method = '', url = '', headers } = incoming
  const options = { host: '127.0.0.1', port, method, path: url, headers, agent: false }
  const sent = request(options, (response) => {
    const chunks: Uint8Array[] = []
    response.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    response.on('end', () => {
      const { statusCode: status = 0, headers } = response
      done({ status, headers, body: Buffer.concat(chunks) })
    })
  })
  sent.on('error', () => incoming.socket.destroy())
  sent.end(body)
}

function spoil({ status, headers, body }: Answered, response: ServerResponse, how: Mangle | null) {
  const { 'content-length': _length, connection: _connection, ...plain } = headers
  switch (how?.kind) {
    case 'short':
      response.writeHead(200, { ...plain, 'content-length': body.length + 10 })
      response.write(body.subarray(0, body.length / 2), () => response.destroy())
      return
    case 'half':
      response.writeHead(200, plain).end(body.subarray(0, body.length / 2))
      return
    case 'empty':
      response.writeHead(200, plain).end()
      return
    case 'other':
      response.writeHead(200, { ...plain, 'content-type': 'application/json' }).end('{"ok":true}')
      return
    default:
      response.writeHead(status, plain)
      response.end(status === 204 ? undefined : body)
  }
}
