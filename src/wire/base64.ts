// Room wire: base64 as SCRAM has it: no line breaks, padded, nothing else accepted.

import { Buffer } from 'node:buffer'

const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Text is taken as UTF-8. */
export function encodeBase64(data: Uint8Array | string): string {
  return Buffer.from(data as Uint8Array).toString('base64')
}

/** The bytes, or null if the text is not base64. */
export function decodeBase64(text: string): Uint8Array | null {
  return form.test(text) ? Buffer.from(text, 'base64') : null
}
