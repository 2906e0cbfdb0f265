// Room sandbox: POST /graphql, carried out against GitHub's published schema. Whatever becomes of a query, the answer has
// status 200; mutations are carried out one after the other, and one that fails leaves the others be.

import {
  type DocumentNode,
  executeSync,
  GraphQLError,
  type GraphQLResolveInfo,
  parse,
  validate,
} from 'graphql'
import { isObject, type Json, JsonNumber, type JsonObject, JsonSyntaxError } from '../../json.ts'
import { parseJson } from '../../json.ts'
import type { PullIssue } from '../acts/pulls.ts'
import type { Quota } from '../access/quota.ts'
import type {
  Account,
  Comment,
  Issue,
  Label,
  Milestone,
  Release,
  Repository,
} from '../state/model.ts'
import type { Session } from '../state/session.ts'
import type { Arguments, Context, Resolver } from './context.ts'
import { failureOf, GraphFailure } from './failure.ts'
import {
  commentFields,
  issueFields,
  labelFields,
  milestoneFields,
  pullFields,
  releaseFields,
} from './issue_fields.ts'
import { mutations } from './mutations.ts'
import { accountFields, queryFields, repositoryFields } from './place_fields.ts'
import { operationOf, type Price, priceOf } from './price.ts'
import { githubSchema } from './schema.ts'

/** A query that has been read and found to fit the schema, or the answer to one that does not. */
export type Prepared =
  | {
    readonly ok: true
    readonly run: (session: Session, quota: Quota) => Json
    readonly price: Price
  }
  | { readonly ok: false; readonly status: number; readonly body: Json }

/** Reads the body of a request to the GraphQL door. */
export function prepare(text: string): Prepared {
  const body = bodyOf(text)
  if (body === null) {
    return refusedBody('Problems parsing JSON')
  }
  const { query, operationName } = body
  if (typeof query !== 'string') {
    return refusedBody('A query attribute must be specified and must be a string.')
  }
  const variables = isObject(body['variables']) ? plain(body['variables']) as Arguments : {}
  const name = typeof operationName === 'string' ? operationName : null
  const document = documentOf(query)
  if (document instanceof GraphQLError) return unfit([document])
  const errors = validate(githubSchema(), document)
  if (errors.length > 0) return unfit(errors)
  const operation = operationOf(document, name)
  if (operation === undefined) {
    return unfit([new GraphQLError('No operation named ' + (name ?? ''))])
  }
  const price = priceOf(document, operation, variables)
  const run = (session: Session, quota: Quota) =>
    execute(document, { session, quota, price }, { variables, name })
  return { ok: true, run, price }
}

function refusedBody(message: string): Prepared {
  const docs = 'https://docs.github.com/graphql'
  return { ok: false, status: 400, body: { message, documentation_url: docs, status: '400' } }
}

function documentOf(query: string): DocumentNode | GraphQLError {
  try {
    return parse(query)
  } catch (error) {
    if (error instanceof GraphQLError) return error
    throw error
  }
}

function unfit(errors: readonly GraphQLError[]): Prepared {
  return { ok: false, status: 200, body: { data: null, errors: errors.map(showUnfit) } }
}

function execute(
  document: DocumentNode,
  { session, quota, price }: {
    readonly session: Session
    readonly quota: Quota
    readonly price: Price
  },
  { variables, name }: { readonly variables: Arguments; readonly name: string | null },
): Json {
  const { cost, nodeCount } = price
  const context: Context = { session, quota, price: { cost, nodeCount } }
  const { data, errors } = executeSync({
    schema: githubSchema(),
    document,
    contextValue: context,
    variableValues: variables,
    operationName: name,
    fieldResolver: resolve,
    typeResolver: (source) => (source as { readonly type: string }).type,
  })
  return {
    data: (data ?? null) as Json,
    ...(errors === undefined ? {} : { errors: errors.map(showError) }),
  }
}

/** Answers every field, by its type and name; what there is no answer for is said to be so, and never null. */
function resolve(
  source: unknown,
  args: Arguments,
  context: Context,
  info: GraphQLResolveInfo,
): unknown {
  const { fieldName, parentType } = info
  try {
    if (parentType.name === 'Mutation') return mutate(fieldName, args, context)
    const resolver = resolverOf(source, parentType.name, fieldName)
    if (resolver !== null) return resolver(args, context, info)
    if (typeof source === 'object' && source !== null && !('nodeId' in source)) {
      const value = (source as Arguments)[fieldName]
      if (value !== undefined) return value
    }
    const message = `The sandbox does not answer ${parentType.name}.${fieldName}`
    throw new GraphFailure('NOT_IN_SANDBOX', message)
  } catch (error) {
    throw failureOf(error)
  }
}

type Answer = (args: Arguments, context: Context, info: GraphQLResolveInfo) => unknown

function resolverOf(source: unknown, type: string, field: string): Answer | null {
  const bound = <T>(resolver: Resolver<T> | undefined): Answer | null =>
    resolver === undefined
      ? null
      : (args, context, info) => resolver(source as T, args, context, info)
  switch (type) {
    case 'Query':
      return bound(queryFields[field])
    case 'User':
    case 'Organization':
    case 'Bot':
      return bound<Account>(accountFields[field])
    case 'Repository':
      return bound<Repository>(repositoryFields[field])
    case 'Issue':
      return bound<Issue>(issueFields[field])
    case 'PullRequest':
      return bound<PullIssue>(pullFields[field])
    case 'Label':
      return bound<Label>(labelFields[field])
    case 'Milestone':
      return bound<Milestone>(milestoneFields[field])
    case 'IssueComment':
      return bound<Comment>(commentFields[field])
    case 'Release':
      return bound<Release>(releaseFields[field])
    default:
      return null
  }
}

function mutate(name: string, args: Arguments, context: Context): object {
  const mutation = mutations[name]
  if (mutation === undefined) {
    throw new GraphFailure('NOT_IN_SANDBOX', `The sandbox does not answer Mutation.${name}`)
  }
  const input = args['input'] as Arguments
  if (mutation.creates === true && context.quota.admitContent() !== null) {
    throw new GraphFailure('UNPROCESSABLE', 'was submitted too quickly')
  }
  return { ...mutation.run(input, context), clientMutationId: input['clientMutationId'] ?? null }
}

function showError(error: GraphQLError): Json {
  const { originalError, message, path, locations } = error
  const failure = originalError instanceof GraphFailure ? originalError : null
  if (failure === null && originalError !== undefined && !(originalError instanceof GraphQLError)) {
    throw originalError // a fault of the sandbox
  }
  const forbidden = failure?.type === 'FORBIDDEN' ? { extensions: { saml_failure: false } } : {}
  return {
    ...(failure === null ? {} : { type: failure.type }),
    ...(path === undefined ? {} : { path: [...path] }),
    ...forbidden,
    ...(locations === undefined
      ? {}
      : { locations: locations.map(({ line, column }) => ({ line, column })) }),
    message,
  }
}

/** GitHub has its own words for a field that is not there. */
function showUnfit({ message, locations = [] }: GraphQLError): Json {
  const [, fieldName, typeName] = /^Cannot query field "(\w+)" on type "(\w+)"/.exec(message) ?? []
  const unknown = fieldName !== undefined && typeName !== undefined
  return {
    ...(unknown ? { extensions: { code: 'undefinedField', typeName, fieldName } } : {}),
    locations: locations.map(({ line, column }) => ({ line, column })),
    message: unknown ? `Field '${fieldName}' doesn't exist on type '${typeName}'` : message,
  }
}

function bodyOf(text: string): JsonObject | null {
  try {
    const body = parseJson(text)
    return isObject(body) ? body : null
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null
    throw error
  }
}

/** JSON as graphql wants its variables: with JavaScript's numbers. */
function plain(value: Json): unknown {
  if (value instanceof JsonNumber) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
}
