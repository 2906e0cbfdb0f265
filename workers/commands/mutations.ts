// Workers: `sluice mutations`: the journal, for whoever wants to know what became of a statement.

import { lifeStates } from '../../src/mutation/life.ts'
import { createSearch } from '../../src/service/admin/search.ts'
import type { Activity } from '../../src/store/activity.ts'
import {
  type Command,
  durationOption,
  numberOption,
  rowsOf,
  UsageError,
  wantsJson,
} from './command.ts'
import { entryLines, entryNamed, told } from './mutations-entry.ts'
import { retry } from './mutations-retry.ts'

const limitUsual = 50
const limitMax = 1_000
const sinceUsual = '24h'

const list: Command = async ({ options }, { store }) => {
  const { sync, table, by, text } = options
  const state = lifeStates.find((known) => known === options['state']) ?? null
  if (options['state'] !== undefined && state === null) {
    throw new UsageError(`--state is one of ${lifeStates.join(', ')}`)
  }
  const { mutations: found } = await createSearch(store)({
    syncId: sync ?? null,
    state,
    table: table ?? null,
    operation: null,
    by: by ?? null,
    text: text ?? null,
    sinceMs: durationOption(options, 'since', { otherwise: sinceUsual }),
    after: null,
    limit: numberOption(options, 'limit', { otherwise: limitUsual, min: 1, max: limitMax }),
  })
  return rowsOf(found.map((each) => ({ ...each, fault: told(each.fault) })), {
    id: ({ id }) => id,
    received: ({ receivedAt }) => `${receivedAt.slice(0, 19)}Z`,
    sync: ({ sync }) => sync,
    table: ({ schema, table }) => `${schema}.${table}`,
    operation: ({ operation }) => operation,
    rows: ({ rows }) => rows,
    by: ({ by }) => by,
    state: ({ state }) => state,
    ms: (each) => tookMs(each),
    fault: ({ fault }) => fault?.code,
  })
}

/** From its receipt to the platform's answer. */
function tookMs({ receivedAt, answeredAt }: Activity): number | null {
  return answeredAt === null ? null : Date.parse(answeredAt) - Date.parse(receivedAt)
}

const show: Command = async (given, deps) => {
  const entry = await entryNamed(deps, given.words)
  return wantsJson(given) ? [JSON.stringify(entry, null, 2)] : entryLines(entry)
}

export const mutations = { list, show, retry }
