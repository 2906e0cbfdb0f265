// Room store: sealing what must not be read from a stolen dump. AES-256-GCM; a sealed value is bound to its table, row
// and column, so that it opens nowhere else.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** The keys of the store. The current one seals; every one opens. */
export interface Keyring {
  readonly current: string
  /** Key id → 32 bytes. */
  readonly keys: ReadonlyMap<string, Uint8Array>
}

/** Where a sealed value lives; it opens only there. */
export interface Place {
  readonly table: string
  readonly row: string
  readonly column: string
}

/** nonce (12 bytes), ciphertext, tag (16 bytes), and beside it the id of the key. */
export interface Sealed {
  readonly keyId: string
  readonly bytes: Uint8Array
}

const cipherName = 'aes-256-gcm'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const keysMax = 16

/** A sealed value that does not open. Says where and why, never what. */
export class SealError extends Error {
  override name = 'SealError'
}

/**
 * Reads `id:base64,id:base64`; the first key is the current one.
 * @throws RangeError naming the position of the bad key, never its text
 */
export function parseKeyring(text: string): Keyring {
  const parts = text.split(',').map((part) => part.trim()).filter((part) => part !== '')
  if (parts.length === 0 || parts.length > keysMax) {
    throw new RangeError(`Cannot read the keys: expected 1 to ${keysMax}, got ${parts.length}`)
  }
  const keys = new Map<string, Uint8Array>()
  parts.forEach((part, index) => {
    const [, id, base64] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(part) ?? []
    const bytes = base64 === undefined ? null : new Uint8Array(Buffer.from(base64, 'base64'))
    if (id === undefined || bytes?.length !== keyBytes) {
      throw new RangeError(`Cannot read key ${index + 1}: expected id:base64 of ${keyBytes} bytes`)
    }
    if (keys.has(id)) throw new RangeError(`Cannot read key ${index + 1}: its id stands twice`)
    keys.set(id, bytes)
  })
  return { current: [...keys.keys()][0] ?? '', keys }
}

/** Seals a text with the current key, under a nonce of its own. */
export function seal(keyring: Keyring, place: Place, text: string): Sealed {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(cipherName, keyOf(keyring, keyring.current, place), nonce)
  cipher.setAAD(associated(place))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return { keyId: keyring.current, bytes: Buffer.concat([nonce, body, cipher.getAuthTag()]) }
}

/**
 * Opens a sealed value with the key that sealed it.
 * @throws SealError when the key is not in the ring, or the value was changed or moved
 */
export function open(keyring: Keyring, place: Place, sealed: Sealed): string {
  const { bytes } = sealed
  const key = keyOf(keyring, sealed.keyId, place)
  if (bytes.length < nonceBytes + tagBytes) throw damaged(place)
  const tagAt = bytes.length - tagBytes
  const decipher = createDecipheriv(cipherName, key, bytes.subarray(0, nonceBytes))
  decipher.setAAD(associated(place))
  decipher.setAuthTag(bytes.subarray(tagAt))
  try {
    const body = [decipher.update(bytes.subarray(nonceBytes, tagAt)), decipher.final()]
    return Buffer.concat(body).toString('utf8')
  } catch (cause) {
    throw damaged(place, cause)
  }
}

function keyOf(keyring: Keyring, keyId: string, place: Place): Uint8Array {
  const key = keyring.keys.get(keyId)
  if (key !== undefined) return key
  throw new SealError(`Cannot open ${describe(place)}: key "${keyId}" is not in the keyring`)
}

function damaged(place: Place, cause?: unknown): SealError {
  return new SealError(`Cannot open ${describe(place)}: it was changed, moved or cut`, { cause })
}

function associated({ table, row, column }: Place): Buffer {
  return Buffer.from(JSON.stringify([table, row, column]), 'utf8')
}

function describe({ table, row, column }: Place): string {
  return `${table}.${column} of "${row}"`
}
