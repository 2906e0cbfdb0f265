// Room session: UHC (code page 949), the Korean encoding that not every runtime reads whole: EUC-KR, and the syllables that
// EUC-KR lacks, in the order of Unicode.
// https://encoding.spec.whatwg.org/#euc-kr

import type { Decode } from '../wire/text.ts'

const [syllableFirst, syllableLast] = [0xac00, 0xd7a3]
const lacking = '\ufffd'

/** Bytes of the second place in the order in which the syllables that EUC-KR lacks take them. */
const seconds: readonly number[] = [
  ...range(0x41, 0x5a),
  ...range(0x61, 0x7a),
  ...range(0x81, 0xfe),
]

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** Turns bytes of UHC into text; what is none becomes U+FFFD. */
export function createUhcDecoder(): Decode {
  const decoder = new TextDecoder('euc-kr')
  const pairs = new Map<number, string>()
  const known = new Set<string>()
  for (const first of range(0xa1, 0xfe)) {
    for (const second of range(0xa1, 0xfe)) {
      const character = decoder.decode(Uint8Array.of(first, second))
      if (character.includes(lacking) || character.length !== 1) continue
      pairs.set(first << 8 | second, character)
      known.add(character)
    }
  }
  const places = placesOfRest()
  for (let code = syllableFirst; code <= syllableLast; code++) {
    const character = String.fromCharCode(code)
    if (!known.has(character)) pairs.set(places.next().value ?? 0, character)
  }
  return (bytes) => decodePairs(bytes, pairs)
}

/** Where the syllables stand that EUC-KR lacks: before its own rows, then before its own columns. */
function* placesOfRest(): Generator<number, undefined> {
  for (const first of range(0x81, 0xc6)) {
    for (const second of seconds) {
      if (first > 0xa0 && second > 0xa0) break
      yield first << 8 | second
    }
  }
}

function decodePairs(bytes: Uint8Array, pairs: ReadonlyMap<number, string>): string {
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at++) {
    const first = bytes[at] ?? 0
    if (first < 0x80) parts.push(String.fromCharCode(first))
    else parts.push(pairs.get(first << 8 | (bytes[++at] ?? 0)) ?? lacking)
  }
  return parts.join('')
}
