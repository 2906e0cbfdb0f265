// Room console: connecting an account: with OAuth, a key, or an installation of an app.

import { ApiProblem } from './api.ts'
import { accountPage } from './create.ts'
import { type Html, html, nothing, pathOf, withQuery } from './html.ts'
import { notice } from './parts.ts'
import { page } from './view.ts'
import { type Answer, seeOther, text, type Visit, words } from './visit.ts'

function settingsOf(platform: string, given: string): Record<string, unknown> | undefined {
  if (platform === 'airtable') return { base: given }
  return platform === 'github' ? { repositories: words(given) } : undefined
}

/** POST /console/new/account */
export async function connectAccount(visit: Visit): Promise<Answer> {
  const { form: given, view } = visit
  const id = text(given, 'id')
  try {
    if (text(given, 'how') === 'oauth') return await link(visit, id)
    await visit.api.send('PUT', ['connections', id], { body: credentialOf(given) })
    return seeOther(withQuery(pathOf(view.base, 'new', 'database'), { connection: id }))
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status >= 500) throw error
    const { message, detail, hint } = error
    return await accountPage(
      visit,
      notice({ tone: 'bad', title: message, body: html`${paragraph(detail)}${paragraph(hint)}` }),
    )
  }
}

function paragraph(words: string | null): Html {
  return words === null || words === '' ? nothing : html`
    <p>${words}</p>
  `
}

function targetOf(given: URLSearchParams) {
  const platform = text(given, 'platform')
  const baseUrl = text(given, 'baseUrl')
  const chosen = settingsOf(platform, text(given, 'settings'))
  return {
    platform,
    ...(baseUrl === '' ? {} : { baseUrl }),
    ...(chosen === undefined ? {} : { settings: chosen }),
  }
}

function credentialOf(given: URLSearchParams) {
  if (text(given, 'how') !== 'app') return { ...targetOf(given), key: text(given, 'key') }
  const [appId, installationId, privateKey] = ['appId', 'installationId', 'privateKey']
    .map((name) => text(given, name))
  return { ...targetOf(given), app: { appId, installationId, privateKey } }
}

/** A link that the browser follows; it comes back to `backPage`. */
async function link(visit: Visit, id: string): Promise<Answer> {
  const returnTo = withQuery(pathOf(visit.view.base, 'back'), { connection: id })
  const { body } = await visit.api.send<{ url: string }>('POST', ['connections', id, 'link'], {
    body: { ...targetOf(visit.form), returnTo },
  })
  return seeOther(body.url)
}

/** GET /console/back?connection=: after the platform; the cookie comes along with the next request only. */
export function backPage(
  { view, c }: Pick<Visit, 'view' | 'c'>,
): Html {
  const to = withQuery(pathOf(view.base, 'new', 'database'), {
    connection: c.req.query('connection') ?? '',
  })
  return page({ ...view, csrf: '' }, {
    title: 'Connected',
    at: null,
    body: html`
      <div class="narrow">
        <h1>Connected</h1>
        <p><a class="button primary" href="${to}">Go on</a></p>
      </div>
    `,
  })
}
