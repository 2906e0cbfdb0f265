// Room sync: a connection to a customer's database for work that no client waits for.

import type { Duplex } from 'node:stream'
import postgres from 'postgres'
import { ownAnswers } from '../lib/driver.ts'
import type { DatabaseAddress } from '../mutation/config.ts'

/** A connection that is logged in already, with these parameters; see session/adopted.ts. */
export type Dial = (
  address: DatabaseAddress,
  options: { parameters: ReadonlyMap<string, string>; waitMs: number },
) => Promise<Duplex>

/** How long connecting may take, and closing. */
export const connectWaitSeconds = 10

/**
 * One connection at a time, made at the first statement: by `dial`, or by the driver itself, which goes to any address
 * and shows the password to whoever asks for it. Errors are the driver's, and `dial`'s.
 */
export function openDatabase(
  address: DatabaseAddress,
  { dial, name }: { dial: Dial | undefined; name: string },
): postgres.Sql {
  const common = {
    max: 1,
    connect_timeout: connectWaitSeconds,
    onnotice: () => {},
    // a connection that is lost while the driver asks for types would end the process; lists travel as text
    fetch_types: false,
  }
  if (dial === undefined) {
    if (address.ssh !== undefined) throw new Error('A database behind a bastion has to be dialled')
    return ownAnswers(
      postgres({ ...common, ...driven(address), connection: { application_name: name } }),
    )
  }
  // what the driver would ask for itself
  const parameters = new Map([['application_name', name], ['client_encoding', 'UTF8']])
  const waitMs = connectWaitSeconds * 1000
  const { user, database } = address
  const socket = () => dial(address, { parameters, waitMs })
  const dialled = { ...common, user, database, password: '', ssl: false, socket }
  return ownAnswers(postgres(dialled))
}

function driven(address: DatabaseAddress) {
  const { host, port, database, user, password, sslmode, sslrootcert } = address
  const verify = { rejectUnauthorized: true, ...(sslrootcert ? { ca: sslrootcert } : {}) }
  const ssl = { disable: false, require: { rejectUnauthorized: false }, 'verify-full': verify }
  return { host, port, database, username: user, password, ssl: ssl[sslmode] }
}
