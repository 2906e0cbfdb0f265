// Workers: `sluice apps`: our OAuth apps at the platforms. The secret comes from SLUICE_SECRET or standard input, never
// from an argument, which every user of the machine can read.

import { listOAuthApps, saveOAuthApp } from '../../src/store/oauth-apps.ts'
import { checkUrl, type Command, platformOption, readOptions, requiredOption } from './command.ts'
import { readSecret } from '../secret.ts'

const set: Command = {
  usage:
    '--platform <platform> --client-id <id> [--authorize-url <url> --token-url <url>] < secret',
  run: async (args, { store }) => {
    const names = ['platform', 'client-id', 'authorize-url', 'token-url']
    const options = readOptions(args, names)
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
  },
}

const list: Command = {
  usage: '',
  run: async (args, { store }) => {
    readOptions(args, [])
    const apps = await listOAuthApps(store)
    const rows = apps.map(({ platform, clientId, hasSecret, authorizeUrl = '-', tokenUrl = '-' }) =>
      [platform, clientId, hasSecret ? 'set' : 'none', authorizeUrl, tokenUrl].join('\t')
    )
    return [['platform', 'client id', 'secret', 'authorize url', 'token url'].join('\t'), ...rows]
  },
}

export const apps = { set, list }
