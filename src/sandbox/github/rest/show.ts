// Room sandbox: records as the REST API writes them: accounts, repositories, labels, milestones, releases, comments.
// The shapes are those of GitHub's OpenAPI description.

import { type Json, JsonNumber, type JsonObject } from '../../json.ts'
import type { Account, Comment, Label, Milestone, Release, Repository } from '../state/model.ts'
import { accountOf, fullNameOf, repositoryOf, type Session } from '../state/session.ts'

export const site = 'https://github.com'

/** All digits of an id. */
export function number(id: bigint): JsonNumber {
  return new JsonNumber(String(id))
}

export function repositoryUrl(session: Session, repository: Repository): string {
  return `${session.base}/repos/${fullNameOf(session, repository)}`
}

/** Whose a thing is, as seen by its repository. */
export function association(session: Session, repository: Repository, authorId: bigint): string {
  if (repository.ownerId === authorId) return 'OWNER'
  if (repository.collaboratorIds.includes(authorId)) return 'MEMBER'
  return accountOf(session, authorId).type === 'Bot' ? 'NONE' : 'CONTRIBUTOR'
}

const accounts = new WeakMap<Account, JsonObject & { readonly url: string }>()

/** The same object each time: accounts never change, and every record shows some. */
export function showAccount({ base }: Session, account: Account): JsonObject {
  const known = accounts.get(account)
  if (known?.url.startsWith(`${base}/users/`)) return known
  const shown = accountShown(base, account)
  accounts.set(account, shown)
  return shown
}

function accountShown(base: string, account: Account) {
  const url = `${base}/users/${encodeURIComponent(account.login)}`
  const html = account.type === 'Bot'
    ? `${site}/apps/${account.login.replace('[bot]', '')}`
    : `${site}/${account.login}`
  return {
    login: account.login,
    id: number(account.id),
    node_id: account.nodeId,
    avatar_url: `https://avatars.githubusercontent.com/u/${account.id}?v=4`,
    gravatar_id: '',
    url,
    html_url: html,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: account.type,
    user_view_type: 'public',
    site_admin: false,
  }
}

const repositoryLinks: Readonly<Record<string, string>> = {
  archive_url: '{archive_format}{/ref}',
  assignees_url: 'assignees{/user}',
  blobs_url: 'git/blobs{/sha}',
  branches_url: 'branches{/branch}',
  collaborators_url: 'collaborators{/collaborator}',
  comments_url: 'comments{/number}',
  commits_url: 'commits{/sha}',
  compare_url: 'compare/{base}...{head}',
  contents_url: 'contents/{+path}',
  contributors_url: 'contributors',
  deployments_url: 'deployments',
  downloads_url: 'downloads',
  events_url: 'events',
  forks_url: 'forks',
  git_commits_url: 'git/commits{/sha}',
  git_refs_url: 'git/refs{/sha}',
  git_tags_url: 'git/tags{/sha}',
  hooks_url: 'hooks',
  issue_comment_url: 'issues/comments{/number}',
  issue_events_url: 'issues/events{/number}',
  issues_url: 'issues{/number}',
  keys_url: 'keys{/key_id}',
  labels_url: 'labels{/name}',
  languages_url: 'languages',
  merges_url: 'merges',
  milestones_url: 'milestones{/number}',
  notifications_url: 'notifications{?since,all,participating}',
  pulls_url: 'pulls{/number}',
  releases_url: 'releases{/id}',
  stargazers_url: 'stargazers',
  statuses_url: 'statuses/{sha}',
  subscribers_url: 'subscribers',
  subscription_url: 'subscription',
  tags_url: 'tags',
  teams_url: 'teams',
  trees_url: 'git/trees{/sha}',
}

interface Shown {
  readonly base: string
  readonly open: number
  readonly json: JsonObject
}

const repositories = new WeakMap<Repository, Shown>()

/** The same object as long as nothing in it changes: every pull request shows two. */
export function showRepository(session: Session, repository: Repository): JsonObject {
  const { base } = session
  const open = session.hub.found.openIssues(repository.id)
  const known = repositories.get(repository)
  if (known?.base === base && known.open === open) return known.json
  const json = repositoryShown(session, repository, open)
  repositories.set(repository, { base, open, json })
  return json
}

function repositoryShown(session: Session, repository: Repository, open: number): JsonObject {
  const fullName = fullNameOf(session, repository)
  const url = repositoryUrl(session, repository)
  const links = Object.entries(repositoryLinks).map(([name, rest]) => [name, `${url}/${rest}`])
  const may = repository.access === 'admin'
  return {
    id: number(repository.id),
    node_id: repository.nodeId,
    name: repository.name,
    full_name: fullName,
    private: repository.visibility === 'private',
    owner: showAccount(session, accountOf(session, repository.ownerId)),
    html_url: `${site}/${fullName}`,
    description: repository.description,
    fork: false,
    url,
    ...Object.fromEntries(links),
    git_url: `git://github.com/${fullName}.git`,
    ssh_url: `git@github.com:${fullName}.git`,
    clone_url: `${site}/${fullName}.git`,
    svn_url: `${site}/${fullName}`,
    mirror_url: null,
    homepage: repository.homepage,
    language: null,
    license: null,
    size: 0,
    forks: 0,
    forks_count: 0,
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    open_issues: open,
    open_issues_count: open,
    ...repository.flags,
    has_pages: false,
    has_downloads: true,
    has_discussions: false,
    web_commit_signoff_required: false,
    custom_properties: {},
    disabled: false,
    visibility: repository.visibility,
    topics: repository.topics,
    default_branch: repository.defaultBranch,
    created_at: repository.createdAt,
    updated_at: repository.updatedAt,
    pushed_at: repository.pushedAt,
    permissions: { admin: may, maintain: may, push: may, triage: may, pull: true },
  }
}

/** What a repository alone shows, and a list of them does not. */
export function showWholeRepository(session: Session, repository: Repository): JsonObject {
  const owner = accountOf(session, repository.ownerId)
  return {
    ...showRepository(session, repository),
    ...(owner.type === 'Organization' ? { organization: showAccount(session, owner) } : {}),
    network_count: 0,
    subscribers_count: 0,
  }
}

export function showLabel(session: Session, label: Label): JsonObject {
  const repository = repositoryOf(session, label)
  return {
    id: number(label.id),
    node_id: label.nodeId,
    url: `${repositoryUrl(session, repository)}/labels/${encodeURIComponent(label.name)}`,
    name: label.name,
    color: label.color,
    default: label.isDefault,
    description: label.description,
  }
}

export function showMilestone(session: Session, milestone: Milestone): JsonObject {
  const repository = repositoryOf(session, milestone)
  const url = `${repositoryUrl(session, repository)}/milestones/${milestone.number}`
  const { found } = session.hub
  const closed = found.closedIssues(milestone.id)
  return {
    url,
    html_url: `${site}/${fullNameOf(session, repository)}/milestone/${milestone.number}`,
    labels_url: `${url}/labels`,
    id: number(milestone.id),
    node_id: milestone.nodeId,
    number: milestone.number,
    title: milestone.title,
    description: milestone.description,
    creator: showAccount(session, accountOf(session, milestone.creatorId)),
    open_issues: found.issuesOfMilestone.of(milestone.id).size - closed,
    closed_issues: closed,
    state: milestone.state,
    created_at: milestone.createdAt,
    updated_at: milestone.updatedAt,
    due_on: milestone.dueOn,
    closed_at: milestone.closedAt,
  }
}

export function showComment(session: Session, comment: Comment): JsonObject {
  const repository = repositoryOf(session, comment)
  const at = repositoryUrl(session, repository)
  const issue = session.hub.issues.get(comment.issueId)
  const url = `${at}/issues/comments/${comment.id}`
  const page = `${site}/${fullNameOf(session, repository)}/${
    issue?.pull === null ? 'issues' : 'pull'
  }/${issue?.number}`
  return {
    url,
    html_url: `${page}#issuecomment-${comment.id}`,
    issue_url: `${at}/issues/${issue?.number}`,
    id: number(comment.id),
    node_id: comment.nodeId,
    user: showAccount(session, accountOf(session, comment.authorId)),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    body: comment.body,
    author_association: association(session, repository, comment.authorId),
    reactions: showReactions(url),
    performed_via_github_app: null,
  }
}

export function showRelease(session: Session, release: Release): JsonObject {
  const repository = repositoryOf(session, release)
  const url = `${repositoryUrl(session, repository)}/releases/${release.id}`
  const page = `${site}/${fullNameOf(session, repository)}/releases/tag/${release.tagName}`
  const archive = (kind: string): Json =>
    release.isDraft ? null : `${repositoryUrl(session, repository)}/${kind}/${release.tagName}`
  return {
    url,
    assets_url: `${url}/assets`,
    upload_url: `${url.replace('/repos/', '/uploads/repos/')}/assets{?name,label}`,
    html_url: page,
    id: number(release.id),
    node_id: release.nodeId,
    tag_name: release.tagName,
    target_commitish: release.target,
    name: release.name,
    body: release.body,
    draft: release.isDraft,
    prerelease: release.isPrerelease,
    immutable: false,
    created_at: release.createdAt,
    updated_at: release.updatedAt,
    published_at: release.publishedAt,
    author: showAccount(session, accountOf(session, release.authorId)),
    assets: [],
    tarball_url: archive('tarball'),
    zipball_url: archive('zipball'),
  }
}

/** Nobody reacts in the sandbox. */
export function showReactions(url: string): JsonObject {
  const none = { '+1': 0, '-1': 0, laugh: 0, hooray: 0, confused: 0, heart: 0, rocket: 0, eyes: 0 }
  return { url: `${url}/reactions`, total_count: 0, ...none }
}
