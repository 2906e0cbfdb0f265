// Room sandbox: what Airtable says of its bases and tables. https://airtable.com/developers/web/api/get-base-schema

import type { JsonObject } from '../json.ts'
import { type Reply, reply } from './call.ts'
import type { Field, Table } from './field.ts'
import { baseId, baseName, tables } from './schema.ts'

/** GET /v0/meta/bases */
export function listBases(): Reply {
  return reply(200, { bases: [{ id: baseId, name: baseName, permissionLevel: 'create' }] })
}

/** GET /v0/meta/bases/{base}/tables */
export function listTables(): Reply {
  return reply(200, { tables: tables.map(renderTable) })
}

/** GET /v0/meta/whoami */
export function whoAmI(): Reply {
  return reply(200, {
    id: 'usrSandbox0000001',
    scopes: ['data.records:read', 'data.records:write', 'schema.bases:read', 'webhook:manage'],
  })
}

function renderTable({ id, name, fields, view }: Table): JsonObject {
  return {
    id,
    name,
    primaryFieldId: fields[0]?.id ?? '',
    fields: fields.map(renderField),
    views: [{ ...view, type: 'grid' }],
  }
}

function renderField({ id, name, type, options }: Field): JsonObject {
  return { id, name, type, ...(options === null ? {} : { options }) }
}
