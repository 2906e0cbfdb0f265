// Goal: the completion scripts are read by their shells without a word, and complete what help names. Method: bash itself;
// zsh and fish where they are installed.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ran, sluice } from './ran.ts'

let folder: string

before(() => folder = mkdtempSync(join(tmpdir(), 'sluice-completion-')))
after(() => rmSync(folder, { recursive: true, force: true }))

async function script(shell: string): Promise<string> {
  const { code, out, err } = await sluice(['completion', shell])
  assert.deepEqual([code, err], [0, ''])
  const file = join(folder, `sluice.${shell}`)
  writeFileSync(file, out)
  return file
}

async function isThere(shell: string): Promise<boolean> {
  return await ran([shell, '--version']).then(({ code }) => code === 0, () => false)
}

for (const shell of ['bash', 'zsh', 'fish']) {
  test(`${shell} reads its script without a word`, async (t) => {
    const file = await script(shell)
    if (!await isThere(shell)) return t.skip(`${shell} is not installed`)
    assert.deepEqual(await ran([shell, '-n', file]), { code: 0, out: '', err: '' })
  })
}

/** What bash offers for the last word. */
async function offered(file: string, ...words: string[]): Promise<string[]> {
  const program = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const { code, out, err } = await ran(['bash', '--norc', '-c', program, file, 'sluice', ...words])
  assert.deepEqual([code, err], [0, ''])
  return out.split('\n').filter((line) => line !== '')
}

test('bash completes commands, commands of groups, options, shells and files', async () => {
  const file = await script('bash')
  assert.deepEqual(await offered(file, 'sy'), ['sync', 'syncs'])
  assert.deepEqual(await offered(file, 'mutations', ''), ['list', 'show', 'retry'])
  assert.deepEqual(await offered(file, 'help', 'tokens', 'r'), ['revoke'])
  assert.deepEqual(await offered(file, 'mutations', 'list', '--s'), [
    '--sync',
    '--state',
    '--since',
  ])
  assert.deepEqual(await offered(file, 'syncs', 'status', '--sync', 'x', '--w'), ['--watch'])
  assert.deepEqual(await offered(file, 'connections', 'set-key', '--platform', 'h'), ['hubspot'])
  assert.deepEqual(await offered(file, 'mutations', 'list', '--state', 'a'), [
    'accepted',
    'applied',
  ])
  assert.deepEqual(await offered(file, 'completion', ''), ['bash', 'zsh', 'fish'])
  assert.deepEqual(await offered(file, 'syncs', 'apply', '-f', file), [file])
})

test('every script knows every command and option that help names', async () => {
  const { out } = await sluice(['help', 'syncs', 'apply'])
  const options = [...out.matchAll(/--([\w-]+)/g)].map(([, name = '']) => name)
  for (const shell of ['bash', 'zsh', 'fish']) {
    const text = (await sluice(['completion', shell])).out
    for (const name of options.filter((option) => option !== 'help')) {
      assert.match(text, new RegExp(`-?-?\\b${name}\\b`), `${shell}: ${name}`)
    }
  }
})
