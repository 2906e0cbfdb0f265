// Workers: `sluice databases`: which there are, and how they are reached.

import { findingLines, isFailed } from '../../src/sync/checks.ts'
import { type Command, requiredOption, revealed, rowsOf } from './command.ts'
import { bastionIn } from './syncs-bastion.ts'
import { caOf, withAdmin } from './syncs-setup.ts'

const list: Command = async (_given, deps) =>
  rowsOf(await withAdmin(deps, {}, (admin) => admin.databases()), {
    id: ({ id }) => id,
    place: ({ place }) => place,
    'role of clients': ({ role }) => role,
    owner: ({ owner }) => owner,
    hosted: ({ hosted }) => hosted ? 'hosted' : null,
    syncs: ({ syncs }) => syncs.length === 0 ? null : syncs,
  })

const set: Command = async ({ options }, deps) => {
  const id = requiredOption(options, 'database')
  const { 'database-url': url, 'login-url': loginUrl } = options
  return await withAdmin(deps, {}, async (admin) => {
    const findings = await admin.changeDatabase(id, {
      ...url === undefined ? {} : { url: revealed(url) },
      ...loginUrl === undefined ? {} : { loginUrl: revealed(loginUrl) },
      ...caOf(options),
      ...bastionIn(options),
    })
    const failed = isFailed(findings)
    const last = failed ? 'Nothing was changed.' : `${id} is reached so from now on.`
    return { lines: [...findingLines(findings), last], exitCode: failed ? 1 : 0 }
  })
}

export const databases = { list, set }
