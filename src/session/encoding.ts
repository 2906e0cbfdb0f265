// Room session: the client's encoding, as ParameterStatus client_encoding names it.
// https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-CHARSET-SUPPORTED

import { Buffer } from 'node:buffer'
import type { Decode } from '../wire/text.ts'
import { decodeUtf8 } from '../wire/text.ts'
import { createUhcDecoder } from './uhc.ts'

/** Postgres's names → those of the WHATWG Encoding Standard. */
const labels: Readonly<Record<string, string>> = {
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'windows-1254',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  SJIS: 'shift_jis',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gbk',
  GBK: 'gbk',
  GB18030: 'gb18030',
  BIG5: 'big5',
}

const decodeLatin1: Decode = (bytes) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

const decoders = new Map<string, Decode>([
  ['UTF8', decodeUtf8],
  ['SQL_ASCII', decodeUtf8],
  ['LATIN1', decodeLatin1],
])

/** Turns the client's bytes into text; null for an encoding that Sluice cannot read. */
export function decoderFor(clientEncoding: string): Decode | null {
  const known = decoders.get(clientEncoding)
  if (known !== undefined) return known
  if (clientEncoding === 'UHC') {
    const decode = createUhcDecoder()
    decoders.set(clientEncoding, decode)
    return decode
  }
  const label = Object.hasOwn(labels, clientEncoding) ? labels[clientEncoding] : undefined
  if (label === undefined) return null
  const decoder = new TextDecoder(label, { ignoreBOM: true })
  const decode: Decode = (bytes) => decoder.decode(bytes)
  decoders.set(clientEncoding, decode)
  return decode
}

/** Postgres's name of the encoding that the session speaks now. */
export function clientEncoding(link: { readonly parameters: ReadonlyMap<string, string> }): string {
  return link.parameters.get('client_encoding') ?? 'UTF8'
}

/** Does UTF-8 reach the client unchanged? */
export function isUtf8(clientEncoding: string): boolean {
  return clientEncoding === 'UTF8' || clientEncoding === 'SQL_ASCII'
}

/** How many bytes the character has that begins at a place, as Postgres counts them (pg_encoding_mblen). */
export type CharacterSize = (bytes: Uint8Array, at: number) => number

const double: CharacterSize = (bytes, at) => (bytes[at] ?? 0) < 0x80 ? 1 : 2

const characterSizes: Readonly<Record<string, CharacterSize>> = {
  BIG5: double,
  GBK: double,
  UHC: double,
  EUC_CN: double,
  EUC_KR: double,
  EUC_JP: (bytes, at) => bytes[at] === 0x8f ? 3 : double(bytes, at),
  // half-width katakana have one byte
  SJIS: (bytes, at) => {
    const first = bytes[at] ?? 0
    return first >= 0xa1 && first <= 0xdf ? 1 : double(bytes, at)
  },
  GB18030: (bytes, at) => {
    const second = bytes[at + 1] ?? 0
    return (bytes[at] ?? 0) >= 0x80 && second >= 0x30 && second <= 0x39 ? 4 : double(bytes, at)
  },
}

/** Of the encodings with several bytes a character, besides UTF8; null for all others. */
export function characterSize(clientEncoding: string): CharacterSize | null {
  return Object.hasOwn(characterSizes, clientEncoding)
    ? characterSizes[clientEncoding] ?? null
    : null
}

/** Text that any client can read, whatever its encoding: ASCII stays, the rest becomes `?`. */
export function toAscii(text: string): string {
  return text.replaceAll(/[^\x00-\x7f]/g, '?')
}
