// Goal: no line of the log is longer than its bound, and each is JSON that names its event. Method: lines of every length
// around the bound, of text that grows when it is written as JSON.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, logLineMax } from '../../src/lib/log.ts'

function written(text: string, lineMax?: number): string {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const log = createLog({ level: 'info', write, ...(lineMax === undefined ? {} : { lineMax }) })
  log.with({ worker: 'test' }).info('happened', { text })
  assert.equal(lines.length, 1)
  return lines[0] ?? ''
}

test('a line as long as the bound is whole; one character longer it is cut, and says so', () => {
  for (const lineMax of [undefined, 512]) {
    const bound = lineMax ?? logLineMax
    const fits = bound - written('', lineMax).length
    const whole = written('x'.repeat(fits), lineMax)
    assert.equal(whole.length, bound)
    assert.equal(JSON.parse(whole).text.length, fits)
    const cut = written('x'.repeat(fits + 1), lineMax)
    assert.ok(cut.length <= bound && cut.length > bound / 2, String(cut.length))
    const event = JSON.parse(cut) as Record<string, string>
    assert.deepEqual([event['event'], event['level'], event['text']], [
      'happened',
      'info',
      undefined,
    ])
    assert.match(event['cut'] ?? '', /"worker":"test","text":"x+$/)
  }
})

test('what grows when it is written is cut all the same', () => {
  for (const character of ['"', '\\', '\n', '\u0001', 'é', '\ud800']) {
    const line = written(character.repeat(20_000))
    assert.ok(line.length <= logLineMax, JSON.stringify(character))
    assert.ok(line.length > logLineMax / 4, JSON.stringify(character))
    assert.equal(JSON.parse(line).event, 'happened')
  }
})
