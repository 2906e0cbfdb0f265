// Goal: GitHub's GraphQL API answers from the same records as its REST API, and fails field by field. Method: real sockets.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { graph, post, rest } from './github_client.ts'

const sandbox = await startSandbox({ port: 0 })
beforeEach(() => sandbox.reset())
after(() => sandbox.close())

const issues = '/repos/octo/hello/issues'

/** The node ids that mutations need. */
const ids = async (): Promise<Record<string, string>> => {
  const { data } = await graph(
    sandbox,
    `{ repository(owner: "octo", name: "hello") {
         id label(name: "Bug") { id } milestone(number: 1) { id } issue(number: 1) { id }
         pullRequest(number: 4) { id } }
       readonly: repository(owner: "octo", name: "readonly") { id issue(number: 1) { id } }
       user(login: "hubot") { id } }`,
  )
  const { repository, readonly, user } = data
  return {
    repository: repository.id,
    label: repository.label.id,
    milestone: repository.milestone.id,
    issue: repository.issue.id,
    pull: repository.pullRequest.id,
    readonly: readonly.id,
    readonlyIssue: readonly.issue.id,
    user: user.id,
  }
}

test('both doors show the same record under the same ids', async () => {
  const { data } = await graph(
    sandbox,
    `{ repository(owner: "octo", name: "hello") { nameWithOwner databaseId
         issue(number: 1) { id databaseId number title body state stateReason url locked
           labels(first: 10) { nodes { id name color } } assignees(first: 10) { nodes { login } }
           milestone { id title } author { __typename login } comments { totalCount }
           createdAt updatedAt closedAt repository { nameWithOwner } } } }`,
  )
  const { issue } = data.repository
  const { json } = await rest(sandbox, `${issues}/1`)
  assert.equal(issue.id, json.node_id)
  assert.equal(issue.databaseId, json.id)
  assert.equal(issue.body, json.body)
  assert.equal(issue.state, 'OPEN')
  assert.equal(issue.url, json.html_url)
  assert.equal(issue.labels.nodes[0].id, json.labels[0].node_id)
  assert.deepEqual(issue.assignees.nodes, [{ login: 'hubot' }])
  assert.equal(issue.milestone.id, json.milestone.node_id)
  assert.deepEqual(issue.author, { __typename: 'User', login: 'octocat' })
  assert.equal(issue.comments.totalCount, 2)
  assert.equal(issue.createdAt, json.created_at)
  assert.equal(issue.repository.nameWithOwner, 'octo/hello')
})

test('an id beyond 32 bits is whole in fullDatabaseId and an error in databaseId', async () => {
  const query = (field: string) =>
    graph(sandbox, `{ repository(owner: "octo", name: "hello") { issue(number: 3) { ${field} } } }`)
  const whole = await query('fullDatabaseId')
  assert.equal(whole.data.repository.issue.fullDatabaseId, '9007199254740995')
  const failed = await query('databaseId')
  assert.equal(failed.data.repository.issue.databaseId, null)
  assert.deepEqual(failed.errors[0].path, ['repository', 'issue', 'databaseId'])
})

test('aliased mutations run in order; one that fails is null and leaves the others be', async () => {
  const { repository, label, milestone, user } = await ids()
  const { data, errors } = await graph(
    sandbox,
    `mutation ($a: CreateIssueInput!, $b: CreateIssueInput!, $c: CreateIssueInput!) {
       m0: createIssue(input: $a) { clientMutationId issue { number labels(first: 9) { nodes { name } }
         milestone { title } assignees(first: 9) { nodes { login } } } }
       m1: createIssue(input: $b) { issue { number } }
       m2: createIssue(input: $c) { issue { number } } }`,
    {
      a: {
        repositoryId: repository,
        title: 'First',
        labelIds: [label],
        milestoneId: milestone,
        assigneeIds: [user],
        clientMutationId: 'k',
      },
      b: { repositoryId: repository, title: '' },
      c: { repositoryId: repository, title: 'Third' },
    },
  )
  assert.deepEqual(data.m0, {
    clientMutationId: 'k',
    issue: {
      number: 7,
      labels: { nodes: [{ name: 'bug' }] },
      milestone: { title: 'v1.0' },
      assignees: { nodes: [{ login: 'hubot' }] },
    },
  })
  assert.equal(data.m1, null)
  assert.deepEqual(data.m2, { issue: { number: 8 } })
  assert.equal(errors.length, 1)
  assert.equal(errors[0].type, 'UNPROCESSABLE')
  assert.deepEqual(errors[0].path, ['m1'])
  assert.equal(errors[0].message, "Title can't be blank")
  assert.equal((await rest(sandbox, `${issues}/8`)).json.title, 'Third')
})

test('updateIssue changes what it is given, and null clears', async () => {
  const { issue } = await ids()
  const { data } = await graph(
    sandbox,
    `mutation ($i: UpdateIssueInput!) { updateIssue(input: $i) {
       issue { state stateReason body milestone { id } labels(first: 1) { totalCount } title } } }`,
    { i: { id: issue, state: 'CLOSED', body: null, milestoneId: null, labelIds: [] } },
  )
  assert.deepEqual(data.updateIssue.issue, {
    state: 'CLOSED',
    stateReason: 'COMPLETED',
    body: '',
    milestone: null,
    labels: { totalCount: 0 },
    title: 'Greet people by their name',
  })
})

test('issues are closed with a reason, opened again and deleted', async () => {
  const { issue } = await ids()
  const closed = await graph(
    sandbox,
    `mutation ($id: ID!) { closeIssue(input: { issueId: $id, stateReason: DUPLICATE }) {
       issue { stateReason full: stateReason(enableDuplicate: true) } } }`,
    { id: issue },
  )
  const { stateReason, full } = closed.data.closeIssue.issue
  assert.deepEqual([stateReason, full], ['NOT_PLANNED', 'DUPLICATE'])
  await graph(
    sandbox,
    'mutation ($id: ID!) { reopenIssue(input: { issueId: $id }) { issue { id } } }',
    { id: issue },
  )
  assert.equal((await rest(sandbox, `${issues}/1`)).json.state_reason, 'reopened')
  const deletion =
    'mutation ($id: ID!) { deleteIssue(input: { issueId: $id }) { repository { id } } }'
  assert.equal((await graph(sandbox, deletion, { id: issue })).errors, undefined)
  assert.equal((await rest(sandbox, `${issues}/1`)).status, 410)
  const again = await graph(sandbox, deletion, { id: issue })
  assert.equal(again.data.deleteIssue, null)
  assert.equal(again.errors[0].type, 'NOT_FOUND')
  assert.match(again.errors[0].message, /Could not resolve to a node with the global id of/)
})

test('labels and comments are made, changed and deleted', async () => {
  const { repository, issue } = await ids()
  const { data } = await graph(
    sandbox,
    `mutation ($r: ID!, $i: ID!) {
       taken: createLabel(input: { repositoryId: $r, name: "BUG", color: "ff0000" }) { label { id } }
       label: createLabel(input: { repositoryId: $r, name: "new", color: "ff0000" }) { label { id } }
       comment: addComment(input: { subjectId: $i, body: "Hi" }) {
         commentEdge { node { id body } } subject { ... on Issue { comments { totalCount } } } } }`,
    { r: repository, i: issue },
  )
  assert.equal(data.taken, null)
  assert.equal(data.comment.commentEdge.node.body, 'Hi')
  assert.equal(data.comment.subject.comments.totalCount, 3)
  const changed = await graph(
    sandbox,
    `mutation ($l: ID!, $c: ID!) {
       updateLabel(input: { id: $l, name: "newer" }) { label { name color } }
       updateIssueComment(input: { id: $c, body: "Ho" }) { issueComment { body } } }`,
    { l: data.label.label.id, c: data.comment.commentEdge.node.id },
  )
  assert.deepEqual(changed.data.updateLabel.label, { name: 'newer', color: 'ff0000' })
  assert.equal(changed.data.updateIssueComment.issueComment.body, 'Ho')
  const removed = await graph(
    sandbox,
    `mutation ($l: ID!, $c: ID!) { deleteLabel(input: { id: $l }) { clientMutationId }
       deleteIssueComment(input: { id: $c }) { clientMutationId } }`,
    { l: data.label.label.id, c: data.comment.commentEdge.node.id },
  )
  assert.equal(removed.errors, undefined)
  assert.equal((await rest(sandbox, '/repos/octo/hello/labels/newer')).status, 404)
})

test('pull requests are changed, merged and no issues', async () => {
  const { pull } = await ids()
  const { data, errors } = await graph(
    sandbox,
    `mutation ($p: ID!) {
       updatePullRequest(input: { pullRequestId: $p, title: "Trim" }) { pullRequest { title } }
       mergePullRequest(input: { pullRequestId: $p }) { pullRequest { state merged } } 
       updateIssue(input: { id: $p, title: "x" }) { issue { id } } }`,
    { p: pull },
  )
  assert.equal(data.updatePullRequest.pullRequest.title, 'Trim')
  assert.deepEqual(data.mergePullRequest.pullRequest, { state: 'MERGED', merged: true })
  assert.equal(
    errors[0].message,
    `Could not resolve to Issue node with the global id of '${pull}'.`,
  )
})

test('a repository that may only be read forbids, one that may not be seen is not found', async () => {
  const { readonly, readonlyIssue } = await ids()
  const { data, errors } = await graph(
    sandbox,
    `mutation ($r: ID!, $i: ID!) { a: createIssue(input: { repositoryId: $r, title: "x" }) { issue { id } }
       b: deleteIssue(input: { issueId: $i }) { clientMutationId } }`,
    { r: readonly, i: readonlyIssue },
  )
  assert.deepEqual(data, { a: null, b: null })
  assert.deepEqual(errors.map((error: { type: string }) => error.type), ['FORBIDDEN', 'FORBIDDEN'])
  assert.equal(errors[0].message, 'Resource not accessible by integration')
  const secret = await graph(sandbox, '{ repository(owner: "octo", name: "secret") { id } }')
  assert.equal(secret.data.repository, null)
  assert.equal(secret.errors[0].type, 'NOT_FOUND')
  assert.equal(
    secret.errors[0].message,
    "Could not resolve to a Repository with the name 'octo/secret'.",
  )
})

test('connections need bounds, keep to a hundred, and go on at a cursor', async () => {
  const labels = (args: string) =>
    graph(
      sandbox,
      `{ repository(owner: "octo", name: "hello") { labels${args} {
           nodes { name } totalCount pageInfo { hasNextPage endCursor } } } }`,
    )
  const unbounded = await labels('')
  assert.equal(unbounded.errors[0].type, 'MISSING_PAGINATION_BOUNDARIES')
  assert.equal((await labels('(first: 101)')).errors[0].type, 'EXCESSIVE_PAGINATION')
  assert.equal((await labels('(first: 1, after: "x")')).errors[0].type, 'INVALID_CURSOR_ARGUMENTS')
  const first = (await labels('(first: 5)')).data.repository.labels
  assert.equal(first.totalCount, 9)
  assert.equal(first.pageInfo.hasNextPage, true)
  const rest =
    (await labels(`(first: 5, after: "${first.pageInfo.endCursor}")`)).data.repository.labels
  assert.equal(rest.pageInfo.hasNextPage, false)
  const names = [...first.nodes, ...rest.nodes].map(({ name }) => name)
  assert.equal(new Set(names).size, 9)
})

test('issues are filtered and ordered, without the pull requests', async () => {
  const numbers = async (args: string) => {
    const { data } = await graph(
      sandbox,
      `{ repository(owner: "octo", name: "hello") { issues(first: 9, ${args}) { nodes { number } } } }`,
    )
    return data.repository.issues.nodes.map(({ number }: { number: number }) => number)
  }
  assert.deepEqual(await numbers('orderBy: { field: CREATED_AT, direction: DESC }'), [3, 2, 1])
  assert.deepEqual(await numbers('states: [CLOSED]'), [3])
  assert.deepEqual(await numbers('labels: ["bug", "enhancement"]'), [1, 2])
  assert.deepEqual(await numbers('filterBy: { assignee: "hubot" }'), [1])
})

test('nodes that are there come beside null and an error for those that are not', async () => {
  const { issue } = await ids()
  const { data, errors } = await graph(
    sandbox,
    'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Issue { number } } }',
    { ids: ['I_nothing', issue] },
  )
  assert.deepEqual(data.nodes, [null, { __typename: 'Issue', number: 1 }])
  assert.deepEqual(errors[0].path, ['nodes', 0])
})

test('what does not fit the schema is refused whole, with status 200', async () => {
  const unknown = await graph(sandbox, '{ viewer { bioHtml } }')
  assert.equal(unknown.data, null)
  assert.equal(unknown.errors[0].message, "Field 'bioHtml' doesn't exist on type 'User'")
  const { repository } = await ids()
  const partly = await graph(
    sandbox,
    `mutation ($r: ID!) { a: createIssue(input: { repositoryId: $r, title: "x" }) { issue { id } }
       b: createIssue(input: { repositoryId: $r }) { issue { id } } }`,
    { r: repository },
  )
  assert.equal(partly.data, null)
  assert.equal((await rest(sandbox, `${issues}/7`)).status, 404)
  const variable = await graph(sandbox, 'query ($id: ID!) { node(id: $id) { id } }')
  assert.match(variable.errors[0].message, /\$id/)
})

test('a field that the sandbox has no answer to says so, and is not null in silence', async () => {
  const { data, errors } = await graph(sandbox, '{ viewer { login bioHTML } }')
  assert.equal(data, null)
  assert.equal(errors[0].type, 'NOT_IN_SANDBOX')
  assert.equal(errors[0].message, 'The sandbox does not answer User.bioHTML')
})

test('a body without a query is refused', async () => {
  const empty = await post(sandbox, '/graphql', {})
  assert.equal(empty.status, 400)
  assert.match(empty.json.message, /query attribute must be specified/)
  assert.equal((await post(sandbox, '/graphql', '{')).json.message, 'Problems parsing JSON')
})

test('the rate limit tells what a query costs', async () => {
  const { data } = await graph(
    sandbox,
    `{ rateLimit { cost limit nodeCount used remaining }
       repository(owner: "octo", name: "hello") { issues(first: 100) { nodes {
         labels(first: 60) { nodes { name } } comments(first: 10) { totalCount } } } } }`,
  )
  assert.deepEqual(data.rateLimit, {
    cost: 2, // 1 + 100 + 100 requests, in hundreds
    limit: 5000,
    nodeCount: 7100,
    used: 2,
    remaining: 4998,
  })
})
