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

const types = new Map(
  Object.entries(prefixes).map(([type, prefix]) => [prefix, type as Row['type']]),
)

/** The type and the number that a node id is of; undefined when it is none. */
export function typeIn(nodeId: string): { type: Row['type']; id: bigint } | undefined {
  const [, prefix = '', text = ''] = /^([A-Z]+)_kwDO([\w-]{12})$/.exec(nodeId) ?? []
  const type = types.get(prefix)
  if (type === undefined) return undefined
  return { type, id: Buffer.from(text, 'base64url').readBigUInt64BE(1) }
}

/** The node id of the record of a type that has the number: opaque to clients, and never another's. */
export function nodeIdOf(type: Row['type'], id: bigint): string {
  const bytes = Buffer.alloc(9)
  bytes[0] = 0xcf
  bytes.writeBigUInt64BE(id, 1)
  return `${prefixes[type]}_kwDO${bytes.toString('base64url')}`
}
