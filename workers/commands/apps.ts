// Workers: `sluice apps`: our OAuth apps at the platforms. The secret comes from SLUICE_SECRET or standard input, never
// from an argument, which every user of the machine can read.

import { listOAuthApps, saveOAuthApp } from '../../src/store/oauth-apps.ts'
import { checkUrl, type Command, platformOption, requiredOption, rowsOf } from './command.ts'
import { readSecret } from '../secret.ts'

const set: Command = async ({ options }, { store }) => {
  const platform = platformOption(options)
  const clientId = requiredOption(options, 'client-id')
  const { 'authorize-url': authorizeUrl, 'token-url': tokenUrl } = options
  for (const [name, url] of Object.entries({ authorizeUrl, tokenUrl })) {
    if (url !== undefined) checkUrl(name === 'tokenUrl' ? '--token-url' : '--authorize-url', url)
  }
  const clientSecret = await readSecret('the client secret')
  await saveOAuthApp(store, {
    platform,
    clientId,
    clientSecret,
    ...(authorizeUrl === undefined ? {} : { authorizeUrl }),
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
  })
  return [`${platform}: app ${clientId} is registered`]
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
