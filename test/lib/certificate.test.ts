// Goal: a certificate that openssl and both runtimes take for what it says it is. Method: ask them.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { selfSignedCertificate } from '../../src/lib/certificate.ts'
import { hasCommand } from '../../src/lib/cluster.ts'

/** The answer of a server with the certificate, or the code of the error. */
async function ask(
  cert: { cert: string; key: string },
  options: ConnectionOptions,
): Promise<string> {
  const server = createServer(cert, (socket) => {
    socket.on('error', () => {})
    socket.end('hello')
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port, ...options })
  const answer = new Promise<string>((resolve) => {
    client.on('data', (chunk: Buffer) => resolve(chunk.toString()))
    client.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
  })
  try {
    return await answer
  } finally {
    client.destroy()
    server.close()
    await once(server, 'close')
  }
}

test('a client that trusts the certificate takes it for its hosts, and for no other', async () => {
  const made = selfSignedCertificate({ hosts: ['localhost', '127.0.0.1'], days: 1 })
  const trusting = { ca: made.cert }
  assert.equal(await ask(made, { ...trusting, servername: 'localhost' }), 'hello')
  assert.equal(await ask(made, trusting), 'hello')
  assert.equal(
    await ask(made, { ...trusting, servername: 'other.example' }),
    'ERR_TLS_CERT_ALTNAME_INVALID',
  )
  const other = selfSignedCertificate({ hosts: ['localhost'], days: 1 })
  assert.notEqual(await ask(made, { ca: other.cert, servername: 'localhost' }), 'hello')
  assert.notEqual(await ask(made, { servername: 'localhost' }), 'hello')
})

test('a certificate that has expired is not taken', async () => {
  const now = Date.now() - 3 * 86_400_000
  const expired = selfSignedCertificate({ hosts: ['localhost'], days: 2, now })
  assert.notEqual(await ask(expired, { ca: expired.cert, servername: 'localhost' }), 'hello')
  const valid = selfSignedCertificate({ hosts: ['localhost'], days: 4, now })
  assert.equal(await ask(valid, { ca: valid.cert, servername: 'localhost' }), 'hello')
})

test('no host is refused', () => {
  assert.throws(() => selfSignedCertificate({ hosts: [], days: 1 }), RangeError)
})

test('two certificates have different keys and serial numbers', () => {
  const [one, other] = [1, 2].map(() =>
    new X509Certificate(selfSignedCertificate({ hosts: ['a'], days: 1 }).cert)
  )
  assert.notEqual(one?.serialNumber, other?.serialNumber)
  assert.notEqual(one?.fingerprint256, other?.fingerprint256)
})

if (hasCommand('openssl')) {
  const openssl = (args: string[]) => spawnSync('openssl', args, { encoding: 'utf8' })
  const long = `${'long-name.'.repeat(12)}example`
  const hosts = [
    'localhost',
    '10.1.2.3',
    '::1',
    'fe80::1:2',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:7:8',
    long,
  ]

  test('openssl reads what was written, and verifies it strictly', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-certificate-'))
    const path = join(folder, 'cert.pem')
    try {
      // the validity crosses from UTCTime into GeneralizedTime
      const now = Date.UTC(2049, 11, 31, 12)
      const made = selfSignedCertificate({ hosts, days: 30, now })
      writeFileSync(path, made.cert)
      const { stdout } = openssl(['x509', '-in', path, '-noout', '-text'])
      assert.match(stdout, /Version: 3 /)
      assert.match(stdout, /Not Before: Dec 31 11:00:00 2049 GMT/)
      assert.match(stdout, /Not After : Jan 30 12:00:00 2050 GMT/)
      assert.match(stdout, /CA:FALSE/)
      assert.ok(
        stdout.includes(
          'DNS:localhost, IP Address:10.1.2.3, IP Address:0:0:0:0:0:0:0:1, ' +
            'IP Address:FE80:0:0:0:0:0:1:2, IP Address:0:0:0:0:0:FFFF:102:304, ' +
            `IP Address:1:2:3:4:5:6:7:8, DNS:${long}`,
        ),
        stdout,
      )
      const at = String(now / 1000 + 10)
      for (const name of [['-verify_hostname', 'localhost'], ['-verify_ip', 'fe80::1:2']]) {
        const flags = ['-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', '-attime', at]
        const verified = openssl(['verify', '-CAfile', path, ...flags, ...name, path])
        assert.equal(verified.stdout.trim(), `${path}: OK`, verified.stderr)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
