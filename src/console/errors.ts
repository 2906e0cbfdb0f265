// Room console: the catalogue of errors, and how often each was met lately.

import { catalogue, type CatalogueEntry } from '../mutation/fault.ts'
import { html, pathOf, withQuery } from './html.ts'
import { table } from './parts.ts'
import type { Figures } from './shapes.ts'
import { page } from './view.ts'
import type { Answer, Visit } from './visit.ts'
import { number } from './words.ts'

const minutes = 24 * 60

const retries: Readonly<Record<CatalogueEntry['retry'], string>> = {
  no: 'no',
  later: 'yes, later',
  look: 'look first',
}

/** GET /console/errors */
export async function errorsPage({ api, view }: Visit): Promise<Answer> {
  const { faults } = await api.get<Figures>(['figures'], { minutes })
  const counts = new Map(faults.map(({ code, count }) => [code, count]))
  const search = (code: string) =>
    withQuery(pathOf(view.base, 'mutations'), { q: code, since: minutes })
  return page(view, {
    title: 'Errors',
    at: 'errors',
    body: html`
      <div class="head">
        <h1>Errors</h1>
      </div>
      <p
        class="lead">Every failure that a client can meet: as a Postgres error with its SQLSTATE, and over HTTP as a problem of this code. Whoever gets one that says <em>look first</em> looks at the rows before sending the statement again.</p>
      ${table({
        caption: 'The catalogue of errors',
        head: [
          'Code',
          'SQLSTATE',
          { text: 'HTTP', kind: 'num' },
          'Whose',
          'Retry',
          'What it means',
          { text: '24 h', kind: 'num' },
        ],
        rows: Object.entries(catalogue).map(([code, entry]: [string, CatalogueEntry]) => {
          const count = counts.get(code) ?? 0
          return [
            { value: html`<code id="${code}">${code}</code>`, kind: 'row' },
            { value: html`<code>${entry.sqlstate}</code>` },
            { value: String(entry.http), kind: 'num' },
            { value: entry.blame },
            { value: retries[entry.retry] },
            {
              value: html`<span class="said">${
                entry.message.replace('{platform}', 'the platform')
              }</span><br><span class="muted">${entry.about}</span>`,
              kind: 'wide',
            },
            {
              value: count === 0 ? '0' : html`<a href="${search(code)}">${number(count)}</a>`,
              kind: 'num',
            },
          ]
        }),
      })}
    `,
  })
}
