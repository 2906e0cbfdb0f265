// Bench: what Linux knows of a process.

import { readFileSync } from 'node:fs'

/** Resident memory, in MiB. */
export function residentMiB(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ??
    []
  return Number(kilobytes) / 1024
}

/** Hundredths of a second, on every Linux (`getconf CLK_TCK`). */
const tickMs = 10

/** Processor time of all its threads since its start, in milliseconds. */
export function processorMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // proc_pid_stat(5): utime and stime are the 14th and 15th; the name in brackets, the 2nd, may have spaces
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}
