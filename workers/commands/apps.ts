// Workers: `sluice apps`: our OAuth apps at the platforms. The secret comes from SLUICE_SECRET or standard input, never
// from an argument, which every user of the machine can read.

import { listOAuthApps, saveOAuthApp } from '../../src/store/oauth-apps.ts'
import { type Finding, findingLines, warn } from '../../src/sync/checks.ts'
import { type AppCandidate, tryApp } from '../../src/sync/setup-trial.ts'
import {
  checkUrl,
  type Command,
  type CommandDeps,
  platformOption,
  requiredOption,
  rowsOf,
} from './command.ts'
import { readSecret } from '../secret.ts'
import { openAdmin } from './syncs-deps.ts'

const set: Command = async ({ options, flags }, deps) => {
  const platform = platformOption(options)
  const clientId = requiredOption(options, 'client-id')
  const { 'authorize-url': authorizeUrl, 'token-url': tokenUrl } = options
  for (const [name, url] of Object.entries({ authorizeUrl, tokenUrl })) {
    if (url !== undefined) checkUrl(name === 'tokenUrl' ? '--token-url' : '--authorize-url', url)
  }
  const clientSecret = await readSecret('the client secret')
  const app = { platform, clientId, clientSecret, ...(tokenUrl === undefined ? {} : { tokenUrl }) }
  const told = flags.has('unchecked')
    ? warn('app', `${platform} was not asked`, 'Whoever connects an account will see.')
    : await tried(deps, app)
  const more = authorizeUrl === undefined ? {} : { authorizeUrl }
  await saveOAuthApp(deps.store, { ...app, ...more })
  const what = `${platform}: app ${clientId} is registered`
  return told.level === 'ok' ? [`${what}: ${told.about}`] : [what, ...findingLines([told])]
}

/** What the platform refuses is not kept. */
async function tried({ store, local }: CommandDeps, app: AppCandidate): Promise<Finding> {
  const opened = openAdmin(store, { local, publicUrl: null })
  try {
    return await tryApp(opened.deps, app)
  } finally {
    await opened.close()
  }
}

const list: Command = async (_given, { store }) =>
  rowsOf(await listOAuthApps(store), {
    platform: ({ platform }) => platform,
    'client id': ({ clientId }) => clientId,
    secret: ({ hasSecret }) => hasSecret ? 'set' : 'none',
    'authorize url': ({ authorizeUrl }) => authorizeUrl,
    'token url': ({ tokenUrl }) => tokenUrl,
  })

export const apps = { set, list }
