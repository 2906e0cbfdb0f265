// Room console: what went wrong, as a page.

import { ApiProblem } from './api.ts'
import { type Html, html, nothing } from './html.ts'
import { page, type View } from './view.ts'
import { FormError } from './visit.ts'

export interface Trouble {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly hint: string | null
}

/** In words for whoever sees it. Null: nobody has foreseen it, and the log has it. */
export function troubleOf(error: unknown): Trouble | null {
  if (error instanceof ApiProblem) {
    const { status, message: title, detail, hint } = error
    return { status, title, detail, hint }
  }
  if (error instanceof FormError) {
    return { status: 400, title: error.message, detail: '', hint: 'Go back and try again.' }
  }
  return null
}

/** The page. */
export function problemPage(view: View, { status, title, detail, hint }: Trouble): Html {
  return page(view, {
    title,
    at: null,
    body: html`
      <div
        class="narrow"><p class="muted">${status}</p><h1>${title}</h1>${detail === ''
          ? nothing
          : html`<p class="said">${detail}</p>`}${hint === null
          ? nothing
          : html`<p class="said"><strong>Hint</strong> ${hint}</p>`}<p><a class="button" href="${view
          .base}">Back to the syncs</a></p></div>
    `,
  })
}
