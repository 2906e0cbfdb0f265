// The steps of a Dockerfile, carried out on this machine without Docker: each stage is a folder, and a path in it that
// begins with a slash stands for one under that folder. What the base images bring must be here already: node, npm, deno.

import { execFileSync } from 'node:child_process'
import { chownSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import process from 'node:process'

export interface Step {
  readonly word: string
  readonly rest: string
}

/** The instructions in their order; lines that end in a backslash go on. */
export function readDockerfile(text: string): Step[] {
  const lines = text.replaceAll(/^\s*#.*$/gm, '').replaceAll(/\\\n/g, ' ').split('\n')
  return lines.map((line) => line.trim()).filter((line) => line !== '').map((line) => {
    const [, word = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
    return { word: word.toUpperCase(), rest }
  })
}

/** What is in the build's context: a path from the root of the project, with slashes. */
export type InContext = (path: string) => boolean

/** A .dockerignore whose lines are paths; `*` alone is everything, `!` takes back; the last that fits decides. */
export function readIgnore(text: string): InContext {
  const rules = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  return (path) =>
    rules.reduce((kept, rule) => {
      const name = rule.replace(/^!/, '')
      const fits = name === '*' || path === name || path.startsWith(`${name}/`)
      return fits ? rule.startsWith('!') : kept
    }, true)
}

/** A built image, as a folder. */
export interface Image {
  readonly root: string
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  /** Runs it as this user; null: as whoever we are. */
  readonly user: string | null
}

/** Builds the last stage under `folder`. Throws for an instruction that it does not know, and what a step says. */
export function buildImage(
  steps: readonly Step[],
  { folder, context, inContext }: { folder: string; context: string; inContext: InContext },
): Image {
  const stages = new Map<string, Image>()
  let stage: Image | null = null
  for (const { word, rest } of steps) {
    if (word === 'FROM') {
      const name = / as (\S+)$/i.exec(rest)?.[1] ?? `stage${stages.size}`
      stage = emptyStage(join(folder, name))
      stages.set(name, stage)
      continue
    }
    if (stage === null) throw new Error(`${word} before FROM`)
    stage = carryOut(stage, { word, rest }, { stages, context, inContext })
    const name = [...stages].find(([, known]) => known.root === stage?.root)?.[0] ?? ''
    stages.set(name, stage)
  }
  if (stage === null) throw new Error('The Dockerfile has no FROM')
  return stage
}

function emptyStage(root: string): Image {
  mkdirSync(root, { recursive: true })
  return { root, workdir: '/', env: {}, entrypoint: [], command: [], user: null }
}

interface Site {
  readonly stages: ReadonlyMap<string, Image>
  readonly context: string
  readonly inContext: InContext
}

function carryOut(stage: Image, { word, rest }: Step, site: Site): Image {
  switch (word) {
    case 'WORKDIR':
      mkdirSync(join(stage.root, rest), { recursive: true })
      return { ...stage, workdir: rest }
    case 'ENV':
      return { ...stage, env: { ...stage.env, ...readPairs(rest, stage.root) } }
    case 'COPY':
      copy(stage, rest, site)
      return stage
    case 'RUN':
      execFileSync('sh', ['-c', rest], {
        cwd: join(stage.root, stage.workdir),
        env: { ...ownEnv(), ...stage.env },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      return stage
    case 'USER':
      return { ...stage, user: rest }
    case 'ENTRYPOINT':
      return { ...stage, entrypoint: JSON.parse(rest) as string[] }
    case 'CMD':
      return { ...stage, command: JSON.parse(rest) as string[] }
    case 'EXPOSE':
      return stage
    default:
      throw new Error(`Cannot carry out ${word}`)
  }
}

function readPairs(text: string, root: string): Record<string, string> {
  return Object.fromEntries(
    text.split(/\s+/).map((pair) => {
      const at = pair.indexOf('=')
      const value = pair.slice(at + 1)
      return [pair.slice(0, at), value.startsWith('/') ? join(root, value) : value]
    }),
  )
}

function copy(stage: Image, rest: string, { stages, context, inContext }: Site): void {
  const words = rest.split(/\s+/)
  const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1]
  const paths = from === undefined ? words : words.slice(1)
  const source = from === undefined ? context : stages.get(from)?.root
  if (source === undefined) throw new Error(`There is no stage ${from}`)
  const last = paths.at(-1) ?? '.'
  const target = join(stage.root, stage.workdir, last)
  const filter = (path: string) =>
    from !== undefined || inAncestry(relative(context, path), inContext)
  for (const path of paths.slice(0, -1)) {
    const at = last.endsWith('/') ? join(target, basename(path)) : target
    cpSync(join(source, path), at, { recursive: true, filter, verbatimSymlinks: true })
  }
}

/** A folder is looked into where something in it is in the context. */
function inAncestry(path: string, inContext: InContext): boolean {
  return path === '' || inContext(path)
}

/** What the base images have. */
function ownEnv(): Record<string, string> {
  const { PATH = '', HOME = '/root' } = process.env
  return { PATH, HOME }
}

/** Everything belongs to root and nobody else may write it, as in an image. */
export function closeImage({ root }: Image): void {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (process.getuid?.() === 0) chownSync(join(entry.parentPath, entry.name), 0, 0)
  }
}

export function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
