// Goal: many records in one request fail, or fail in part, as at HubSpot. Method: the CRM API over real sockets; expected
// answers are HubSpot's own (documentation, recorded answers).

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { type Answer, ask } from './client.ts'

const sandbox = await startSandbox({ port: 0 })
beforeEach(() => sandbox.reset())
after(() => sandbox.close())

const batch = (action: string, body: unknown, type = 'contacts'): Promise<Answer> =>
  ask(sandbox, `/hubspot/crm/v3/objects/${type}/batch/${action}`, { method: 'POST', body })

const ids = ({ json }: Answer): string[] => json.results.map((one: { id: string }) => one.id)

const countOf = async (): Promise<number> =>
  (await ask(sandbox, '/_records/hubspot/contacts')).json.length

const person = (name: string, more: object = {}) => ({
  properties: { email: `${name}@b.example`, firstname: name },
  ...more,
})

const make = async (...names: string[]): Promise<string[]> => {
  const answer = await batch('create', { inputs: names.map((name) => person(name)) })
  assert.equal(answer.status, 201)
  return ids(answer).toReversed()
}

test('a batch of new records answers 201 and not in the order of its inputs', async () => {
  const answer = await batch('create', { inputs: [person('a'), person('b')] })
  assert.equal(answer.status, 201)
  assert.equal(answer.json.status, 'COMPLETE')
  assert.equal('numErrors' in answer.json, false)
  const names = answer.json.results.map((one: { properties: { firstname: string } }) =>
    one.properties.firstname
  )
  assert.deepEqual(names, ['b', 'a'])
})

test('without trace ids one bad input fails the whole batch', async () => {
  const before = await countOf()
  const invalid = await batch('create', {
    inputs: [person('a'), { properties: { first000name: 'x' } }, { properties: { nope: 'x' } }],
  })
  assert.deepEqual([invalid.status, invalid.json.category], [400, 'VALIDATION_ERROR'])
  assert.deepEqual(
    invalid.json.errors.map((one: { context: { propertyName: string[] } }) =>
      one.context.propertyName[0]
    ),
    ['first000name', 'nope'],
  )
  const twice = await batch('create', { inputs: [person('a'), person('a')] })
  assert.deepEqual(
    [twice.status, twice.json.category, twice.json.message],
    [409, 'CONFLICT', 'Contact already exists'],
  )
  const halfTraced = await batch('create', {
    inputs: [person('a', { objectWriteTraceId: '0' }), { properties: { nope: 'x' } }],
  })
  assert.equal(halfTraced.status, 400)
  assert.equal(await countOf(), before)
})

test('with trace ids the good inputs are made and each bad one is told by its trace id', async () => {
  const [existing] = await make('a')
  const answer = await batch('create', {
    inputs: [
      person('a', { objectWriteTraceId: 't0' }),
      person('b', { objectWriteTraceId: 't1' }),
      { properties: { email: 'bad' }, objectWriteTraceId: 't2' },
    ],
  })
  assert.equal(answer.status, 207)
  assert.equal(answer.json.status, 'COMPLETE')
  assert.equal(answer.json.numErrors, 2)
  assert.deepEqual(
    answer.json.results.map((one: { objectWriteTraceId: string }) => one.objectWriteTraceId),
    ['t1'],
  )
  const [conflict, invalid] = answer.json.errors
  assert.deepEqual(conflict, {
    status: 'error',
    category: 'CONFLICT',
    message: `Contact already exists. Existing ID: ${existing}`,
    context: { objectWriteTraceId: ['t0'], existingId: [existing] },
  })
  assert.equal(invalid.category, 'VALIDATION_ERROR')
  assert.deepEqual(invalid.context, { objectWriteTraceId: ['t2'] })
  assert.match(invalid.message, /^Property values were not valid: \[\{"isValid":false,/)
})

test('a batch of changes answers 207 for those of its inputs that fail', async () => {
  const [a = '', b = ''] = await make('a', 'b')
  const answer = await batch('update', {
    inputs: [
      { id: a, properties: { firstname: 'changed' } },
      { id: 'unknown888', properties: { firstname: 'x' } },
      { id: b, properties: { email: 'bad' } },
      { id: '999', properties: {} },
    ],
  })
  assert.equal(answer.status, 207)
  assert.deepEqual(ids(answer), [a])
  assert.equal(answer.json.results[0].properties.firstname, 'changed')
  assert.equal(answer.json.numErrors, 2)
  const [invalid, missing] = answer.json.errors
  assert.deepEqual(invalid.context, { ids: [b] })
  assert.deepEqual(missing, {
    status: 'error',
    category: 'OBJECT_NOT_FOUND',
    message:
      'Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.',
    context: { ids: ['unknown888', '999'] },
  })
  const good = await batch('update', {
    inputs: [{ id: 'a@b.example', idProperty: 'email', properties: { phone: '1' } }],
  })
  assert.deepEqual([good.status, ids(good)], [200, [a]])
})

test('the same id twice in a batch of changes fails it', async () => {
  const [a = ''] = await make('a')
  const input = { id: a, properties: { firstname: 'x' } }
  const answer = await batch('update', { inputs: [input, input] })
  assert.equal(answer.status, 400)
  assert.equal(
    answer.json.message,
    `Duplicate IDs found in batch input: [${a}]. IDs must be unique`,
  )
  assert.deepEqual(answer.json.context, { ids: [a] })
})

test('an upsert changes what there is, makes what there is not, and says which', async () => {
  const [a = ''] = await make('a')
  const input = (email: string, properties: object, traceId: string) => ({
    id: email,
    idProperty: 'email',
    objectWriteTraceId: traceId,
    properties,
  })
  const answer = await batch('upsert', {
    inputs: [
      input('a@b.example', { firstname: 'again' }, '0'),
      input('new@b.example', { firstname: 'new' }, '1'),
      input('bad', { firstname: 'bad' }, '2'),
    ],
  })
  assert.equal(answer.status, 207)
  const results = new Map<string, { new: boolean; id: string }>(
    answer.json.results.map((one: { objectWriteTraceId: string }) => [one.objectWriteTraceId, one]),
  )
  assert.deepEqual([results.get('0')?.new, results.get('0')?.id], [false, a])
  assert.equal(results.get('1')?.new, true)
  assert.deepEqual(answer.json.errors[0].context, { ids: ['bad'], objectWriteTraceId: ['2'] })
  const wrong = await batch('upsert', {
    inputs: [{ id: 'x', idProperty: 'firstname', properties: {} }],
  })
  assert.equal(wrong.status, 400)
})

test('a batch is read by id or by a unique property, with the missing told', async () => {
  const [a = '', b = ''] = await make('a', 'b')
  const whole = await batch('read', {
    inputs: [{ id: a }, { id: b }],
    properties: ['email'],
    propertiesWithHistory: [],
  })
  assert.deepEqual([whole.status, ids(whole)], [200, [b, a]])
  const partial = await batch('read', {
    inputs: [{ id: 'a@b.example' }, { id: 'x@b.example' }],
    idProperty: 'email',
    properties: [],
    propertiesWithHistory: [],
  })
  assert.deepEqual([partial.status, ids(partial)], [207, [a]])
  assert.deepEqual(partial.json.errors[0].context, { ids: ['x@b.example'] })
})

test('archiving says nothing of ids that it does not know', async () => {
  const [a = '', b = ''] = await make('a', 'b')
  const answer = await batch('archive', { inputs: [{ id: a }, { id: '1' }, { id: 'x' }] })
  assert.deepEqual([answer.status, answer.text], [204, ''])
  const { json } = await ask(sandbox, '/_records/hubspot/contacts')
  const living = json.map((one: { id: string }) => one.id)
  assert.deepEqual([living.includes(a), living.includes(b)], [false, true])
})

test('a hundred inputs are taken and one more is not', async () => {
  const inputs = (count: number) =>
    Array.from({ length: count }, (_, index) => person(`p${count}-${index}`))
  assert.equal((await batch('create', { inputs: inputs(100) })).status, 201)
  const over = await batch('create', { inputs: inputs(101) })
  assert.equal(over.status, 400)
  assert.match(over.json.message, /^The maximum number of inputs supported in a batch is 100\./)
})

test('a batch over a custom object keeps its unique property unique', async () => {
  const answer = await batch('create', {
    inputs: [
      { properties: { model: 'x', vin: 'ORN-0001' }, objectWriteTraceId: 'a' },
      { properties: { vin: 'ORN-9' }, objectWriteTraceId: 'b' },
    ],
  }, 'p_cars')
  assert.equal(answer.status, 207)
  assert.match(answer.json.errors[0].message, /innerId=2-123456}, propertyName=vin/)
  assert.deepEqual(answer.json.errors[1].context, {
    objectWriteTraceId: ['b'],
    properties: ['model'],
  })
})
