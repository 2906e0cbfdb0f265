// Room console: a Postgres of one's own in the way to a new sync: its URLs, its authority, and the SSH server in front.

import { type Html, html, nothing } from './html.ts'
import { field } from './parts.ts'
import { text } from './visit.ts'

/** The SSH server through which a database is reached, as the API takes it. */
export interface Bastion {
  readonly host: string
  /** 22 when absent. */
  readonly port?: number
  readonly user: string
  /** As OpenSSH writes it, without a passphrase. */
  readonly privateKey: string
  /** A line of ssh-keyscan, or `SHA256:…`. */
  readonly hostKey: string
}

export interface OwnDatabase {
  readonly url: string
  readonly loginUrl?: string
  readonly ca?: string
  readonly ssh?: Bastion
}

/** What the form has, with what was given before; passwords and keys are asked for again. */
export function ownFields(given: URLSearchParams): Html {
  return html`${
    field({
      id: 'url',
      label: 'URL of the owner',
      type: 'password',
      placeholder: 'postgres://owner:password@host:5432/database?sslmode=require',
      hint:
        'The owner makes schema and tables. It is sealed in the store and never given to listeners.',
    })
  }${
    field({
      id: 'loginUrl',
      label: 'URL of the role for clients',
      type: 'password',
      optional: true,
      hint: 'Without it a role is made, where the owner may make roles.',
    })
  }${
    folded({
      title: 'Certificate authority',
      open: text(given, 'ca') !== '',
      body: field({
        id: 'ca',
        label: 'PEM, for sslmode=verify-full',
        rows: 4,
        optional: true,
        value: text(given, 'ca'),
      }),
    })
  }${
    folded({
      title: 'Through an SSH server (bastion)',
      open: bastionNames.some((name) => text(given, name) !== ''),
      body: bastionFields(given),
    })
  }`
}

function folded({ title, open, body }: { title: string; open: boolean; body: Html }): Html {
  const state = open
    ? html`
      open
    `
    : nothing
  return html`
    <details ${state}>
      <summary>${title}</summary>
      <div class="stack">${body}</div>
    </details>
  `
}

function bastionFields(given: URLSearchParams): Html {
  return html`
    <p
      class="hint">For a database without a public address: host and port of the URLs above are what this server connects to.</p>${field(
        { id: 'sshHost', label: 'Host of the SSH server', value: text(given, 'sshHost') },
      )}${field({
        id: 'sshPort',
        label: 'Port of the SSH server',
        value: text(given, 'sshPort'),
        placeholder: '22',
        optional: true,
      })}${field({
        id: 'sshUser',
        label: 'User there',
        value: text(given, 'sshUser'),
        hint: 'One that may do nothing but forward to this database.',
      })}${field({
        id: 'sshPrivateKey',
        label: 'Private key of the user',
        rows: 4,
        placeholder: '-----BEGIN OPENSSH PRIVATE KEY-----',
        hint: 'Without a passphrase. It is sealed in the store.',
      })}${field({
        id: 'sshHostKey',
        label: 'Host key of the SSH server',
        rows: 2,
        value: text(given, 'sshHostKey'),
        placeholder: 'ssh-ed25519 AAAA… or SHA256:…',
        hint:
          html`As <code>ssh-keyscan -t ed25519 host</code> prints it: compare it with what the server’s owner says. No other is believed from then on.`,
      })}
  `
}

const bastionNames = ['sshHost', 'sshPort', 'sshUser', 'sshPrivateKey', 'sshHostKey']

/** Has anything been given of a Postgres of one's own? */
export function isOwnGiven(given: URLSearchParams): boolean {
  return ['url', 'loginUrl', 'ca', ...bastionNames].some((name) => text(given, name) !== '')
}

/** What was given; a text: what is missing or wrong. */
export function ownDatabase(given: URLSearchParams): OwnDatabase | string {
  const [url = '', loginUrl, ca] = ['url', 'loginUrl', 'ca'].map((name) => text(given, name))
  if (url === '') return 'Give the URL of the database, or choose another one.'
  const ssh = bastionOf(given)
  if (typeof ssh === 'string') return ssh
  return {
    url,
    ...(loginUrl ? { loginUrl } : {}),
    ...(ca ? { ca } : {}),
    ...(ssh === null ? {} : { ssh }),
  }
}

/** Null: the database is reached straight. */
function bastionOf(given: URLSearchParams): Bastion | string | null {
  // browsers send the lines of a field with CR LF
  const [host = '', port = '', user = '', privateKey = '', hostKey = ''] = bastionNames
    .map((name) => text(given, name).replaceAll('\r\n', '\n'))
  if ([host, port, user, privateKey, hostKey].every((value) => value === '')) return null
  const needed = { host, user, 'private key': privateKey, 'host key': hostKey }
  const missing = Object.entries(needed).filter(([, value]) => value === '').map(([name]) => name)
  if (missing.length > 0) return `The SSH server lacks its ${missing.join(', ')}.`
  const number = Number(port || 22)
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    return 'The port of the SSH server is a number from 1 to 65535.'
  }
  return { host, port: number, user, privateKey: `${privateKey}\n`, hostKey }
}

/** What may be shown again of what was given, by the names of the form. */
export function shownAgain({ ca = '', ssh }: OwnDatabase): Readonly<Record<string, string>> {
  if (ssh === undefined) return { ca }
  const { host, port = 22, user, hostKey } = ssh
  return { ca, sshHost: host, sshPort: String(port), sshUser: user, sshHostKey: hostKey }
}
