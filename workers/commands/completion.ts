// Workers: `sluice completion`: scripts that know every command and option, so that pressing Tab starts no process.

import { lifeStates } from '../../src/mutation/life.ts'
import { platforms } from '../../src/mutation/table.ts'
import { catalogue } from './catalogue.ts'
import { type Command, UsageError } from './command.ts'
import type { Entry } from './entry.ts'

export const completion: Command = ({ words: [shell] }) => {
  const script = shell === undefined ? undefined : new Map(Object.entries(scripts)).get(shell)
  if (script === undefined) {
    throw new UsageError(`there are scripts for ${Object.keys(scripts).join(', ')}`)
  }
  return Promise.resolve(script())
}

const scripts = { bash, zsh, fish }

/** What can stand after which words: '' → commands and groups, `syncs` → its commands. */
function nextWords(): ReadonlyMap<string, readonly [name: string, about: string][]> {
  const next = new Map<string, [string, string][]>([['', []]])
  for (const { name, about } of catalogue) {
    const [first = '', second] = name.split(' ')
    const top = next.get('') ?? []
    if (second === undefined) top.push([first, about])
    else {
      if (!next.has(first)) top.push([first, `commands about ${first}`])
      next.set(first, [...next.get(first) ?? [], [second, about]])
    }
  }
  next.set('completion', Object.keys(scripts).map((name) => [name, `for ${name}`]))
  next.get('')?.push(['help', 'print the help of a command'])
  return next
}

/** `-f, --file <file>` → `-f`, `--file`. */
function optionsOf({ options }: Entry): string[] {
  return [...Object.keys(options), '--help'].flatMap((flags) => flags.match(/--?[\w-]+/g) ?? [])
}

/** Does a value that is a file stand after the option? */
function filesAfter(): string[] {
  const flags = catalogue.flatMap(({ options }) => Object.keys(options))
  const files = flags.filter((each) => /<(file|pem)>$/.test(each))
  return [...new Set(files.flatMap((each) => each.match(/(?<=^|\s)--?[\w-]+/g) ?? []))]
}

/** What may stand after an option of which there are only some values. */
const values: Readonly<Record<string, readonly string[]>> = {
  '--platform': platforms,
  '--state': lifeStates,
  '--any-account': ['yes'],
}

function bash(): string[] {
  const words = [...nextWords()].map(([path, next]) =>
    `    '${path}') words='${next.map(([name]) => name).join(' ')}' ;;`
  )
  const options = catalogue.map((entry) =>
    `    '${entry.name}') words='${optionsOf(entry).join(' ')}' ;;`
  )
  return [
    '# bash completion for sluice: source <(sluice completion bash)',
    '_sluice() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" words="" each',
    '  local index=1',
    '  COMPREPLY=()',
    '  while [ "$index" -lt "$COMP_CWORD" ]; do',
    '    each="${COMP_WORDS[index]}"',
    '    case "$each" in -*) break ;; esac',
    '    path="${path:+$path }$each"',
    '    index=$((index + 1))',
    '  done',
    '  case "$before" in',
    `    ${filesAfter().join('|')}) COMPREPLY=( $(compgen -f -- "$word") ); return ;;`,
    ...Object.entries(values).map(([option, words]) =>
      `    ${option}) COMPREPLY=( $(compgen -W '${words.join(' ')}' -- "$word") ); return ;;`
    ),
    '  esac',
    '  path="${path#help}"',
    '  path="${path# }"',
    '  case "$word" in',
    '  -*) case "$path" in',
    ...options,
    "    *) words='--help --version' ;;",
    '  esac ;;',
    '  *) case "$path" in',
    ...words,
    '  esac ;;',
    '  esac',
    '  COMPREPLY=( $(compgen -W "$words" -- "$word") )',
    '}',
    'complete -o default -F _sluice sluice',
  ]
}

/** Within single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function zsh(): string[] {
  const described = (next: readonly [string, string][]) =>
    next.map(([name, about]) => quoted(`${name}:${about}`)).join(' ')
  const words = [...nextWords()].map(([path, next]) =>
    `    ${quoted(path)}) next=(${described(next)}) ;;`
  )
  const options = catalogue.map((entry) => {
    const told = Object.entries(entry.options).flatMap(([flags, about]) =>
      (flags.match(/(?<=^|\s)--?[\w-]+/g) ?? []).map((flag): [string, string] => [flag, about])
    )
    return `    ${quoted(entry.name)}) next=(${described([...told, ['--help', 'print help']])}) ;;`
  })
  return [
    '#compdef sluice',
    '# zsh completion for sluice: sluice completion zsh > "${fpath[1]}/_sluice"',
    '_sluice() {',
    '  local word="${words[CURRENT]}" before="${words[CURRENT-1]}" line="" each',
    '  local -a given',
    '  given=("${(@)words[2,CURRENT-1]}")',
    '  for each in "${given[@]}"; do',
    '    [[ "$each" == -* ]] && break',
    '    line="${line:+$line }$each"',
    '  done',
    '  line="${${line#help}# }"',
    '  case "$before" in',
    `    ${filesAfter().join('|')}) _files; return ;;`,
    ...Object.entries(values).map(([option, words]) =>
      `    ${option}) compadd -- ${words.join(' ')}; return ;;`
    ),
    '  esac',
    '  local -a next',
    '  if [[ "$word" == -* ]]; then case "$line" in',
    ...options,
    '  esac; else case "$line" in',
    ...words,
    '  esac; fi',
    "  _describe 'sluice' next",
    '}',
    'if [ "$funcstack[1]" = "_sluice" ]; then _sluice "$@"; else compdef _sluice sluice; fi',
  ]
}

function fish(): string[] {
  const begun = (path: string) =>
    path === ''
      ? '__fish_use_subcommand'
      : path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
  const words = [...nextWords()].flatMap(([path, next]) => {
    const names = next.map(([name]) => name).join(' ')
    const free = path === ''
      ? begun(path)
      : `${begun(path)}; and not __fish_seen_subcommand_from ${names}`
    return next.map(([name, about]) =>
      `complete -c sluice -n ${quoted(free)} -f -a ${name} -d ${quoted(about)}`
    )
  })
  const options = catalogue.flatMap(({ name, options }) =>
    Object.entries(options).map(([flags, about]) => {
      const [, short] = /^-(\w),/.exec(flags) ?? []
      const [, long = ''] = /--([\w-]+)/.exec(flags) ?? []
      const known = values[`--${long}`]
      const value = !flags.includes('<')
        ? ''
        : known !== undefined
        ? ` -x -a ${quoted(known.join(' '))}`
        : /<(file|pem)>$/.test(flags)
        ? ' -r -F'
        : ' -x'
      return `complete -c sluice -n ${quoted(begun(name))}${
        short === undefined ? '' : ` -s ${short}`
      } -l ${long}${value} -d ${quoted(about)}`
    })
  )
  return ['# fish completion for sluice', 'complete -c sluice -f', ...words, ...options]
}
