// Room platforms: one call of the HubSpot API: the SDK makes the request, our transport carries it, and what comes back
// is the transport's own raw answer. The SDK's `Client` is not used: its retries and limits are one for the process.

import { Buffer } from 'node:buffer'
import * as objects from '@hubspot/api-client/lib/codegen/crm/objects/index.js'
import * as properties from '@hubspot/api-client/lib/codegen/crm/properties/index.js'
import * as schemas from '@hubspot/api-client/lib/codegen/crm/schemas/index.js'
import type { HttpRequest, HttpResponse } from '../../lib/http.ts'
import { type Attempt, callThrough, type Reply } from '../call.ts'
import type { Caller } from '../platform.ts'

/** The parts of the SDK that we use, bound to one account, one token and one request. */
export interface Sdk {
  readonly basic: objects.BasicApi
  readonly batch: objects.BatchApi
  readonly search: objects.SearchApi
  readonly properties: properties.CoreApi
  readonly schemas: schemas.CoreApi
}

/**
 * Has the SDK send one request, once; once more only with a new token after the platform refused the first one (401,
 * which is answered before anything is carried out). Never throws for what network, platform or credential did.
 */
export async function call(
  run: (sdk: Sdk) => Promise<unknown>,
  caller: Caller,
): Promise<Reply> {
  return await callThrough((attempt) => run(sdkFor(attempt, caller)), caller, {
    platform: 'hubspot',
  })
}

function sdkFor(attempt: Attempt, { baseUrl }: Caller): Sdk {
  const authMethods = { oauth2: { accessToken: attempt.token } }
  const ofObjects = objects.createConfiguration({
    baseServer: new objects.ServerConfiguration(baseUrl, {}),
    authMethods,
    httpApi: objects.wrapHttpLibrary({
      send: async (request) => answered(objects.ResponseContext, await carry(request, attempt)),
    }),
  })
  const ofProperties = properties.createConfiguration({
    baseServer: new properties.ServerConfiguration(baseUrl, {}),
    authMethods,
    httpApi: properties.wrapHttpLibrary({
      send: async (request) => answered(properties.ResponseContext, await carry(request, attempt)),
    }),
  })
  const ofSchemas = schemas.createConfiguration({
    baseServer: new schemas.ServerConfiguration(baseUrl, {}),
    authMethods,
    httpApi: schemas.wrapHttpLibrary({
      send: async (request) => answered(schemas.ResponseContext, await carry(request, attempt)),
    }),
  })
  return {
    basic: new objects.BasicApi(ofObjects),
    batch: new objects.BatchApi(ofObjects),
    search: new objects.SearchApi(ofObjects),
    properties: new properties.CoreApi(ofProperties),
    schemas: new schemas.CoreApi(ofSchemas),
  }
}

/** What the three generated clients of the SDK, each with classes of its own, have in common. */
interface SdkRequest {
  getUrl(): string
  getHttpMethod(): string
  getHeaders(): Record<string, string>
  getBody(): unknown
}

async function carry(request: SdkRequest, attempt: Attempt): Promise<HttpResponse> {
  const body = request.getBody()
  return await attempt.send({
    method: request.getHttpMethod() as HttpRequest['method'],
    url: request.getUrl(),
    headers: request.getHeaders(),
    ...(typeof body === 'string' ? { body } : {}),
  })
}

interface SdkBody {
  text(): Promise<string>
  binary(): Promise<Buffer>
}

function answered<T>(
  Context: new (status: number, headers: Record<string, string>, body: SdkBody) => T,
  { status, headers, body }: HttpResponse,
): T {
  return new Context(status, { ...headers }, {
    text: () => Promise.resolve(body),
    binary: () => Promise.resolve(Buffer.from(body)),
  })
}
