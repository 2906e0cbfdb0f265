// Bench: measures distance in the network namespace that it was started in: `regions-inside.ts ROUNDS`. Writes the tables
// as a line of JSON. Ends with its standard input, and all that it has started with it.

import process from 'node:process'
import { stopPrograms } from './child.ts'
import { namespaceNetwork } from './netns.ts'
import { measureOn } from './regions.ts'

let ending = false
const end = () => {
  if (ending) return
  ending = true
  void stopPrograms().finally(() => process.exit(130))
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
process.stdin.on('end', end).resume()

try {
  const text = await measureOn(await namespaceNetwork(), { rounds: Number(process.argv[2]) })
  process.stdout.write(`${JSON.stringify(text)}\n`, () => process.exit(0))
} catch (error) {
  // what ends by request need not say what that has broken
  if (!ending) {
    console.error(error)
    await stopPrograms()
    process.exit(1)
  }
}
