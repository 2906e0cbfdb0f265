// The clients that nobody here wrote: how each is run, and in what they differ. Their scripts are in npm/ and debian/.

export type Kind = 'npm' | 'debian'

export interface Client {
  /** Also the name by which `npm run test:clients -- NAME` finds it. */
  readonly name: string
  readonly kind: Kind
  /** npm: the package in whose package.json the version stands. Debian: what apt-get must install. */
  readonly packages: readonly string[]
  /** The program and its arguments; run in the folder of the scripts. */
  readonly command: readonly string[]
  /** Exits with 0 where the client is there (and, for libpq, builds it). */
  readonly probe: readonly string[]
  /** Requests that the three rows of a batch take: one statement of three rows, or three statements. */
  readonly batchRequests: 1 | 3
  /** Fields of an error that the client has no name for. */
  readonly hides: readonly ('detail' | 'column')[]
  /** What must stand on its standard error instead. */
  readonly shows: readonly string[]
}

type Options = Partial<Pick<Client, 'batchRequests' | 'hides' | 'shows'>>

const python = '/usr/bin/python3'
const jar = '/usr/share/java/postgresql.jar'
/** Where the program of libpq.c is built, seen from the folder of the scripts. */
const libpqProgram = '../../../.cache/clients/libpq'

export const clients: readonly Client[] = [
  npm('node-postgres', 'pg', ['plain']),
  npm('pg-cursor', 'pg-cursor', ['cursor'], 'node-postgres'),
  npm('pg-query-stream', 'pg-query-stream', ['stream'], 'node-postgres'),
  npm('postgres', 'postgres'),
  npm('drizzle', 'drizzle-orm'),
  npm('kysely', 'kysely'),
  npm('knex', 'knex'),
  npm('typeorm', 'typeorm'),
  npm('sequelize', 'sequelize'),
  npm('prisma', '@prisma/client'),
  debian('psql', ['postgresql-client'], {
    command: ['/usr/bin/psql', '-X', '-q', '-f', 'psql.sql'],
    probe: ['/usr/bin/psql', '--version'],
    batchRequests: 3,
    hides: ['detail', 'column'],
    shows: [') is not a valid email address.', 'COLUMN NAME:  email'],
  }),
  debian('libpq', ['gcc', 'libc6-dev', 'libpq-dev'], {
    command: [libpqProgram],
    probe: ['cc', '-I/usr/include/postgresql', 'libpq.c', '-o', libpqProgram, '-lpq'],
    batchRequests: 3,
  }),
  inPython('psycopg2', ['python3-psycopg2'], ['psycopg2']),
  inPython('psycopg3', ['python3-psycopg'], ['psycopg'], { batchRequests: 3 }),
  inPython('asyncpg', ['python3-asyncpg'], ['asyncpg'], { batchRequests: 3 }),
  inPython('sqlalchemy', ['python3-sqlalchemy', 'python3-psycopg2'], ['sqlalchemy', 'psycopg2']),
  inPython('django', ['python3-django', 'python3-psycopg2'], ['django', 'psycopg2']),
  debian('ruby-pg', ['ruby', 'ruby-pg'], {
    command: ['/usr/bin/ruby', 'ruby-pg.rb'],
    probe: ['/usr/bin/ruby', '-e', 'require "pg"'],
    batchRequests: 3,
  }),
  debian('pdo', ['php-cli', 'php-pgsql'], {
    command: ['/usr/bin/php', 'pdo.php'],
    probe: ['/usr/bin/php', '-r', 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);'],
    batchRequests: 3,
    hides: ['column'],
  }),
  debian('dbi', ['perl', 'libdbd-pg-perl'], {
    command: ['/usr/bin/perl', 'dbi.pl'],
    probe: ['/usr/bin/perl', '-MDBD::Pg', '-e', '1'],
    batchRequests: 3,
  }),
  debian('jdbc', ['default-jdk-headless', 'libpostgresql-jdbc-java'], {
    command: ['/usr/bin/java', '-XX:TieredStopAtLevel=1', '-cp', jar, 'Jdbc.java'],
    probe: ['/bin/sh', '-c', `test -e ${jar} && /usr/bin/javac -version`],
    batchRequests: 3,
  }),
]

/** A client of npm; it runs on the Node 24 of this project, from .cache/clients. */
function npm(name: string, main: string, args: readonly string[] = [], script = name): Client {
  return {
    name,
    kind: 'npm',
    packages: [main],
    command: ['node', `${script}.mjs`, ...args],
    probe: ['node', '-e', `import.meta.resolve('${main}')`],
    batchRequests: 1,
    hides: [],
    shows: [],
  }
}

function debian(
  name: string,
  packages: readonly string[],
  options: Pick<Client, 'command' | 'probe'> & Options,
): Client {
  return { name, kind: 'debian', packages, batchRequests: 1, hides: [], shows: [], ...options }
}

function inPython(
  name: string,
  packages: readonly string[],
  modules: readonly string[],
  options: Options = {},
): Client {
  return debian(name, packages, {
    command: [python, `${name}-client.py`],
    probe: [python, '-c', `import ${modules.join(', ')}`],
    ...options,
  })
}
