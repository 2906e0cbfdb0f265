// Room service: what a browser sees before and after an authorization. No script, nothing from elsewhere; all is escaped.

import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
h1 { font-size: 1.4rem } code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #16181c } a { color: #8ab4f8 } }`

/** The headers of every page: its own style and nothing else, kept by nobody, and its address told to nobody. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${
    createHash('sha256').update(style).digest('base64')
  }'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export interface PageParts {
  readonly title: string
  readonly lines: readonly string[]
  /** Where to go from here; nowhere when absent. */
  readonly link?: { readonly href: string; readonly text: string }
}

/** The page as HTML. */
export async function page({ title, lines, link }: PageParts): Promise<string> {
  const onward = link === undefined ? '' : html`<p><a href="${link.href}">${link.text}</a></p>`
  return String(
    await html`
      <!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>${title} · Sluice</title>
          <style>${raw(style)}</style>
        </head>
        <body>
      <h1>${title}</h1>
      ${lines.map((line) => html`<p>${line}</p>`)}
      ${onward}
        </body>
      </html>
    `,
  )
}
