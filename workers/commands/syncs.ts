// Workers: `sluice syncs`: all that is done with syncs; here which there are, and from which addresses their clients come.

import { allowOf, anywhere, listSyncs, setSyncAllow } from '../../src/store/syncs.ts'
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

const list: Command = async (_given, { store }) => {
  const all = (await listSyncs(store)).map((sync) => ({ ...sync, state: stateWord(sync.state) }))
  return rowsOf(all, {
    id: ({ id }) => id,
    state: ({ state }) => state,
    platform: ({ platform }) => platform,
    schema: ({ schema }) => schema,
    'clients from': ({ allow }) => allow ?? anywhere,
  })
}

/** As `syncs status`, the HTTP API and the console say it. */
function stateWord(state: 'active' | 'disabled'): 'active' | 'paused' {
  return state === 'active' ? state : 'paused'
}

const allow: Command = async ({ options }, { store }) => {
  const id = requiredOption(options, 'sync')
  const kept = await setSyncAllow(store, { id, allow: allowOf(requiredOption(options, 'from')) })
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
