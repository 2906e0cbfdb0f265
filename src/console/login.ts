// Room console: the page on which an administrator logs in.

import { type Html, html, nothing, pathOf } from './html.ts'
import { field, notice } from './parts.ts'
import { form, page, type View } from './view.ts'

export interface LoginParts {
  /** Why it did not work before; null: this is the first try. */
  readonly problem: string | null
  /** Where to go afterwards: a path of the console. */
  readonly next: string
  /** What proves that the form is ours. */
  readonly offer: string
}

/** The page. */
export function loginPage(view: View, { problem, next, offer }: LoginParts): Html {
  return page(view, {
    title: 'Log in',
    at: null,
    body: html`<div class="narrow"><h1>Log in</h1>
${problem === null ? nothing : notice({ tone: 'bad', title: problem })}
${
      form({ csrf: offer }, {
        action: pathOf(view.base, 'login'),
        className: 'stack',
        hidden: { next },
        body: html`${
          field({
            id: 'token',
            label: 'Administrator’s token',
            type: 'password',
            required: true,
            autofocus: true,
            hint:
              html`It begins with <code>sluice_admin_</code>; <code>sluice tokens create --admin</code> makes one, and <code>npm start</code> prints one for trying out.`,
          })
        }<button class="primary">Log in</button>`,
      })
    }</div>`,
  })
}

/** Only paths of the console are gone to after the login. */
export function safeNext(base: string, next: string): string {
  return next.startsWith(`${base}/`) && !/[\\\s]|\/\//.test(next) ? next : base
}

/**
 * What a browser is shown that comes from another site: its cookie did not come along, and does with the next request, which
 * begins here.
 */
export function bouncePage(view: View, to: string): Html {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>Sluice</title>
        <meta http-equiv="refresh" content="0;url=${to}">
        <link rel="stylesheet" href="${pathOf(view.base, 'assets', view.assets.style.name)}">
      </head>
      <body>
        <main class="narrow">
          <p><a href="${to}">Go on to the console</a></p>
        </main>
      </body>
    </html>
  `
}
