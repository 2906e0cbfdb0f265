// Room sandbox: what GitHub holds at the start: an organization with repositories that one may write to, only read, not
// see, or that have no issues; and in octo/hello some of everything.

import { createComment } from './acts/comments.ts'
import { createIssue, deleteIssue, updateIssue } from './acts/issues.ts'
import { labelNamed } from './acts/labels.ts'
import { createMilestone } from './acts/milestones.ts'
import { createPull } from './acts/pulls.ts'
import { createRelease } from './acts/releases.ts'
import { commitOf, createRepository } from './acts/repositories.ts'
import { createHub, type Hub } from './state/hub.ts'
import { nodeIdOf } from './state/ids.ts'
import type { Access, Account, Issue, Repository } from './state/model.ts'
import { type Session, timeText } from './state/session.ts'

/** Beyond 2^53: whoever reads it as a float gets another number. */
export const largeIssueId = 9_007_199_254_740_995n

const startMs = Date.parse('2026-01-05T09:00:00Z')
const stepMs = 60 * 60 * 1000

/** There are no webhooks at the start. */
const ping = () => {}

/** Makes a hub with the seed. */
export function plantSeed(): Hub {
  const hub = createHub()
  const octocat = plantAccount(hub, { type: 'User', id: 583_231n, login: 'octocat' })
  const octo = plantAccount(hub, { type: 'Organization', id: 9_919n, login: 'octo' })
  const hubot = plantAccount(hub, { type: 'User', id: 480_938n, login: 'hubot' })
  const bot = plantAccount(hub, { type: 'Bot', id: 41_898_282n, login: 'sandbox[bot]' })
  let step = 0
  /** Each thing an hour after the one before. */
  const at = (viewer: Account = octocat): Session => {
    step += 1
    return { hub, viewer, installationId: null, nowMs: startMs + step * stepMs, base: '', ping }
  }
  const collaboratorIds = [octocat.id, hubot.id, bot.id]
  const make = (name: string, access: Access, hasIssues = true): Repository => {
    const flags = { has_issues: hasIssues }
    const made = createRepository(at(), octo, { name, autoInit: true, flags })
    return hub.repositories.put({ ...made, access, collaboratorIds })
  }
  const hello = make('hello', 'admin')
  const world = make('world', 'admin')
  const readonly = make('readonly', 'admin')
  const secret = make('secret', 'admin')
  make('no-issues', 'admin', false)
  plantHello({ at, hubot }, hello)
  createIssue(at(), world, { title: 'Say something back', body: 'The world is silent.' })
  createIssue(at(), readonly, { title: 'Look, do not touch' })
  createIssue(at(), secret, { title: 'Nobody knows' })
  plantGone(at, hello)
  protect(hub, readonly, 'read')
  protect(hub, secret, 'none')
  return hub
}

/** The account behind every token of a user, and the one behind every token of the app. */
export function viewerIn(hub: Hub, { isApp }: { readonly isApp: boolean }): Account {
  const type = isApp ? 'Bot' : 'User'
  const viewer = hub.accounts.all().find((one) => one.type === type)
  if (viewer === undefined) throw new Error('The seed has no viewer')
  return viewer
}

function plantAccount(
  hub: Hub,
  { type, id, login }: Pick<Account, 'type' | 'id' | 'login'>,
): Account {
  const name = type === 'Bot' ? null : `The ${login}`
  const nodeId = nodeIdOf(type, id)
  return hub.accounts.put({ type, id, nodeId, login, name, createdAt: timeText(startMs) })
}

function protect({ repositories }: Hub, { id }: Repository, access: Access): void {
  const current = repositories.get(id)
  if (current !== undefined) repositories.put({ ...current, access })
}

interface Planting {
  /** A session an hour after the one before. */
  readonly at: (viewer?: Account) => Session
  readonly hubot: Account
}

function plantHello({ at, hubot }: Planting, planted: Repository): void {
  const { hub } = at()
  const feature = [['feature', commitOf('feature', planted.nodeId)] as const]
  const branches = new Map([...planted.branches, ...feature])
  const hello = hub.repositories.put({ ...planted, branches, topics: ['greeting'] })
  const label = (name: string) => labelNamed(at(), hello, name)?.id ?? -1n
  const milestone = createMilestone(at(), hello, {
    title: 'v1.0',
    description: 'The first greeting',
    dueOn: '2026-12-31T00:00:00Z',
  })
  const first = createIssue(at(), hello, {
    title: 'Greet people by their name',
    body: 'Saying hello to nobody in particular is *rude*.',
    labelIds: [label('enhancement')],
    assigneeIds: [hubot.id],
    milestoneId: milestone.id,
  })
  const second = createIssue(at(hubot), hello, {
    title: 'Crash on an empty name',
    labelIds: [label('bug')],
  })
  const third = createIssue(at(), hello, { title: 'Größe ändern 🎉', body: '' })
  const large = relabelled(hub, third)
  updateIssue(at(), large, { state: 'closed', stateReason: 'not_planned' })
  createComment(at(hubot), first, 'I can do that.')
  createComment(at(), first, 'Thank you!')
  createComment(at(), second, 'Cannot reproduce.')
  createRelease(at(), hello, { tagName: 'v0.1.0', name: 'First words', body: 'Hello.' })
  createPull(at(hubot), hello, {
    title: 'Trim names',
    body: 'Fixes #2',
    head: 'feature',
    base: 'main',
  })
}

/** Gives an issue the id that no float can hold. */
function relabelled(hub: Hub, issue: Issue): Issue {
  hub.issues.remove(issue)
  const nodeId = nodeIdOf('Issue', largeIssueId)
  return hub.issues.put({ ...issue, id: largeIssueId, nodeId })
}

/** Of two more numbers, one was transferred to octo/world and one deleted. */
function plantGone(at: () => Session, hello: Repository): void {
  for (const title of ['Ask the world', 'A mistake']) {
    const { hub } = at()
    const current = hub.repositories.get(hello.id) ?? hello
    const issue = createIssue(at(), current, { title })
    deleteIssue(at(), issue)
    if (title !== 'Ask the world') continue
    hub.gone.set(`${issue.repositoryId}#${issue.number}`, '/repos/octo/world/issues/1')
  }
}
