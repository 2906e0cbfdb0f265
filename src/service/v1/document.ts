// Room service: the OpenAPI document, made from the routes and their schemas.

import { OpenAPIHono } from '@hono/zod-openapi'
import { insightRoutes } from '../admin/insight-routes.ts'
import { adminRoutes, adminSecurityName } from '../admin/routes.ts'
import { routes, securityName } from './routes.ts'

/** Version of the API, not of Sluice. */
const apiVersion = '1.0.0'

const description =
  `Sluice writes through to SaaS APIs: a write goes to the platform first, and only if the platform ` +
  `accepts it is it committed to your database. This is the same engine as behind the Postgres protocol.\n\n` +
  `Send \`Authorization: Bearer <token>\`; a token is for one sync, and \`sluice tokens create\` makes one. ` +
  `Routes below /v1/admin are for administrators, with tokens of their own (\`sluice tokens create --admin\`). Errors are ` +
  `\`application/problem+json\` with the fault's \`code\` and \`sqlstate\`. Numbers have every digit: read them with a ` +
  `parser that keeps them where you have bigint or numeric columns.`

/** OpenAPI 3.1, as JSON. */
export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>

export function documentOf(): OpenApiDocument {
  const { openAPIRegistry, getOpenAPI31Document } = new OpenAPIHono()
  for (
    const route of [
      ...routes,
      ...Object.values(adminRoutes),
      ...Object.values(insightRoutes),
    ]
  ) {
    openAPIRegistry.registerPath(route)
  }
  openAPIRegistry.registerComponent('securitySchemes', securityName, {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of one sync: `sluice_…`.',
  })
  openAPIRegistry.registerComponent('securitySchemes', adminSecurityName, {
    type: 'http',
    scheme: 'bearer',
    description: "An administrator's token: `sluice_admin_…`.",
  })
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Sluice', version: apiVersion, description },
  })
}
