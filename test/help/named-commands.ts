// The commands of `sluice` that a text names, and whether they are there with the options that it gives them.

/** A command as somebody wrote it: `syncs password --sync S`. */
export interface NamedCommand {
  readonly text: string
  /** What stands before the first option or argument. */
  readonly words: readonly string[]
  readonly options: readonly string[]
}

/** Options by command, as `sluice completion bash` tells them. */
export function commandsIn(completion: string): ReadonlyMap<string, readonly string[]> {
  const cases = completion.matchAll(/^ +'([a-z -]+)'\) words='([^']*)' ;;$/gm)
  return new Map([...cases].map(([, name = '', words = '']) => [name, words.split(' ')]))
}

const prefix = '(?:npx sluice|npm run (?:--silent )?sluice --|sluice)'

/** In Markdown: what stands in a code span, and lines of code blocks. */
export function commandsOfMarkdown(markdown: string): NamedCommand[] {
  const spans = [...markdown.matchAll(new RegExp(`\`${prefix} ([^\`]+)\``, 'g'))]
  const blocks = [...markdown.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, text = '']) =>
    text.replaceAll(/\\\n\s*/g, '')
  )
  const lines = blocks.flatMap((text) => [
    ...text.matchAll(new RegExp(`^(?:\\$ )?${prefix} (.+?)(?: +#.*)?$`, 'gm')),
  ])
  return [...spans, ...lines].map(([, text = '']) => commandOf(text))
}

/** In the texts of the code: those of groups, and those with an option; other words may be anything. */
export function commandsOfCode(code: string, groups: ReadonlySet<string>): NamedCommand[] {
  const found = code.matchAll(
    /\bsluice ([a-z]+)((?: [a-z][a-z-]*)?)((?: --[a-z-]+(?: [^\s-`')]+)?)*)/g,
  )
  return [...found]
    .filter(([, first = '', second, options]) => (groups.has(first) && second) || options)
    .map(([, first = '', second = '', options = '']) => commandOf(`${first}${second}${options}`))
}

function commandOf(text: string): NamedCommand {
  const parts = text.split(/\s+/)
  const end = parts.findIndex((part) => !/^[a-z][a-z-]*$/.test(part))
  const words = end < 0 ? parts : parts.slice(0, end)
  const bare = text.replaceAll(/"[^"]*"|'[^']*'/g, '')
  return { text, words, options: bare.match(/(?<=^|\s|\[)--?[a-z][a-z-]*/g) ?? [] }
}

/** What is wrong with it; null: it is there. */
export function commandFlaw(
  { words, options }: NamedCommand,
  known: ReadonlyMap<string, readonly string[]>,
): string | null {
  const [first = '', second = ''] = words
  if (first === 'help') return null
  const name = [`${first} ${second}`, first].find((each) => known.has(each))
  if (name === undefined) {
    const isGroup = [...known.keys()].some((each) => each.startsWith(`${first} `))
    return isGroup && second === '' ? null : 'there is no such command'
  }
  const unknown = options.filter((option) => !known.get(name)?.includes(option))
  return unknown.length === 0 ? null : `it has no ${unknown.join(', ')}`
}
