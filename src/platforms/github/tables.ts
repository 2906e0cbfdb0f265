// Room platforms: GitHub's tables, as data. Source: GitHub REST API, the pages on issues, labels, milestones, issue
// comments, releases, pulls and repositories, version 2022-11-28.

import { column, type GithubColumn, type GithubTable, identity, repository } from './columns.ts'

const moments: readonly GithubColumn[] = [
  column('created_at', 'timestamptz'),
  column('updated_at', 'timestamptz'),
]

const webPage = column('html_url', 'text')

const body = column('body', 'text', { writable: 'both', empty: 'blank' })

const description = column('description', 'text', { writable: 'both', empty: 'blank' })

/** Pull requests are not in it, though GitHub lists them among the issues. */
const issues: GithubTable = {
  name: 'issues',
  keyColumns: ['repository', 'number', 'node_id'],
  inPath: ['repository'],
  list: 'issues?state=all&sort=created&direction=asc',
  columns: [
    ...identity,
    repository,
    column('number', 'integer'),
    column('title', 'text', { writable: 'required and updatable' }),
    body,
    column('state', 'text', { writable: 'update' }),
    column('state_reason', 'text', { writable: 'update', empty: 'null' }),
    column('labels', 'text[]', { field: 'labels.name', writable: 'both' }),
    column('assignees', 'text[]', { field: 'assignees.login', writable: 'both' }),
    column('milestone', 'integer', { field: 'milestone.number', writable: 'both', empty: 'null' }),
    column('user', 'text', { field: 'user.login' }),
    column('author_association', 'text'),
    column('locked', 'boolean'),
    column('active_lock_reason', 'text'),
    column('comments', 'integer'),
    ...moments,
    column('closed_at', 'timestamptz'),
    webPage,
  ],
}

const labels: GithubTable = {
  name: 'labels',
  keyColumns: ['repository', 'node_id'],
  inPath: ['repository'],
  list: 'labels?',
  columns: [
    ...identity,
    repository,
    column('name', 'text', { writable: 'required and updatable' }),
    column('color', 'text', { writable: 'both' }),
    description,
    column('default', 'boolean'),
  ],
}

const milestones: GithubTable = {
  name: 'milestones',
  keyColumns: ['repository', 'number'],
  inPath: ['repository'],
  list: 'milestones?state=all&sort=due_on&direction=asc',
  columns: [
    ...identity,
    repository,
    column('number', 'integer'),
    column('title', 'text', { writable: 'required and updatable' }),
    column('state', 'text', { writable: 'both' }),
    description,
    column('due_on', 'timestamptz', { writable: 'both', empty: 'null' }),
    column('creator', 'text', { field: 'creator.login' }),
    column('open_issues', 'integer'),
    column('closed_issues', 'integer'),
    ...moments,
    column('closed_at', 'timestamptz'),
    webPage,
  ],
}

/** Comments on issues and on pull requests, as GitHub has them in one list. */
const issueComments: GithubTable = {
  name: 'issue_comments',
  keyColumns: ['repository', 'node_id'],
  inPath: ['repository', 'issue_number'],
  list: 'issues/comments?sort=created&direction=asc',
  columns: [
    ...identity,
    repository,
    column('issue_number', 'integer', { writable: 'required' }),
    column('body', 'text', { writable: 'required and updatable' }),
    column('user', 'text', { field: 'user.login' }),
    column('author_association', 'text'),
    ...moments,
    webPage,
  ],
}

const releases: GithubTable = {
  name: 'releases',
  keyColumns: ['repository'],
  inPath: ['repository'],
  list: 'releases?',
  columns: [
    ...identity,
    repository,
    column('tag_name', 'text', { writable: 'required and updatable' }),
    column('target_commitish', 'text', { writable: 'both' }),
    column('name', 'text', { writable: 'both', empty: 'blank' }),
    body,
    column('draft', 'boolean', { writable: 'both' }),
    column('prerelease', 'boolean', { writable: 'both' }),
    column('author', 'text', { field: 'author.login' }),
    column('created_at', 'timestamptz'),
    column('published_at', 'timestamptz'),
    webPage,
  ],
}

/**
 * `head` is written as `branch` or `owner:branch` and read as the branch; of `maintainer_can_modify` lists do not tell:
 * unlisted.ts.
 */
const pullRequests: GithubTable = {
  name: 'pull_requests',
  keyColumns: ['repository', 'number'],
  inPath: ['repository'],
  list: 'pulls?state=all&sort=created&direction=asc',
  refuses: {
    delete: {
      detail: 'GitHub cannot delete a pull request.',
      hint: "Close it: UPDATE … SET state = 'closed'.",
    },
  },
  columns: [
    ...identity,
    repository,
    column('number', 'integer'),
    column('title', 'text', { writable: 'required and updatable' }),
    column('head', 'text', { field: 'head.ref', writable: 'required' }),
    column('base', 'text', { field: 'base.ref', writable: 'required and updatable' }),
    body,
    column('state', 'text', { writable: 'update' }),
    column('draft', 'boolean', { writable: 'insert' }),
    column('maintainer_can_modify', 'boolean', { writable: 'both' }),
    column('user', 'text', { field: 'user.login' }),
    column('labels', 'text[]', { field: 'labels.name' }),
    column('assignees', 'text[]', { field: 'assignees.login' }),
    column('milestone', 'integer', { field: 'milestone.number' }),
    column('requested_reviewers', 'text[]', { field: 'requested_reviewers.login' }),
    column('head_repository', 'text', { field: 'head.repo.full_name' }),
    column('head_sha', 'text', { field: 'head.sha' }),
    column('base_sha', 'text', { field: 'base.sha' }),
    column('merge_commit_sha', 'text'),
    column('locked', 'boolean'),
    ...moments,
    column('closed_at', 'timestamptz'),
    column('merged_at', 'timestamptz'),
    webPage,
  ],
}

/** `owner` is the organization that a new repository belongs to; absent: the account itself. */
const repositories: GithubTable = {
  name: 'repositories',
  keyColumns: ['full_name'],
  inPath: ['owner'],
  columns: [
    ...identity,
    column('full_name', 'text'),
    column('owner', 'text', { field: 'owner.login', writable: 'insert' }),
    column('name', 'text', { writable: 'required and updatable' }),
    description,
    column('homepage', 'text', { writable: 'both', empty: 'blank' }),
    column('private', 'boolean', { writable: 'both' }),
    column('visibility', 'text', { writable: 'update' }),
    column('has_issues', 'boolean', { writable: 'both' }),
    column('has_projects', 'boolean', { writable: 'both' }),
    column('has_wiki', 'boolean', { writable: 'both' }),
    column('is_template', 'boolean', { writable: 'both' }),
    column('default_branch', 'text', { writable: 'update' }),
    column('archived', 'boolean', { writable: 'update' }),
    column('disabled', 'boolean'),
    column('fork', 'boolean'),
    column('topics', 'text[]'),
    column('language', 'text'),
    column('license', 'text', { field: 'license.spdx_id' }),
    column('forks_count', 'integer'),
    column('stargazers_count', 'integer'),
    column('open_issues_count', 'integer'),
    column('size', 'integer'),
    ...moments,
    column('pushed_at', 'timestamptz'),
    webPage,
  ],
}

/** Every table, by the object's name. */
export const tables: ReadonlyMap<string, GithubTable> = new Map(
  [issues, labels, milestones, issueComments, releases, pullRequests, repositories]
    .map((table) => [table.name, table]),
)
