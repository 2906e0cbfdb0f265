// Room console: what every answer says to the browser: nothing from elsewhere, nothing inline, nobody else's frame.

import type { Context } from 'hono'

/** The headers of a page. `formTo`: an origin besides its own that a form may lead to. */
export function pageHeaders(formTo: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      "connect-src 'self'",
      `form-action 'self' ${formTo}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  }
}

/** The answer with these headers, beside those that it and the cookies have. */
export function withHeaders(
  c: Context,
  response: Response,
  headers: Readonly<Record<string, string>>,
): Response {
  for (const [name, value] of Object.entries(headers)) c.header(name, value)
  response.headers.forEach((value, name) => c.header(name, value))
  return c.newResponse(response.body, response.status as 200)
}
