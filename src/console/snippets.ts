// Room console: how programs connect, in the words of the usual drivers.

/** Where clients of a sync connect, and as whom. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly database: string
  /** `app.sync_j8sual` */
  readonly user: string
  /** Null: it was shown before; a word stands in its place. */
  readonly password: string | null
}

/** What stands where the password belongs, when nobody knows it any more. */
export const passwordWord = 'PASSWORD'

export interface Snippet {
  readonly id: string
  readonly name: string
  readonly text: string
}

/** `postgresql://user:password@host:port/database?sslmode=require` */
export function urlOf(target: Target): string {
  const { database, user, password } = target
  const [as, secret, to] = [user, password ?? passwordWord, database].map(encoded)
  return `postgresql://${as}:${secret}@${authorityOf(target)}/${to}?sslmode=require`
}

/** Also `'`, which encodeURIComponent leaves: shells differ in how it is written within quotes. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("'", '%27')
}

/** `host:port`, as a URL has it. */
function authorityOf({ host, port }: Target): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** In single quotes for a shell. */
export function psqlOf(target: Target): string {
  return `psql '${urlOf(target).replaceAll("'", `'\\''`)}'`
}

/** A string literal that all of these languages read the same way. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** For PHP and Ruby, which put variables into double quotes. */
function single(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/** The drivers that people use, each with the whole of it. */
export function snippetsOf(target: Target): readonly Snippet[] {
  const snippet = (name: string, text: string): Snippet => {
    const id = name.toLowerCase().replaceAll(/[^a-z]+/g, '-')
    return { id, name, text }
  }
  return [
    snippet('node-postgres', nodePostgres(target)),
    snippet('postgres.js', postgresJs(target)),
    snippet('psycopg', psycopg(target)),
    snippet('SQLAlchemy', sqlAlchemy(target)),
    snippet('JDBC', jdbc(target)),
    snippet('Go pgx', pgx(target)),
    snippet('Ruby pg', rubyPg(target)),
    snippet('PHP PDO', phpPdo(target)),
  ]
}

function nodePostgres({ host, port, database, user, password }: Target): string {
  return `import pg from 'pg'

const pool = new pg.Pool({
  host: ${quoted(host)},
  port: ${port},
  database: ${quoted(database)},
  user: ${quoted(user)},
  password: ${quoted(password ?? passwordWord)},
  ssl: { rejectUnauthorized: false }, // as sslmode=require: encrypted, not proved
})`
}

function postgresJs(target: Target): string {
  return `import postgres from 'postgres'

const sql = postgres(${quoted(urlOf(target))})`
}

function psycopg(target: Target): string {
  return `import psycopg

connection = psycopg.connect(${quoted(urlOf(target))}, autocommit=True)`
}

function sqlAlchemy(target: Target): string {
  const url = urlOf(target).replace('postgresql://', 'postgresql+psycopg://')
  return `from sqlalchemy import create_engine

engine = create_engine(${quoted(url)}, isolation_level="AUTOCOMMIT")`
}

function jdbc(target: Target): string {
  const { database, user, password } = target
  const where = encoded(database)
  const url = `jdbc:postgresql://${authorityOf(target)}/${where}?sslmode=require`
  return `var properties = new java.util.Properties();
properties.setProperty("user", ${quoted(user)});
properties.setProperty("password", ${quoted(password ?? passwordWord)});
var connection = java.sql.DriverManager.getConnection(
    ${quoted(url)}, properties);`
}

function pgx(target: Target): string {
  return `pool, err := pgxpool.New(context.Background(),
	${quoted(urlOf(target))})`
}

function rubyPg(target: Target): string {
  return `require 'pg'

connection = PG.connect(${single(urlOf(target))})`
}

function phpPdo({ host, port, database, user, password }: Target): string {
  const place = `pgsql:host=${host};port=${port};dbname=${database};sslmode=require`
  return `$pdo = new PDO(
    ${single(place)},
    ${single(user)},
    ${single(password ?? passwordWord)},
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]
);`
}
