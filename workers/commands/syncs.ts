// Workers: `sluice syncs`: which there are, and from which addresses their clients may connect.

import { listSyncs, setSyncAllow } from '../../src/store/syncs.ts'
import { type Command, readOptions, requiredOption } from './command.ts'

/** In place of ranges: no allowlist. */
const anywhere = 'anywhere'

const list: Command = {
  usage: '',
  run: async (args, { store }) => {
    readOptions(args, [])
    const rows = (await listSyncs(store)).map(({ id, state, platform, schema, allow }) =>
      [id, state, platform, schema, allow?.join(',') ?? anywhere].join('\t')
    )
    return [['id', 'state', 'platform', 'schema', 'clients from'].join('\t'), ...rows]
  },
}

const allow: Command = {
  usage: `--sync <sync> --from <10.0.0.0/8,2001:db8::/32,…>|${anywhere}`,
  run: async (args, { store }) => {
    const options = readOptions(args, ['sync', 'from'])
    const id = requiredOption(options, 'sync')
    const from = requiredOption(options, 'from')
    const ranges = from === anywhere ? null : from.split(',').map((part) => part.trim())
    const kept = await setSyncAllow(store, { id, allow: ranges })
    return [`${id} takes clients from ${kept?.join(', ') ?? anywhere}`]
  },
}

export const syncs = { list, allow }
