// Workers: the command line of `sluice`, read by commander: every command of the catalogue below its group.

import { Command as Program, Option } from 'commander'
import colors from 'picocolors'
import type { Given } from './command.ts'
import type { Entry } from './entry.ts'

/** What is to be run. */
export interface Chosen {
  readonly entry: Entry
  readonly given: Given
}

export interface ProgramOptions {
  readonly catalogue: readonly Entry[]
  /** What is said of each group of commands. */
  readonly groups: Readonly<Record<string, string>>
  /** Title → commands and groups, in the order of the help. */
  readonly sections: Readonly<Record<string, readonly string[]>>
  readonly version: string
  readonly chosen: (chosen: Chosen) => void
}

/** A commander that throws CommanderError in place of ending the process. */
export function createProgram(options: ProgramOptions): Program {
  const { catalogue, groups, sections, version } = options
  const program = new Program('sluice')
  program.description('Sluice: a Postgres proxy that writes through to SaaS APIs')
  program.version(version, '--version', 'print the version')
  program.helpOption('-h, --help', 'print help')
  program.configureHelp({
    styleTitle: (text) => colors.bold(text),
    styleCommandText: (text) => colors.cyan(text),
    subcommandTerm: (command) => command.name(),
  })
  program.exitOverride().showHelpAfterError('All commands: sluice help')
  for (const [title, names] of Object.entries(sections)) {
    program.commandsGroup(`${title}:`)
    for (const name of names) {
      const group = groups[name]
      const entries = catalogue.filter((entry) => entry.name.split(' ')[0] === name)
      if (group === undefined) entries.forEach((entry) => addCommand(program, entry, options))
      else addGroup(program, { name, about: group, entries }, options)
    }
  }
  program.helpCommand('help [command...]', 'print the help of a command')
  program.addHelpText('after', `\n${environment}`)
  return program
}

const environment =
  `SLUICE_STORE_URL and SLUICE_KEYS say which store; without them it is that of sluice dev.
Exit codes: 0 done, 1 it failed, 2 it was not asked for rightly.
More about a command: sluice help <command>`

function addGroup(
  program: Program,
  { name, about, entries }: { name: string; about: string; entries: readonly Entry[] },
  options: ProgramOptions,
): void {
  const names = entries.map((entry) => entry.name.slice(name.length + 1))
  const group = program.command(name).description(about).helpCommand(false)
  group.summary(`${about}: ${names.join(', ')}`)
  group.usage('<command> [options]')
  group.showHelpAfterError(`Its commands: sluice help ${name}`)
  for (const entry of entries) addCommand(group, entry, options)
  const examples = entries.map(({ example }) => `  ${example}`)
  group.addHelpText('after', `\nExamples:\n${examples.join('\n')}`)
}

function addCommand(parent: Program, entry: Entry, { chosen }: ProgramOptions): void {
  const { name, about, usage, words, more, example } = entry
  const command = parent.command(name.split(' ').at(-1) ?? name).description(about)
  command.usage(usage)
  command.showHelpAfterError(
    `Usage: ${`sluice ${name} ${usage}`.trimEnd()}\nMore: sluice help ${name}`,
  )
  for (const word of words) command.argument(word)
  const options = Object.entries(entry.options).map(([flags, line]) => new Option(flags, line))
  for (const option of options) command.addOption(option)
  command.addHelpText(
    'after',
    `${more === '' ? '' : `\n${wrapped(more)}\n`}\nExample:\n  ${example}`,
  )
  command.action(() => chosen({ entry, given: givenOf(command, options) }))
}

const proseMax = 80

function wrapped(text: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + word.length < proseMax) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.join('\n')
}

function givenOf(command: Program, options: readonly Option[]): Given {
  const values = options.map((option) => {
    const value: unknown = command.getOptionValue(option.attributeName())
    return [option.long?.slice(2) ?? option.name(), value] as const
  })
  return {
    options: Object.fromEntries(
      values.flatMap(([name, value]) => typeof value === 'string' ? [[name, value]] : []),
    ),
    flags: new Set(values.flatMap(([name, value]) => value === true ? [name] : [])),
    words: command.args,
  }
}
