// Room console: the frame of every page, and what pages are made with.

import type { Assets } from './assets.ts'
import { type Html, html, nothing, pathOf } from './html.ts'

export type Section = 'syncs' | 'new' | 'mutations' | 'limits' | 'errors'

/** What a page is drawn with. */
export interface View {
  /** Path of the console, without a slash at the end. */
  readonly base: string
  readonly assets: Assets
  /** What every form carries; empty: nobody is logged in. */
  readonly csrf: string
  /** Milliseconds since 1970. */
  readonly now: number
}

export interface PageParts {
  readonly title: string
  readonly at: Section | null
  readonly body: Html
  /** Browsers without script ask again after so long. */
  readonly refreshSeconds?: number
}

const sections: readonly (readonly [Section, string, string])[] = [
  ['syncs', 'Syncs', ''],
  ['mutations', 'Mutations', 'mutations'],
  ['limits', 'Rate limits', 'limits'],
  ['errors', 'Errors', 'errors'],
]

/** A whole page. */
export function page(view: View, { title, at, body, refreshSeconds }: PageParts): Html {
  const { style, script, icon } = view.assets
  const asset = (name: string) => pathOf(view.base, 'assets', name)
  return html`
    <!doctype html>
    <html lang="en">
      <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="same-origin">
    <title>${title} · Sluice</title>
    <link rel="icon" type="image/svg+xml" href="${asset(icon.name)}">
    <link rel="stylesheet" href="${asset(style.name)}">
    <script src="${asset(script.name)}" defer></script>
    ${refreshSeconds === undefined
      ? nothing
      : html`<noscript><meta http-equiv="refresh" content="${refreshSeconds}"></noscript>`}
      </head>
      <body>
    <a class="skip" href="#main">Skip to content</a>
    ${header(view, at)}
    <main id="main" tabindex="-1">${body}</main>
    <div id="said" class="visually-hidden" role="status" aria-live="polite"></div>
      </body>
    </html>
  `
}

function header(view: View, at: Section | null): Html {
  const { base, csrf } = view
  const brand = html`<a class="brand" href="${base}">${mark()}<span>Sluice</span></a>`
  if (csrf === '') {
    return html`
      <header class="top">
        <div>${brand}</div>
      </header>
    `
  }
  return html`
    <header class="top">
      <div>${brand}
    <nav aria-label="Main"><ul>${sections.map(([section, text, path]) =>
      html`<li><a href="${path === '' ? base : pathOf(base, path)}"${
        section === at
          ? html`
            aria-current="page"
          `
          : nothing
      }>${text}</a></li>`
    )}</ul></nav>
    <div class="top-end"><a class="button small" href="${pathOf(base, 'new')}"${at === 'new'
      ? html`
        aria-current="page"
      `
      : nothing}>New sync</a>${form(view, {
        action: pathOf(base, 'logout'),
        body: html`<button class="quiet small">Log out</button>`,
      })}</div></div>
    </header>
  `
}

function mark(): Html {
  return html`
    <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <rect x="1" y="1" width="18" height="18" rx="4" class="mark-box" />
      <path d="M4 8h5v5h7M4 12h3M12 8h4" class="mark-line" />
    </svg>
  `
}

export interface FormParts {
  readonly action: string
  readonly body: Html
  readonly className?: string
  readonly hidden?: Readonly<Record<string, string>>
  readonly label?: string
}

/** A form that is posted, with what proves that it is ours. */
export function form(
  { csrf }: Pick<View, 'csrf'>,
  { action, body, className, hidden = {}, label }: FormParts,
): Html {
  return html`
    <form method="post" action="${action}" ${className === undefined ? nothing : html`
      class="${className}"
    `}${label === undefined ? nothing : html`
      aria-label="${label}"
    `}
      autocomplete="off">${hiddenInput('csrf', csrf)}${Object.entries(hidden).map(([name, value]) =>
        hiddenInput(name, value)
      )}${body}</form>
  `
}

function hiddenInput(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}">`
}
