// Workers: the commands about syncs and databases.

import { json, type Told } from './entry.ts'

const sync = { '--sync <sync>': 'the sync, by its id' }

const clients = {
  '--host <listener>': 'the host that clients connect to, for the URL that is printed',
  '--port <listener>': 'the port that clients connect to',
}

const dryRun = { '--dry-run': 'check and tell, change nothing' }

const fate = {
  '--keep-tables': 'the tables stay as plain tables, with their rows',
  '--remove-tables': 'the tables and their rows go',
}

const reached = {
  '--database-url <url>': "the database as its owner, postgres://…, or env:NAME for a variable's",
  '--login-url <url>': 'the role of clients, where the owner may make none',
  '--ca-file <pem>': "the certificate authority of the database's certificate",
  '--ssh-host <host>': 'an SSH server through which it is reached (none: no longer)',
  '--ssh-port <port>': 'of that server; 22 when absent',
  '--ssh-user <user>': 'the user there',
  '--ssh-key-file <pem>': "the user's private key, without a passphrase, or env:NAME",
  '--ssh-host-key <key>': 'its host key, no other is believed: a line of ssh-keyscan, or SHA256:…',
}

export const syncs: readonly Told[] = [
  {
    name: 'syncs list',
    about: 'all syncs',
    options: json,
    example: 'sluice syncs list',
    load: async () => (await import('./syncs.ts')).syncs.list,
  },
  {
    name: 'syncs create',
    about: 'check everything, then make a sync with its tables and a login',
    usage:
      '--connection <connection> (--database-url <url> [--login-url <url>] [--ca-file <pem>] [--ssh-host <host> …] | ' +
      '--hosted | --database <database>) [options]',
    options: {
      '--connection <connection>': 'the account at the platform',
      ...reached,
      '--hosted': 'make a database on the server of SLUICE_HOSTED_URL',
      '--database <database>': 'one that another sync uses already',
      '--platform <platform>': 'checked against that of the connection',
      '--schema <schema>': "the schema of the tables; the platform's name where absent",
      '--objects <objects>':
        'a,b,… or all, which it is where absent: of Salesforce and HubSpot without custom objects, which are named',
      '--fields <fields>': 'object:field,object:field,…; all where absent',
      '--read <schemas>': 'other schemas that clients may read',
      '--id <sync>': 'the id of the sync; made up where absent',
      '--user <name>': 'the name of the login; app where absent',
      '--allow <ranges>': 'the addresses that clients may come from; anywhere where absent',
      ...clients,
      ...dryRun,
      ...json,
    },
    example: 'sluice syncs create --connection acme --database-url env:OWNER_URL --dry-run',
    load: async () => (await import('./syncs.ts')).syncs.create,
  },
  {
    name: 'syncs apply',
    about: 'make the syncs be as a file says',
    usage:
      '-f <sluice.json> [--dry-run] [--prune] [--host <listener>] [--port <listener>] [--json]',
    options: {
      '-f, --file <file>': 'the file; - is standard input',
      ...dryRun,
      '--prune': 'drop what the file does not name',
      ...clients,
      ...json,
    },
    example: 'sluice syncs apply -f sluice.json --dry-run',
    load: async () => (await import('./syncs.ts')).syncs.apply,
  },
  {
    name: 'syncs schema',
    about: 'print the JSON Schema of the file that `syncs apply` takes',
    example: 'sluice syncs schema > sluice.schema.json',
    load: async () => (await import('./syncs.ts')).syncs.schema,
  },
  {
    name: 'syncs status',
    about: 'how far each table is, and what is wrong with it',
    usage: '[<sync> | --sync <sync>] [--watch] [--timeout <30m>] [--json]',
    words: ['[sync]'],
    options: {
      '--sync <sync>': 'one sync; all where absent',
      '--watch': 'until every table is filled; ends with 1 where one is not',
      '--timeout <30m>': 'how long to watch at most; 24h when absent',
      ...json,
    },
    example: 'sluice syncs status --sync sync_x --watch',
    load: async () => (await import('./syncs.ts')).syncs.status,
  },
  {
    name: 'syncs allow',
    about: 'say from which addresses the clients of a sync may come',
    usage: '--sync <sync> --from <10.0.0.0/8,2001:db8::/32,…>|anywhere',
    options: { ...sync, '--from <ranges>': 'ranges between commas, or anywhere' },
    example: 'sluice syncs allow --sync sync_x --from 10.0.0.0/8,192.0.2.7',
    load: async () => (await import('./syncs.ts')).syncs.allow,
  },
  {
    name: 'syncs password',
    about: 'make a login, or give one a new password, which is shown once',
    usage: '--sync <sync> --user <name> [--host <listener>] [--port <listener>] [--json]',
    options: { ...sync, '--user <name>': 'the name of the login', ...clients, ...json },
    example: 'sluice syncs password --sync sync_x --user report',
    load: async () => (await import('./syncs.ts')).syncs.password,
  },
  {
    name: 'syncs revoke',
    about: 'take a login back',
    usage: '--sync <sync> --user <name>',
    options: { ...sync, '--user <name>': 'the name of the login' },
    example: 'sluice syncs revoke --sync sync_x --user report',
    load: async () => (await import('./syncs.ts')).syncs.revoke,
  },
  {
    name: 'syncs pause',
    about: 'disconnect and refuse the clients, and read nothing from the platform',
    usage: '<sync> | --sync <sync> [--json]',
    words: ['[sync]'],
    options: { ...sync, ...json },
    example: 'sluice syncs pause --sync sync_x',
    load: async () => (await import('./syncs.ts')).syncs.pause,
  },
  {
    name: 'syncs resume',
    about: 'go on with a paused sync',
    usage: '<sync> | --sync <sync> [--json]',
    words: ['[sync]'],
    options: { ...sync, ...json },
    example: 'sluice syncs resume --sync sync_x',
    load: async () => (await import('./syncs.ts')).syncs.resume,
  },
  {
    name: 'syncs resync',
    about: 'compare every row of a table, or of all, with the platform now',
    usage: '<sync> | --sync <sync> [--table <table>]',
    words: ['[sync]'],
    options: { ...sync, '--table <table>': 'one table; all where absent' },
    example: 'sluice syncs resync --sync sync_x --table contacts',
    load: async () => (await import('./syncs.ts')).syncs.resync,
  },
  {
    name: 'syncs add-table',
    about: 'sync more objects of the platform',
    usage: '--sync <sync> --objects <a,b> [--fields <object:field,…>] [--dry-run]',
    options: {
      ...sync,
      '--objects <objects>': 'a,b,…',
      '--object <object>': 'the same for one',
      '--fields <fields>': 'object:field,object:field,…; all where absent',
      ...dryRun,
    },
    example: 'sluice syncs add-table --sync sync_x --objects Lead,Task',
    load: async () => (await import('./syncs.ts')).syncs['add-table'],
  },
  {
    name: 'syncs remove-table',
    about: 'sync a table no longer',
    usage: '--sync <sync> --table <table> --keep-tables|--remove-tables',
    options: { ...sync, '--table <table>': 'the name of the table', ...fate },
    example: 'sluice syncs remove-table --sync sync_x --table leads --keep-tables',
    load: async () => (await import('./syncs.ts')).syncs['remove-table'],
  },
  {
    name: 'syncs repair',
    about: "put a sync's tables, triggers, rights and comments right; what was missing is filled",
    usage: '<sync> | --sync <sync>',
    words: ['[sync]'],
    options: sync,
    example: 'sluice syncs repair --sync sync_x',
    load: async () => (await import('./syncs.ts')).syncs.repair,
  },
  {
    name: 'syncs webhook-secret',
    about: 'give the secret of a webhook that was set up at the platform by hand',
    usage: '--sync <sync> [--force] < secret | --sync <sync> --forget',
    options: {
      ...sync,
      '--force': 'also where Sluice has made the webhook itself, which ends then',
      '--forget': 'forget the secret: Sluice makes the webhook itself where it can',
    },
    more: 'The secret comes from standard input or SLUICE_SECRET, never from an argument.',
    example: 'sluice syncs webhook-secret --sync sync_x < client-secret.txt',
    load: async () => (await import('./syncs.ts')).syncs['webhook-secret'],
  },
  {
    name: 'syncs drop',
    about: 'end a sync: its logins, its webhooks, its tables',
    usage: '--sync <sync> --keep-tables|--remove-tables [--force]',
    options: {
      ...sync,
      ...fate,
      '--force': 'also where its database cannot be reached, or mutations are not applied yet',
    },
    example: 'sluice syncs drop --sync sync_x --keep-tables',
    load: async () => (await import('./syncs.ts')).syncs.drop,
  },
  {
    name: 'databases list',
    about: 'the databases of the syncs, and how they are reached',
    options: json,
    example: 'sluice databases list',
    load: async () => (await import('./databases.ts')).databases.list,
  },
  {
    name: 'databases set',
    about: 'tell how a database is reached now',
    usage: '--database <database> [--database-url <url>] [--login-url <url>] [--ca-file <pem>] ' +
      '[--ssh-host <host>|none …]',
    options: { '--database <database>': 'the database, by its id', ...reached },
    example: 'sluice databases set --database db_x --database-url env:OWNER_URL',
    load: async () => (await import('./databases.ts')).databases.set,
  },
]
