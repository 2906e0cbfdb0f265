// Holds exchanges against an OpenAPI description: path, method, query and body of the request, status and body of the
// answer.

import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { readForm } from './form.ts'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: object
  readonly $ref?: string
}

type Content = Readonly<Record<string, { readonly schema?: object }>>

interface OperationSpec {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Content }
  readonly responses: Readonly<
    Record<string, { readonly content?: Content; readonly $ref?: string }>
  >
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationSpec>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** One request and its answer; `path` is without the platform's prefix and with the query. */
export interface Spoken {
  readonly method: string
  readonly path: string
  readonly requestBody: string
  readonly status: number
  readonly responseBody: string
}

interface Place {
  /** As JSON pointers name it. */
  readonly pointer: string
  readonly operation: OperationSpec
}

export class Description {
  readonly #spec: OpenApi
  readonly #strict: Ajv2020
  /** For queries and forms, in which everything is text. */
  readonly #lenient: Ajv2020
  readonly #templates: readonly { template: string; pattern: RegExp }[]
  readonly #compiled = new Map<string, ValidateFunction>()

  constructor(spec: OpenApi) {
    this.#spec = withoutNullable(spec) as OpenApi
    const make = (coerceTypes: boolean): Ajv2020 => {
      const ajv = new Ajv2020({
        strict: false,
        coerceTypes,
        validateSchema: false,
        logger: false,
        allErrors: false,
      })
      const add = formats as unknown as (ajv: Ajv2020) => void
      add(ajv)
      ajv.addSchema(this.#spec as unknown as AnySchema, 'spec')
      return ajv
    }
    this.#strict = make(false)
    this.#lenient = make(true)
    this.#templates = Object.keys(spec.paths)
      .map((template) => ({ template, pattern: patternOf(template) }))
      .toSorted((a, b) => literals(b.template) - literals(a.template))
  }

  /** What is wrong with the request; empty when it fits. */
  request({ method, path, requestBody }: Spoken): string[] {
    const [where = '', query = ''] = path.split('?', 2)
    const place = this.#find(method, where)
    if (place === undefined) return [`${method} ${where} is not described`]
    return [...this.#query(place, query), ...this.#body(place, requestBody)]
  }

  /** What is wrong with the answer; empty when it fits or its status is not described. */
  response({ method, path, status, responseBody }: Spoken): string[] {
    const place = this.#find(method, path.replace(/\?.*/, ''))
    if (place === undefined || status === 0) return []
    const { responses } = place.operation
    const key = responses[String(status)] === undefined ? 'default' : String(status)
    const response = this.#resolved(responses[key])
    if (response === undefined) return []
    const { pointer, value } = response(`${place.pointer}/responses/${key}`)
    const content = value.content?.['application/json']
    if (content?.schema === undefined) {
      return responseBody === '' || content !== undefined ? [] : ['the answer must be empty']
    }
    const schema = `${pointer}/content/application~1json/schema`
    return this.#check(schema, JSON.parse(responseBody), { lenient: false })
  }

  #resolved<T extends { readonly $ref?: string }>(value: T | undefined) {
    if (value === undefined) return undefined
    const { $ref } = value
    return (pointer: string): { pointer: string; value: T } =>
      $ref === undefined ? { pointer, value } : { pointer: $ref.slice(1), value: this.#at($ref) }
  }

  #at<T>(reference: string): T {
    const steps = reference.slice(2).split('/').map((step) =>
      step.replaceAll('~1', '/').replaceAll('~0', '~')
    )
    return steps.reduce<unknown>(
      (at, step) => (at as Record<string, unknown>)[step],
      this.#spec,
    ) as T
  }

  #find(method: string, path: string): Place | undefined {
    const wanted = path.replace(/(.)\/$/, '$1')
    for (const { template, pattern } of this.#templates) {
      const operation = this.#spec.paths[template]?.[method.toLowerCase()]
      if (operation === undefined || !pattern.test(wanted)) continue
      const escaped = template.replaceAll('~', '~0').replaceAll('/', '~1')
      return { pointer: `/paths/${escaped}/${method.toLowerCase()}`, operation }
    }
    return undefined
  }

  #query({ operation }: Place, query: string): string[] {
    const known = (operation.parameters ?? [])
      .map((one) => one.$ref === undefined ? one : this.#at<Parameter>(one.$ref))
      .filter((one) => one.in === 'query')
    const given = new URLSearchParams(query)
    const names = new Set([...given.keys()].map((name) => name.replace(/\[.*/, '')))
    const unknown = [...names].filter((name) => !known.some((one) => one.name === name))
    const missing = known.filter(({ name, required }) => required === true && !names.has(name))
    const wrong = known.flatMap(({ name, schema }) => {
      const value = given.get(name)
      if (value === null || schema === undefined) return []
      const data = { value }
      const check = this.#lenient.compile({ type: 'object', properties: { value: schema } })
      return check(data) || given.getAll(name).length > 1 ? [] : [`${name}=${value} does not fit`]
    })
    return [
      ...unknown.map((name) => `the query has an unknown parameter ${name}`),
      ...missing.map(({ name }) => `the query lacks ${name}`),
      ...wrong,
    ]
  }

  #body({ operation, pointer }: Place, body: string): string[] {
    const { requestBody } = operation
    if (requestBody === undefined) return body === '' ? [] : ['the request must have no body']
    if (body === '') return requestBody.required === true ? ['the request lacks its body'] : []
    const [type = ''] = Object.keys(requestBody.content)
    const schema = `${pointer}/requestBody/content/${type.replaceAll('/', '~1')}/schema`
    const form = type === 'application/x-www-form-urlencoded'
    const data: unknown = form ? readForm(body) : JSON.parse(body)
    return [...this.#check(schema, data, { lenient: form }), ...this.#unknown(schema, data)]
  }

  /** Members of the body that the description does not have: the platform would refuse or ignore them. */
  #unknown(pointer: string, data: unknown): string[] {
    let schema = this.#at<Record<string, unknown>>(`#${pointer}`)
    if (typeof schema['$ref'] === 'string') schema = this.#at(schema['$ref'])
    const { properties } = schema
    if (typeof properties !== 'object' || properties === null || schema['additionalProperties']) {
      return []
    }
    return Object.keys(data as object).filter((name) => !Object.hasOwn(properties, name))
      .map((name) => `the body has an unknown member ${name}`)
  }

  #check(pointer: string, data: unknown, { lenient }: { lenient: boolean }): string[] {
    const key = `${lenient} ${pointer}`
    const ajv = lenient ? this.#lenient : this.#strict
    const check = this.#compiled.get(key) ?? ajv.compile({ $ref: `spec#${encodeURI(pointer)}` })
    this.#compiled.set(key, check)
    if (check(data)) return []
    return (check.errors ?? []).slice(0, 3)
      .map(({ instancePath, message, params }) =>
        `${instancePath} ${message} ${JSON.stringify(params)}`
      )
  }
}

function patternOf(template: string): RegExp {
  const parts = template.split(/\{[^}]+\}/).map((part) => part.replace(/[.*+?^$()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^/]+')}$`)
}

/** Characters that are not parameters: of two templates that fit, the more literal one is meant. */
function literals(template: string): number {
  return template.replaceAll(/\{[^}]+\}/g, '').length
}

/** OpenAPI 3.0 says `nullable` where JSON Schema says that the type is null too. */
function withoutNullable(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutNullable)
  if (typeof node !== 'object' || node === null) return node
  const { nullable, ...rest } = node as Record<string, unknown>
  const plain = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, withoutNullable(value)]),
  )
  return nullable === true ? { anyOf: [plain, { type: 'null' }] } : plain
}
