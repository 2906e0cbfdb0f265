// Room sandbox: GitHub's published GraphQL schema. It is large, so it is read when the first query comes.

import { readFileSync } from 'node:fs'
import { buildSchema, type GraphQLSchema } from 'graphql'

let built: GraphQLSchema | null = null

/** The schema, as the npm package @octokit/graphql-schema has it. */
export function githubSchema(): GraphQLSchema {
  built ??= buildSchema(readFileSync(schemaFile(), 'utf8'), {
    assumeValid: true,
    noLocation: true,
  })
  return built
}

/** The package exports only its own code, which reads far more than the schema. */
function schemaFile(): URL {
  return new URL('./schema.graphql', import.meta.resolve('@octokit/graphql-schema'))
}
