// Workers: what is said of a command of `sluice`, for help, for completion and for whoever reads the command line.

import type { Command } from './command.ts'

export interface Entry {
  /** One word or two: `doctor`, `syncs create`. */
  readonly name: string
  /** One line, without a full stop. */
  readonly about: string
  /** What stands behind the name, for people. */
  readonly usage: string
  /** `--name <value>`, `-f, --file <value>`, `--flag`, each with its line. */
  readonly options: Readonly<Record<string, string>>
  /** What has no name: `<id>` must be there, `[id]` may be. */
  readonly words: readonly string[]
  /** What else people must know, in sentences. */
  readonly more: string
  readonly example: string
  /** Gives the command, or null for a process: it begins when it is loaded, and this process is it. */
  load(): Promise<Command | null>
}

/** An entry of which the rest is usual. */
export type Told =
  & Pick<Entry, 'name' | 'about' | 'example' | 'load'>
  & Partial<Pick<Entry, 'usage' | 'options' | 'words' | 'more'>>

/** Of every command that prints rows. */
export const json = { '--json': 'as JSON, for programs' }
