// Workers: `sluice syncs`: all that is done with syncs; here which there are, and from which addresses their clients come.

import { listSyncs, setSyncAllow } from '../../src/store/syncs.ts'
import { type Command, requiredOption, rowsOf } from './command.ts'
import {
  addTable,
  password,
  pause,
  removeTable,
  repair,
  resume,
  resync,
  revoke,
  webhookSecret,
} from './syncs-more.ts'
import { apply, create, drop, schema } from './syncs-setup.ts'
import { status } from './syncs-status.ts'

/** In place of ranges: no allowlist. */
const anywhere = 'anywhere'

const list: Command = async (_given, { store }) =>
  rowsOf(await listSyncs(store), {
    id: ({ id }) => id,
    state: ({ state }) => state,
    platform: ({ platform }) => platform,
    schema: ({ schema }) => schema,
    'clients from': ({ allow }) => allow ?? anywhere,
  })

const allow: Command = async ({ options }, { store }) => {
  const id = requiredOption(options, 'sync')
  const from = requiredOption(options, 'from')
  const ranges = from === anywhere ? null : from.split(',').map((part) => part.trim())
  const kept = await setSyncAllow(store, { id, allow: ranges })
  return [`${id} takes clients from ${kept?.join(', ') ?? anywhere}`]
}

export const syncs = {
  create,
  apply,
  schema,
  list,
  status,
  allow,
  password,
  revoke,
  pause,
  resume,
  resync,
  'add-table': addTable,
  'remove-table': removeTable,
  repair,
  'webhook-secret': webhookSecret,
  drop,
}
