// The contract at GitHub: issues, in documents, and milestones, row by row.

import fc from 'fast-check'
import { github } from '../../../src/platforms/github/index.ts'
import type { Subject, ValueSubject } from './subject.ts'

const settings = { repositories: ['octo/hello'] }

const common = {
  adapter: github,
  settings,
  tokenPath: '/login/oauth/access_token',
  partial: true,
  gone: { update: 'P0002', delete: 'P0002' },
  forbidden: {
    status: 403,
    body: {
      message: 'Resource not accessible by personal access token',
      documentation_url: 'https://docs.github.com/rest',
      status: '403',
    },
  },
  replays: false,
} as const

export const subjects: readonly Subject[] = [
  {
    ...common,
    title: 'github issues',
    object: 'issues',
    records: 'issues',
    draft: (n) => ({ repository: 'octo/hello', title: `Issue ${n}`, body: 'Text' }),
    change: { title: 'Changed', body: null },
    // one row alone is a request of the REST API, but there an issue cannot be deleted
    requests: (_operation, rows) => Math.ceil(rows / 10),
    bad: {
      values: { repository: 'octo/hello', title: 'x'.repeat(300) },
      sqlstate: '22001',
      column: 'title',
    },
    rowsForTwoPages: 101,
  },
  {
    ...common,
    title: 'github milestones',
    object: 'milestones',
    records: 'milestones',
    draft: (n) => ({ repository: 'octo/hello', title: `Milestone ${n}` }),
    change: { description: 'Changed', due_on: null },
    requests: (_operation, rows) => rows,
    bad: {
      values: { repository: 'octo/hello', title: 'x'.repeat(300) },
      sqlstate: '22001',
      column: 'title',
    },
    duplicates: [
      { repository: 'octo/hello', title: 'Same' },
      { repository: 'octo/hello', title: 'Same' },
    ],
    rowsForTwoPages: 101,
  },
]

const values = { adapter: github, settings, rows: 10, precisionMs: 1000 } as const

export const valueSubjects: readonly ValueSubject[] = [
  {
    ...values,
    object: 'issues',
    always: (n) => ({ repository: 'octo/hello', title: `Circle ${n}` }),
    columns: {
      state: fc.constantFrom('open', 'closed'),
      labels: fc.subarray(['bug', 'enhancement'], { minLength: 1 })
        .map((list) => JSON.stringify(list)),
      assignees: fc.constantFrom('["hubot"]', '["octocat"]'),
      milestone: fc.constant('1'),
    },
    solid: ['title', 'state', 'labels', 'assignees'],
    left: { repository: 'given always', state_reason: 'goes with state; in its own tests' },
  },
  {
    ...values,
    object: 'milestones',
    always: (n) => ({ repository: 'octo/hello', title: `Circle ${n}` }),
    columns: { state: fc.constantFrom('open', 'closed') },
    solid: ['title', 'state'],
    left: { repository: 'given always', title: 'unique; given always' },
  },
  {
    ...values,
    object: 'releases',
    always: (n) => ({ repository: 'octo/hello', tag_name: `v9.0.${n}` }),
    columns: { target_commitish: fc.constantFrom('main', 'feature') },
    solid: ['tag_name', 'target_commitish', 'draft', 'prerelease'],
    left: { repository: 'given always', tag_name: 'unique; given always' },
  },
]
