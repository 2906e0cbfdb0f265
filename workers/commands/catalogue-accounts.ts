// Workers: the commands about accounts at platforms and about who may come: connections, apps, tokens, keys, listeners.

import { json, type Told } from './entry.ts'

const place = '[--platform <platform>] [--base-url <url>] [--settings <json>]'

const placed = {
  '--connection <connection>': 'the connection, by the id that you give it',
  '--platform <platform>': 'salesforce, hubspot, stripe, airtable or github; needed when it is new',
  '--base-url <url>': "where the platform's API is, where it is not at the usual place",
  '--settings <json>': 'what else the platform wants to know, a JSON object',
}

const unchecked = { '--unchecked': 'keep it without asking the platform whether it takes it' }

const secret = 'The secret comes from standard input or SLUICE_SECRET, never from an argument.'

export const accounts: readonly Told[] = [
  {
    name: 'connect',
    about: 'make a link with which somebody connects an account (OAuth)',
    usage: `--connection <connection> ${place} [--login-url <url>] [--return <url>] ` +
      '[--any-account yes]',
    options: {
      ...placed,
      '--login-url <url>': 'where people log in, where the platform has several places',
      '--return <url>': 'where the browser goes afterwards',
      '--any-account <yes>': 'yes: another account than before may be connected',
    },
    more:
      'The link is good once, within 24 hours. Whoever has it can connect an account. It leads to SLUICE_PUBLIC_URL ' +
      "of this shell: set it as the service has it. Without it, to where the platforms' webhooks come, or to localhost.",
    example: 'sluice connect --connection acme --platform salesforce',
    load: async () => (await import('./connections.ts')).connect,
  },
  {
    name: 'connections list',
    about: 'accounts at the platforms, and when their tokens end',
    options: json,
    example: 'sluice connections list --json',
    load: async () => (await import('./connections.ts')).connections.list,
  },
  {
    name: 'connections set-key',
    about: 'make a connection with an API key, or give it a new one',
    usage: `--connection <connection> ${place} [--unchecked] < key`,
    options: { ...placed, ...unchecked },
    more: `${secret} A key that the platform refuses is not kept.`,
    example: 'sluice connections set-key --connection books --platform stripe < key.txt',
    load: async () => (await import('./connections.ts')).connections['set-key'],
  },
  {
    name: 'connections set-app',
    about: "make a connection with the installation of an app, or give it the app's new key",
    usage:
      `--connection <connection> [--app-id <id> --installation-id <id>] ${place} [--unchecked] < private key`,
    options: {
      ...placed,
      ...unchecked,
      '--app-id <id>': 'the id of the app',
      '--installation-id <id>': 'the id of its installation',
    },
    more: `${secret} A key that the platform refuses is not kept.`,
    example: 'sluice connections set-app --connection code --platform github --app-id 12 ' +
      '--installation-id 34 < key.pem',
    load: async () => (await import('./connections.ts')).connections['set-app'],
  },
  {
    name: 'connections remove',
    about: 'forget a connection that no sync uses, and its credential',
    usage: '--connection <connection>',
    options: { '--connection <connection>': 'the connection, by its id' },
    more: 'What the platform has granted stays there: take it back there.',
    example: 'sluice connections remove --connection books',
    load: async () => (await import('./connections.ts')).connections.remove,
  },
  {
    name: 'apps list',
    about: 'our OAuth apps at the platforms',
    options: json,
    example: 'sluice apps list',
    load: async () => (await import('./apps.ts')).apps.list,
  },
  {
    name: 'apps set',
    about: 'register our OAuth app at a platform',
    usage:
      '--platform <platform> --client-id <id> [--authorize-url <url> --token-url <url>] [--unchecked] < secret',
    options: {
      '--platform <platform>': 'salesforce, hubspot, stripe, airtable or github',
      '--client-id <id>': 'the id of the app at the platform',
      '--authorize-url <url>': 'where people are asked, where it is not the usual place',
      '--token-url <url>': 'where tokens come from, where it is not the usual place',
      ...unchecked,
    },
    more: `${secret} An app that the platform refuses is not kept.`,
    example: 'sluice apps set --platform salesforce --client-id 3MVG9 < client-secret.txt',
    load: async () => (await import('./apps.ts')).apps.set,
  },
  {
    name: 'tokens list',
    about: 'tokens of the HTTP API',
    usage: '[--sync <sync> | --admin] [--json]',
    options: {
      '--sync <sync>': 'only those of one sync',
      '--admin': "administrators' tokens",
      ...json,
    },
    example: 'sluice tokens list --admin',
    load: async () => (await import('./tokens.ts')).tokens.list,
  },
  {
    name: 'tokens create',
    about: 'make a token of the HTTP API, which is shown once',
    usage: '--sync <sync> | --admin [--name <what it is for>] [--json]',
    options: {
      '--sync <sync>': 'for reading and writing through this sync',
      '--admin': 'for setting up, changing and dropping syncs',
      '--name <text>': 'what it is for',
      ...json,
    },
    example: 'sluice tokens create --sync sync_x --name "nightly import"',
    load: async () => (await import('./tokens.ts')).tokens.create,
  },
  {
    name: 'tokens revoke',
    about: 'take a token back',
    usage: '--id <id of the token>',
    options: { '--id <id>': 'as `tokens list` shows it' },
    example: 'sluice tokens revoke --id token_0a1b2c3d4e5f',
    load: async () => (await import('./tokens.ts')).tokens.revoke,
  },
  {
    name: 'keys rotate',
    about: 'seal everything in the store with the first key of SLUICE_KEYS',
    more: 'Afterwards the other keys may leave SLUICE_KEYS.',
    example: 'sluice keys rotate',
    load: async () => (await import('./keys.ts')).keys.rotate,
  },
  {
    name: 'listeners list',
    about: 'the keys with which listeners come',
    options: json,
    example: 'sluice listeners list',
    load: async () => (await import('./listeners.ts')).listeners.list,
  },
  {
    name: 'listeners create',
    about: 'make the key of a listener, which is shown once',
    usage: '--id <name of the listener> [--syncs <sync>,<sync>…] [--json]',
    options: {
      '--id <name>': 'the name of the listener',
      '--syncs <syncs>': 'the syncs that it may serve; all where absent',
      ...json,
    },
    example: 'sluice listeners create --id iad',
    load: async () => (await import('./listeners.ts')).listeners.create,
  },
  {
    name: 'listeners revoke',
    about: "take a listener's key back, within five seconds",
    usage: '--id <name of the listener>',
    options: { '--id <name>': 'the name of the listener' },
    example: 'sluice listeners revoke --id iad',
    load: async () => (await import('./listeners.ts')).listeners.revoke,
  },
]
