// Holds the documents that were sent to GitHub's GraphQL API against its published schema.

import { schema as text } from '@octokit/graphql-schema'
import {
  buildSchema,
  getOperationAST,
  getVariableValues,
  type GraphQLSchema,
  parse,
  validate,
} from 'graphql'

let built: GraphQLSchema | undefined

/** What is wrong with a request body `{query, variables}`; empty when it fits. */
export function graphqlErrors(body: string): string[] {
  built ??= buildSchema(text.idl, { assumeValid: true })
  const { query, variables } = JSON.parse(body) as { query: string; variables: object }
  const document = parse(query)
  const errors = validate(built, document).map(({ message }) => message)
  const operation = getOperationAST(document)
  if (operation === null || operation === undefined) return [...errors, 'there is no one operation']
  const values = getVariableValues(built, operation.variableDefinitions ?? [], { ...variables })
  return [...errors, ...(values.errors ?? []).map(({ message }) => message)]
}
