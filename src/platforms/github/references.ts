// Room platforms: what rows refer to by name and GitHub's GraphQL API by node id. All names of a statement are looked up in
// one document before anything is written; nothing is remembered, since a name can go to another repository or label.

import { Fault, fault, type FaultData, faultData } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import { isJsonObject, type Json } from '../json.ts'
import type { Caller } from '../platform.ts'
import { keyOf } from '../words.ts'
import { call, type GraphqlRequest } from './client.ts'
import { type GraphqlAnswer, readAnswer } from './errors.ts'
import { faultOfGraphql, faultOfResponse, type Place, placeOf, rateFault } from './faults.ts'
import { isLimit, limitedBy } from './limited.ts'
import type { Target } from './rest.ts'

/** What a row refers to. `repository` is `owner/name`, numbers are their text. */
export type Reference =
  | { readonly kind: 'repository'; readonly repository: string }
  | { readonly kind: 'label'; readonly repository: string; readonly name: string }
  | { readonly kind: 'milestone' | 'issue'; readonly repository: string; readonly number: string }
  | { readonly kind: 'user'; readonly login: string }

/** Reference, by `wordOf`, → node id, or why there is none. */
export type Names = ReadonlyMap<string, string | Lack>

/** `repository`: it is the repository that was not found. `fault`: another reason than that it is not there. */
interface Lack {
  readonly missing: 'repository' | 'thing'
  readonly fault?: FaultData
}

/** Look-ups in one document: enough for 100 rows with labels, and far below GitHub's limit of nodes. */
const referencesMax = 300

/** The reference as one word; GitHub's names do not tell case. */
export function wordOf(reference: Reference): string {
  return JSON.stringify([reference.kind, ...namesIn(reference)]).toLowerCase()
}

function namesIn(reference: Reference): string[] {
  switch (reference.kind) {
    case 'repository':
      return [reference.repository]
    case 'label':
      return [reference.repository, reference.name]
    case 'milestone':
    case 'issue':
      return [reference.repository, reference.number]
    case 'user':
      return [reference.login]
  }
}

/**
 * Looks the references up, in one document for every 300 different ones.
 * @throws Fault when GitHub gives no answer; nothing was written
 */
export async function lookUp(
  references: readonly Reference[],
  { caller, place }: { caller: Caller; place: Place },
): Promise<Names> {
  const different = [...new Map(references.map((each) => [wordOf(each), each])).values()]
  const names = new Map<string, string | Lack>()
  for (let at = 0; at < different.length; at += referencesMax) {
    const some = different.slice(at, at + referencesMax)
    const answer = await ask(lookUpOf(some), { caller, place })
    for (const [i, reference] of some.entries()) {
      names.set(wordOf(reference), found(reference, { answer, alias: `a${i}`, place }))
    }
  }
  return names
}

async function ask(
  request: GraphqlRequest,
  { caller, place }: { caller: Caller; place: Place },
): Promise<GraphqlAnswer> {
  const reply = await call(request, caller)
  if (reply.state === 'unsent') throw new Fault({ ...placeOf(place), ...reply.fault })
  if (reply.state === 'lost') throw unanswered(reply.reason, place)
  const { response } = reply
  if (response.status !== 200) throw new Fault(faultOfResponse(response, place))
  const answer = readAnswer(response.body)
  const limit = answer?.errors.find(isLimit)
  if (limit !== undefined) {
    const waitMs = limitedBy(response)?.waitMs ?? 0
    throw new Fault(rateFault(limit.message, { ...place, waitMs }))
  }
  const whole = answer?.errors.find(({ path }) => path.length === 0)
  if (answer === undefined || answer.data === null || whole !== undefined) {
    throw unanswered(whole?.message ?? 'The answer cannot be read.', place)
  }
  return answer
}

function unanswered(detail: string, place: Place): Fault {
  return fault('platform_failed', {
    ...placeOf(place),
    message: 'github did not say what the rows refer to, nothing was written',
    detail,
  })
}

/** One alias for each reference; names travel as variables. */
function lookUpOf(references: readonly Reference[]): GraphqlRequest {
  const variables: Record<string, string> = {}
  const variable = (name: string, value: string) => {
    variables[name] = value
    return `$${name}`
  }
  const fields = references.map((reference, i) => {
    const { field, name } = fieldOf(reference)
    if (reference.kind === 'user') {
      return `a${i}: user(login: ${variable(`u${i}`, reference.login)}) { id }`
    }
    const [owner = '', repository = ''] = reference.repository.split('/')
    const inner = name === undefined ? field : field.replace('?', variable(`v${i}`, name))
    return `a${i}: repository(owner: ${variable(`o${i}`, owner)}, ` +
      `name: ${variable(`n${i}`, repository)}) { ${inner} }`
  })
  const parameters = Object.keys(variables).map((name) => `$${name}: String!`).join(', ')
  return { kind: 'graphql', query: `query(${parameters}) { ${fields.join(' ')} }`, variables }
}

/** What is selected; `?` stands for the name. Numbers are digits and stand in the document. */
function fieldOf(reference: Reference): { field: string; name?: string } {
  switch (reference.kind) {
    case 'label':
      return { field: 'it: label(name: ?) { id }', name: reference.name }
    case 'milestone':
      return { field: `it: milestone(number: ${reference.number}) { id }` }
    case 'issue':
      return {
        field: `it: issueOrPullRequest(number: ${reference.number}) ` +
          '{ ... on Issue { id } ... on PullRequest { id } }',
      }
    case 'repository':
    case 'user':
      return { field: 'id' }
  }
}

function found(
  reference: Reference,
  { answer, alias, place }: { answer: GraphqlAnswer; alias: string; place: Place },
): string | Lack {
  const top = answer.data?.[alias] ?? null
  const direct = reference.kind === 'repository' || reference.kind === 'user'
  const id = idIn(direct ? top : isJsonObject(top) ? top['it'] ?? null : null)
  if (id !== undefined) return id
  const missing = top === null && reference.kind !== 'user' ? 'repository' : 'thing'
  const error = answer.errors.find(({ path }) => path[0] === alias)
  if (error === undefined || error.type === 'NOT_FOUND') return { missing }
  return { missing, fault: faultOfGraphql(error, { ...place, waitMs: 0 }) }
}

function idIn(json: Json): string | undefined {
  const id = isJsonObject(json) ? json['id'] : undefined
  return typeof id === 'string' && id !== '' ? id : undefined
}

/**
 * The node id of what a row refers to.
 * @throws Fault reference_missing with row and column; for a repository not_permitted (an insert: GitHub shows a missing
 * permission as not found) or record_gone
 */
export function nodeIdOf(
  reference: Reference,
  { names, row, target }: { names: Names; row: PlannedRow; target: Target },
): string {
  const name = names.get(wordOf(reference)) ?? { missing: 'thing' }
  if (typeof name === 'string') return name
  const { table, operation } = target
  const place = { table, row, operation }
  if (name.fault !== undefined) throw new Fault({ ...name.fault, row: row.ordinal })
  if (name.missing === 'repository' && reference.kind !== 'user') {
    const message = `Could not resolve to a Repository with the name '${reference.repository}'.`
    const error = { type: 'NOT_FOUND', message, path: [], located: false }
    throw new Fault({
      ...faultOfGraphql(error, { ...place, waitMs: 0 }),
      column: 'repository',
    })
  }
  throw new Fault(faultData('reference_missing', { ...placeOf(place), ...lackOf(reference) }))
}

function lackOf(reference: Reference): { column: string; detail: string } {
  switch (reference.kind) {
    case 'repository':
      return lack('repository', reference.repository, 'does not exist')
    case 'label':
      return lack('labels', reference.name, `is not a label of ${reference.repository}`)
    case 'milestone':
      return lack('milestone', reference.number, `is not a milestone of ${reference.repository}`)
    case 'issue':
      return lack('issue_number', reference.number, `is not an issue of ${reference.repository}`)
    case 'user':
      return lack('assignees', reference.login, 'is not a user of GitHub')
  }
}

function lack(column: string, value: string, say: string) {
  return { column, detail: `${keyOf(column, value)} ${say}.` }
}
