// Room sync: what checks find, in words for whoever has to do something about it.

import { Fault } from '../mutation/fault.ts'

/** One finding. `fail`: it does not work until somebody does what the hint says. `warn`: it works, and somebody should know. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  /** What was looked at: `credential`, `database`, `role`, `table contacts`, … */
  readonly check: string
  readonly about: string
  /** What to do. */
  readonly hint?: string
}

export function ok(check: string, about: string): Finding {
  return { level: 'ok', check, about }
}

export function warn(check: string, about: string, hint: string): Finding {
  return { level: 'warn', check, about, hint }
}

export function fail(check: string, about: string, hint: string): Finding {
  return { level: 'fail', check, about, hint }
}

/** Is anything as it must not be? */
export function isFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ level }) => level === 'fail')
}

/** What is to be done by the kind of fault, where the fault itself does not say it. */
const hints: Readonly<Record<string, string>> = {
  credential_refused:
    'Connect the account again, or set its key: sluice connect, sluice connections set-key.',
  not_permitted: 'Give the account or key the permission at the platform.',
  not_found:
    'Look at how the object is called at the platform, and whether the account may see it.',
  rate_limited: "The platform's limit is used up: try again later.",
  unreachable: 'Look at the base URL and at the way out to the internet, then try again.',
  platform_failed: 'The platform has a problem of its own: try again later.',
  database_unreachable: 'Look at host, port and firewall of the database, then try again.',
  service_unreachable: "Look at Sluice's own database (SLUICE_STORE_URL).",
}

/** A finding of an error: its own words, and what to do. What is no Fault tells its message. */
export function failure(check: string, error: unknown): Finding {
  if (!(error instanceof Fault)) {
    const words = error instanceof Error ? error.message : String(error)
    return fail(check, words, 'Try again; the log of the service may say more.')
  }
  const { code, message, detail, hint } = error.data
  const about = detail === undefined ? message : `${message}: ${detail}`
  return fail(check, about, hint ?? hints[code] ?? 'Do as the message says, then try again.')
}

/** A mark for each level, for people. */
const marks: Readonly<Record<Finding['level'], string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }

/** Lines for a terminal: each finding, and below it what to do. */
export function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ check }) => check.length))
  return findings.flatMap(({ level, check, about, hint }) => [
    `${marks[level]}  ${check.padEnd(width)}  ${about}`,
    ...hint === undefined ? [] : [`${' '.repeat(width + 8)}→ ${hint}`],
  ])
}
