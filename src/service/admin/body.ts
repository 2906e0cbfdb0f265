// Room service: what administrators send, read and checked.

import type { Context } from 'hono'
import type { z } from '@hono/zod-openapi'
import { fault } from '../../mutation/fault.ts'
import { readBody } from '../v1/body.ts'
import { check } from '../v1/check.ts'
import { checkText } from '../v1/lossless.ts'

/** The longest body, in bytes. */
const bodyBytesMax = 1_048_576

/** A part of the path. Throws `bad_request`. */
export function param(c: Context, name: string): string {
  const value = c.req.param(name) ?? ''
  checkText(value, `the ${name}`)
  return value
}

/** The body as the schema has it. Throws `bad_request`, never with what was in it. */
export async function bodyOf<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  const bytes = await readBody(c.req.raw, bodyBytesMax)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw fault('bad_request', { message: 'the body is not JSON' })
  }
  const text = JSON.stringify(value)
  if (text.includes('\\u0000')) {
    throw fault('bad_request', { message: 'the body has a NUL character' })
  }
  return check(schema, value, 'the body')
}
