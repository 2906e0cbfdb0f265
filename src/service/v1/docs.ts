// Room service: the OpenAPI document as a page to read. No script, nothing from elsewhere; everything is escaped.

import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'
import type { OpenApiDocument } from './document.ts'

type Html = ReturnType<typeof html>

/** The parts of OpenAPI that the page shows. */
interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly format?: string
  readonly example?: unknown
}

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly description?: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema?: Schema
    readonly description?: string
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string
        readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
      }
    >
  >
}

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
code, .path { font-family: ui-monospace, monospace; font-size: .92em }
section { border-top: 1px solid #ccc; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #eee }
h3 { margin: 1rem 0 0; font-size: 1rem }
.method { text-transform: uppercase; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #16181c }
  a { color: #8ab4f8 } section, th, td { border-color: #3a3d44 } }`

/** The page's Content-Security-Policy: its own style and nothing else. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${
  createHash('sha256').update(style).digest('base64')
}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** The whole page. */
export function docsPage(document: OpenApiDocument): Html {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) =>
      operationSection({ path, method, operation: operation as Operation })
    )
  )
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>)
  const { title, version, description = '' } = document.info
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>${title} HTTP API</title>
        <style>${raw(style)}</style>
      </head>
      <body>
    <h1>${title} HTTP API <small>${version}</small></h1>
    ${description.split('\n\n').map((part) => html`<p>${prose(part)}</p>`)}
    <p>For programs: <a href="/openapi.json">openapi.json</a>.</p>
    ${operations}
    <h2>Schemas</h2>
    ${schemas.map(schemaSection)}
      </body>
    </html>
  `
}

function operationSection(
  { path, method, operation }: { path: string; method: string; operation: Operation },
): Html {
  const { operationId = '', summary = '', description = '', parameters = [] } = operation
  const body = Object.entries(operation.requestBody?.content ?? {})
  return html`
    <section id="${operationId}">
    <h2>${summary}</h2>
    <p class="path"><span class="method">${method}</span> ${path}</p>
    <p>${prose(description)}</p>
    ${parameters.length === 0 ? '' : html`<h3>Parameters</h3>
<table>${
      parameters.map(({ name, in: where, required, schema, description: about }) =>
        html`
          <tr>
            <td><code>${name}</code></td>
            <td>${where}${required ? ', required' : ''}</td>
            <td>${typeName(schema ?? {})}</td>
            <td>${prose(about ?? schema?.description ?? '')}</td>
          </tr>
        `
      )
    }</table>`}
    ${body.map(([type, { schema }]) =>
      html`
        <h3>Body</h3>
        <p><code>${type}</code>: ${typeName(schema)}</p>
      `
    )}
    <h3>Answers</h3>
    <table>${Object.entries(operation.responses).map(([status, response]) =>
      html`
        <tr>
          <td>${status}</td>
          <td>${Object.values(response.content ?? {}).map(({ schema }) => typeName(schema))}</td>
          <td>${prose(response.description)}</td>
        </tr>
      `
    )}</table>
    </section>
  `
}

function schemaSection([name, schema]: [string, Schema]): Html {
  const properties = Object.entries(schema.properties ?? {})
  return html`
    <section id="${schemaId(name)}">
    <h2>${name}</h2>
    <p>${prose(schema.description ?? '')}</p>
    ${properties.length === 0 ? '' : html`<table>${
      properties.map(([property, value]) =>
        html`
          <tr>
            <td><code>${property}</code></td>
            <td>${typeName(value)}${schema.required?.includes(property) ? '' : ', optional'}</td>
            <td>${prose(value.description ?? '')}</td>
          </tr>
        `
      )
    }</table>`}
    ${schema.example === undefined
      ? ''
      : html`<p>Example: <code>${JSON.stringify(schema.example)}</code></p>`}
    </section>
  `
}

const schemaId = (name: string): string => `schema-${name}`

/** What a value is, with a link where it has a name. */
function typeName(schema: Schema): Html {
  const name = schema.$ref?.split('/').at(-1)
  if (name !== undefined) return html`<a href="#${schemaId(name)}">${name}</a>`
  if (schema.items !== undefined) return html`list of ${typeName(schema.items)}`
  if (schema.enum !== undefined) return html`${schema.enum.map(String).join(', ')}`
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.join(' or ')
  return html`${schema.format ?? type ?? 'any'}`
}

/** Text in which \`…\` is code. */
function prose(text: string): (Html | string)[] {
  return text.split('`').map((part, index) => index % 2 === 1 ? html`<code>${part}</code>` : part)
}
