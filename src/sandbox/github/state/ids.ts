// Room sandbox: GitHub's two kinds of ids. A record has one number and one node id, and both doors show both.

import { Buffer } from 'node:buffer'
import type { Row } from './model.ts'

const prefixes: Record<Row['type'], string> = {
  User: 'U',
  Organization: 'O',
  Bot: 'BOT',
  Repository: 'R',
  Label: 'LA',
  Milestone: 'MI',
  Issue: 'I',
  PullRequest: 'PR',
  IssueComment: 'IC',
  Release: 'RE',
}

/** The node id of the record of a type that has the number: opaque to clients, and never another's. */
export function nodeIdOf(type: Row['type'], id: bigint): string {
  const bytes = Buffer.alloc(9)
  bytes[0] = 0xcf
  bytes.writeBigUInt64BE(id, 1)
  return `${prefixes[type]}_kwDO${bytes.toString('base64url')}`
}
