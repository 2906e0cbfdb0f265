// Workers: the commands that run Sluice, look at it, and help where something went wrong.

import { json, type Told } from './entry.ts'

const variables = 'The environment says how: see "Configuration" in the README. Ctrl-C stops it.'

const filters = {
  '--sync <sync>': 'of one sync; of all where absent',
  '--state <state>': 'received, sent, accepted, refused, unknown or applied',
  '--table <table>': 'of one table',
  '--by <login>': 'sent by this login, or by "HTTP API"',
  '--text <text>': 'with this in an id, a table, a login or a value',
  '--since <time>': 'received since so long ago: 90s, 30m, 24h (where absent), 7d',
  '--limit <rows>': 'at most so many, newest first; 50 where absent, 1000 at most',
}

export const running: readonly Told[] = [
  {
    name: 'dev',
    about: 'everything on this machine: Postgres, sandboxes, service, sync process, listener',
    more: `The same as npm start. ${variables}`,
    example: 'SLUICE_LISTENER_PORT=7432 sluice dev',
    load: async () => (await import('./processes.ts')).dev(),
  },
  {
    name: 'listener',
    about: 'the process that speaks the Postgres protocol to clients',
    more: variables,
    example: 'SLUICE_SERVICE_URL=https://service.internal SLUICE_LISTENER_KEY=… sluice listener',
    load: async () => (await import('./processes.ts')).listener(),
  },
  {
    name: 'service',
    about: 'the process that holds credentials and calls the platforms',
    more: variables,
    example: 'SLUICE_STORE_URL=postgres://… SLUICE_KEYS=k1:… sluice service',
    load: async () => (await import('./processes.ts')).service(),
  },
  {
    name: 'sync',
    about: 'the process that keeps tables as the platforms are',
    more: variables,
    example: 'SLUICE_STORE_URL=postgres://… SLUICE_KEYS=k1:… sluice sync',
    load: async () => (await import('./processes.ts')).sync(),
  },
  {
    name: 'migrate',
    about: 'bring the store to the schema of this version, and end',
    more: 'Done again it does nothing. Processes of the version before go on working meanwhile.',
    example: 'sluice migrate',
    load: async () => (await import('./migrate.ts')).migrate,
  },
  {
    name: 'state',
    about: 'what runs: processes, leases, what is left to do, buckets',
    options: json,
    example: 'sluice state',
    load: async () => (await import('./state.ts')).state,
  },
  {
    name: 'doctor',
    about: 'what is wrong with a sync, or with all of them, and what to do',
    usage: '[<sync> | --sync <sync>] [--json]',
    words: ['[sync]'],
    options: { '--sync <sync>': 'one sync; all where absent', ...json },
    more: 'Its exit code is 1 when anything fails.',
    example: 'sluice doctor --sync sync_x',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'pause',
    about: 'disconnect and refuse the clients of a sync, and read nothing',
    usage: '<sync> | --sync <sync> [--json]',
    words: ['[sync]'],
    options: { '--sync <sync>': 'the sync, by its id', ...json },
    example: 'sluice pause sync_x',
    load: async () => (await import('./syncs.ts')).syncs.pause,
  },
  {
    name: 'resume',
    about: 'go on with a paused sync',
    usage: '<sync> | --sync <sync> [--json]',
    words: ['[sync]'],
    options: { '--sync <sync>': 'the sync, by its id', ...json },
    example: 'sluice resume sync_x',
    load: async () => (await import('./syncs.ts')).syncs.resume,
  },
  {
    name: 'recover',
    about: 'one pass now: apply what was accepted, find out what is in doubt',
    options: json,
    more:
      'Services do the same by themselves every few seconds. Run it with the environment of the ' +
      'service. Its exit code is 1 when something could not be applied.',
    example: 'sluice recover',
    load: async () => (await import('./recover.ts')).recover,
  },
  {
    name: 'mutations list',
    about: 'the journal, newest first',
    usage: '[options]',
    options: { ...filters, ...json },
    example: 'sluice mutations list --sync sync_x --state unknown --since 7d',
    load: async () => (await import('./mutations.ts')).mutations.list,
  },
  {
    name: 'mutations show',
    about: 'one mutation: its life, its rows before and after, what was sent',
    usage: '<id> [--json]',
    words: ['<id>'],
    options: json,
    more: 'Values that are secrets by their name or their looks are not shown.',
    example: 'sluice mutations show 0192f7c2-6d5e-4b6a-9b3c-8f1f0c5f1a10',
    load: async () => (await import('./mutations.ts')).mutations.show,
  },
  {
    name: 'mutations retry',
    about: 'send a refused mutation again, where that can neither double nor undo anything',
    usage: '<id> [--yes | --dry-run] [--service <url>]',
    words: ['<id>'],
    options: {
      '--yes': 'send it; without it, what would be sent is shown',
      '--dry-run': 'only show what would be sent',
      '--service <url>': 'the service; SLUICE_SERVICE_URL where absent, or http://127.0.0.1:8787',
    },
    more:
      'Only what was refused, with nothing written, for a reason that passes (see `sluice errors`) ' +
      'can be sent again, and only where no later mutation has written the same. It goes through ' +
      'the HTTP API as a new mutation with a new id. Who sent it first was told that nothing was ' +
      'written, and may have sent it again elsewhere: that nobody but you can know.',
    example: 'sluice mutations retry 0192f7c2-6d5e-4b6a-9b3c-8f1f0c5f1a10 --yes',
    load: async () => (await import('./mutations.ts')).mutations.retry,
  },
  {
    name: 'errors',
    about: 'the catalogue of errors, or one of them',
    usage: '[code or SQLSTATE] [--json]',
    words: ['[code]'],
    options: json,
    example: 'sluice errors 40003',
    load: async () => (await import('./errors.ts')).errors,
  },
  {
    name: 'completion',
    about: 'print the completion script of a shell',
    usage: 'bash|zsh|fish',
    words: ['<shell>'],
    more:
      'bash: source <(sluice completion bash). zsh: sluice completion zsh > "${fpath[1]}/_sluice". ' +
      'fish: sluice completion fish > ~/.config/fish/completions/sluice.fish',
    example: 'sluice completion bash',
    load: async () => (await import('./completion.ts')).completion,
  },
]
