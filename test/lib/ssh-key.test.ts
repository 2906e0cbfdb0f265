// Goal: a host key is pinned in whatever form people have it, and a private key that cannot be used is named before anybody
// connects with it.

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { fingerprintOf, keyTypeOf, parseHostKey, privateKeyFlaw } from '../../src/lib/ssh-key.ts'

// both as ssh-keygen made and printed them
const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAINRcqYpoYgChFoOJH8opY2023Vp3QnYLatzefVjNXLAU'
const fingerprint = 'SHA256:ZoyqrWYOkvpHXvjdH1h+N9VJxER3AKMoH0ARwf6N0a0'

test('a host key is read as ssh-keygen and ssh-keyscan write it, or as its fingerprint', () => {
  for (const front of ['', 'ssh.example.com ', '[10.0.0.1]:2222 ', '|1|salt=|hash= ']) {
    for (const behind of ['', ' root@bastion', '\n']) {
      const pin = parseHostKey(`${front}ssh-ed25519 ${blob}${behind}`)
      assert.deepEqual(pin, { type: 'ssh-ed25519', fingerprint })
    }
  }
  assert.deepEqual(parseHostKey(` ${fingerprint}\n`), { type: null, fingerprint })
  assert.equal(fingerprintOf(Buffer.from(blob, 'base64')), fingerprint)
})

test('what is no host key is refused', () => {
  const wrong = ['', 'yes', 'ssh-ed25519', `ssh-rsa ${blob}`, 'SHA256:short', `ssh-ed25519 AAAA`]
  for (const text of [...wrong, `MD5:${'a'.repeat(47)}`, blob]) {
    assert.throws(() => parseHostKey(text), RangeError, text)
  }
  assert.equal(keyTypeOf(new Uint8Array(3)), '')
  assert.equal(keyTypeOf(Uint8Array.from([0xff, 0xff, 0xff, 0xff, 65])), '')
})

const pem = (kind: string, body: Uint8Array | string) =>
  `-----BEGIN ${kind}PRIVATE KEY-----\n${
    typeof body === 'string' ? body : Buffer.from(body).toString('base64')
  }\n-----END ${kind}PRIVATE KEY-----\n`
const openssh = (cipher: string) =>
  Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    Buffer.from([0, 0, 0, cipher.length]),
    Buffer.from(`${cipher}${'x'.repeat(40)}`),
  ])

test('a private key with a passphrase, in another form, or none at all is named, without showing it', () => {
  assert.equal(privateKeyFlaw(pem('OPENSSH ', openssh('none'))), null)
  assert.equal(privateKeyFlaw(pem('RSA ', 'MIIE')), null)
  const locked = /has a passphrase/
  assert.match(privateKeyFlaw(pem('OPENSSH ', openssh('aes256-ctr'))) ?? '', locked)
  assert.match(privateKeyFlaw(pem('ENCRYPTED ', 'MIIE')) ?? '', locked)
  const old = pem('RSA ', 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIE')
  assert.match(privateKeyFlaw(old) ?? '', locked)
  assert.match(privateKeyFlaw(pem('', 'MIIE')) ?? '', /PKCS#8/)
  assert.match(privateKeyFlaw(pem('OPENSSH ', 'AAAA')) ?? '', /cut short/)
  for (const text of ['', 'a secret', `ssh-ed25519 ${blob}`]) {
    assert.match(privateKeyFlaw(text) ?? '', /^is none: it begins with/)
  }
})
