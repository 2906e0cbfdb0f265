// What Linux tells of TCP connections.

import { existsSync, readFileSync } from 'node:fs'

const files = ['/proc/net/tcp', '/proc/net/tcp6'].filter((file) => existsSync(file))

/** Does this machine tell? */
export const tellsTimers = files.length > 0

/** The timers of open connections with this port at our end: `02` is keep-alive, `01` something is not acknowledged yet. */
export function timersOf(port: number): string[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(1))
  return lines.map((line) => line.trim().split(/\s+/)).flatMap((fields) => {
    const [, local = '', , state = '', , timer = ''] = fields
    return local.endsWith(hex) && state === '01' ? [timer.slice(0, 2)] : []
  })
}
