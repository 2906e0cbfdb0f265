// What each body of shared/specs/real-errors.json means, by digest of platform, request, status and body: outcome, SQLSTATE,
// column and row of the fault; of a partial outcome those of each row that was not written. The comments say what the body
// is; the bodies themselves are not part of the project.

export const expected: Readonly<Record<string, string>> = {
  'salesforce 8de27398': 'refused 23502 row 1', // 400 collections call with no records
  'salesforce 68733d83': 'refused 23502 last_name row 1', // 200 collections, allOrNone: the culprit says why, the others
  'salesforce 63ac37b3': 'refused 23502 row 1', // 200 collections update without Id
  'salesforce 2c279b59': 'refused 42703 row 2', // 200 collections update with an unknown field
  'salesforce 3b8581b8': 'refused P0002 row 1', // 404 delete of a record already deleted
  'salesforce c40a4836': 'refused 428C9 row 1', // 400 field not writable
  'salesforce 015ddcfa': 'refused 42703 row 1', // 400 unknown field
  'salesforce 061c9749': 'read 42704', // 400 unknown object in SOQL
  'salesforce 10f46d3a': 'refused 23505 row 1', // 400 DUPLICATE_VALUE with both fields
  'salesforce d07b3902': 'refused 22P02 row 1', // 200 collections upsert whose records lack attributes: HTTP 2
  'salesforce f5567aa1': 'refused 23514 email row 1', // 400 bad e-mail on create/update of one record
  'salesforce f61d41b5': 'refused 23505 row 1', // 400 duplicate rule hit on a single create; send Sforce-Dupli
  'salesforce 28728e41': 'unknown 40003', // 200 duplicate rule hit inside collections (allOrNone:false)
  'salesforce 6e7fa12e': 'refused 23505 row 1', // 400 duplicate rule hit on upsert by external id (PATCH); the
  'salesforce 9b297c54': 'read 28000', // 401 token expired or revoked: refresh and retry
  'salesforce fab4c5f9': 'refused 23502 last_name row 1', // 400 required field absent on create
  'salesforce e21a29a3': 'refused 42703 row 1', // 400 unknown field
  'salesforce 1abc62ed': 'refused P0002 row 1', // 404 external id field unknown
  'salesforce 6601981b': 'refused 58000 row 1', // 400 bad SOSL
  'salesforce d1f45a00': 'tokens 28000', // 400 OAuth: wrong password
  'salesforce f561ad68': 'tokens 28000', // 400 OAuth: refresh token expired
  'salesforce a7e3c843': 'refused 22001 name row 1', // 400 longer than the field
  'salesforce 2cc0975b': 'refused 23514 status__c row 1', // 400 value not in a restricted picklist
  'salesforce e170fe7a': 'refused 23505 external_id__c row 1', // 400 unique field taken
  'salesforce 4b263a43': 'refused 23514 row 1', // 400 validation rule (its text is the message)
  'salesforce 3f2f01b4': 'refused 23503 row 1', // 400 id of the wrong form
  'salesforce f2a24c4b': 'refused 55P03 row 1', // 400 row lock: retry
  'salesforce 9b6ee330': 'refused 22P02 row 1', // 400 bad JSON
  'salesforce 93158bd2': 'refused 42501 row 1', // 403 no right on the record
  'salesforce 25e7632c': 'refused 53400 row 1', // 403 daily API limit (403, not 429)
  'salesforce 58d496b5': 'refused P0002 row 1', // 404 no such object/record
  'salesforce 66c780df': 'refused 0A000 row 1', // 405 wrong method
  'salesforce 275eee68': 'unknown 40003', // 503 overloaded: retry
  'hubspot 71f7bf8a': 'refused 23505 email', // 409 batch create without objectWriteTraceId: the whole call
  'hubspot c677f78f': 'refused 42703', // 400 unknown properties: the message holds a JSON list; error
  'hubspot 1c89e1ef': 'partial SL003; refused 23505 email row 2', // 207 partial success, possible when each input has objectWrit
  'hubspot ff1bba6f': 'refused 23514 row 1', // 400 the same id twice in a batch update
  'hubspot 17e09bca': 'partial SL003; refused P0002 row 2', // 207 unknown ids in a batch update: OBJECT_NOT_FOUND with con
  'hubspot e38273db': 'refused 23503 row 1', // 207 associations v4 batch with bad ids
  'hubspot 2f1675a1': 'read 42501', // 403 MISSING_SCOPES with context.requiredGranularScopes
  'hubspot 7507c9d2': 'refused 42704 row 1', // 400 unknown object type: no category
  'hubspot cb9a1002': 'refused 23514 email row 1', // 400 invalid e-mail on create/update
  'hubspot bbe69937': 'refused 23505 email row 1', // 409 single create of an existing e-mail; the id is only in t
  'hubspot dc42f653': 'refused 22P02', // 400 body does not deserialise: no category
  'hubspot 717b73b6': 'refused 28000 row 1', // 401 no or wrong token
  'hubspot 8e5af2f4': 'refused 53400 row 1', // 429 per-second limit. Newer answers say policyName TEN_SECON
  'hubspot d613301b': 'refused 53400 row 1', // 429 burst limit of a private app; the SDK looks for policyNa
  'stripe e62c20b0': 'read 28000', // 401 wrong or revoked API key (401)
  'stripe dc388ba8': 'refused P0002 row 1', // 404 id does not exist: 404 on the resource itself, param "id
  'stripe f5182376': 'refused P0002 row 1', // 404 id does not exist: 404 on the resource itself, param "id
  'stripe d6ea204c': 'refused 23503 row 1', // 400 subscription needs a default payment method: 400, code r
  'stripe d335957f': 'read 23514', // 400 conditional parameter missing: no code, no param
  'stripe 5ad15cfe': 'refused 23514 amount row 1', // 400 amount under the minimum: parameter_invalid_integer
  'stripe 9548e15f': 'refused 23503 payment_method row 1', // 404 payment method in the path does not exist: 404
  'stripe e600b0be': 'refused 23503 row 1', // 400 a referenced object in the body does not exist: 400 (not
  'stripe 99f26a0b': 'refused 23503 payment_method row 1', // 404 payment method in the path does not exist: 404
  'stripe e3e4d652': 'refused 23514 row 1', // 402 card_error, 402, decline_code set
  'stripe b3fc14dc': 'refused 23514 amount row 1', // 400 amount under the minimum: parameter_invalid_integer
  'stripe 2f9cebf6': 'refused 28000 row 1', // 401 wrong or revoked API key (401)
  'stripe 2f690560': 'refused 23503 row 1', // 400 subscription needs a default payment method: 400, code r
  'stripe 237f8ee5': 'refused 23514 row 1', // 402 card_error, 402, decline_code set
  'stripe 78aac3b9': 'refused 23514 amount row 1', // 400 amount under the minimum: parameter_invalid_integer
  'stripe 1d207907': 'refused 23503 payment_method row 1', // 404 payment method in the path does not exist: 404
  'stripe 86863424': 'refused 23503 items row 1', // 400 a referenced object in the body does not exist: 400 (not
  'stripe dabbd47e': 'refused 23503 payment_method row 1', // 404 payment method in the path does not exist: 404
  'stripe 2d917e44': 'refused 28000 row 1', // 401 wrong or revoked API key (401)
  'stripe d43843c0': 'refused 28000 row 1', // 401 wrong or revoked API key (401)
  'stripe 4f8fa665': 'refused P0002 row 1', // 404 id does not exist: 404 on the resource itself, param "id
  'stripe 1d76ebd7': 'read 42703', // 400 parameter_unknown: unknown query/body parameter, param n
  'stripe 9fab31a6': 'refused P0002 row 1', // 404 resource_missing on DELETE of an unknown customer
  'stripe 66f4890b': 'unknown 40003 row 1', // 400 Idempotency-Key reused with other parameters (same endpo
  'stripe b603ea0e': 'unknown 40003 row 1', // 400 Idempotency-Key reused on another endpoint (the 2017 rep
  'stripe 7bacf26f': 'refused 55P03 row 1', // 429 lock_timeout: SDKs retry it (rate_limit 429s they do
  'stripe 9232750c': 'refused 53400 row 1', // 429 rate limited: SDK picks StripeRateLimitError from status
  'airtable 8c3c0b1e': 'refused 42703 sessionid row 1', // 422 field name (or id) not in the table
  'airtable 106df74b': 'refused 22P02 fallbacktriggered row 1', // 422 value cannot be read as the field type (typecast off)
  'airtable 8a8a140a': 'refused 23514 title row 1', // 422 value of the wrong kind for the field
  'airtable a8b38b20': 'refused 22P02 dibuat row 1', // 422 date not ISO 8601
  'airtable 5ed1244e': 'refused 22P02 status row 1', // 422 select option does not exist and typecast is off (note t
  'airtable 6c6fcc6f': 'refused 23503 row 1', // 422 linked record field given something that is not a record
  'airtable 4b9a40db': 'read 42501', // 403 unknown base/table/record or no access: 403, not 404
  'airtable 5b206937': 'refused P0002 row 1', // 404 unknown route or record: error is a bare string
  'airtable 5521c3be': 'refused 28000 row 1', // 401 missing or wrong token
  'airtable bd533d16': 'refused 53400 row 1', // 429 5 requests per second per base; wait 30 s. airtable.js r
  'github 105a8e28': 'read 42704', // 404
  'github 6b64201a': 'refused 23514 color row 1', // 422 validation: bad colour
  'github 48fd8339': 'read 28000', // 401 bad token (401)
  'github d4fa5265': 'read 28000', // 403 locked out after bad credentials (403)
  'github 7f5888c5': 'refused 23514 row 1', // 422 validation error with errors as plain strings
  'github 83832a7d': 'refused 23514 row 1', // 422 "Invalid request." JSON-schema failure text in messa
  'github 61d7a2af': 'refused 23514 row 1', // 422, in GitHub's own words
  'github 3354bc2d': 'refused 23514 row 1', // 422 validation: code custom
  'github eceb9b25': 'read 42704', // 404
  'github 8570bed9': 'refused 28000 row 1', // 401, in GitHub's own words
  'github aa22df0c': 'refused 22023 row 1', // 400 bad JSON body (400)
  'github 7bcbc44c': 'refused 23514 row 1', // 422, in GitHub's own words
  'github bf16f47a': 'read 28000', // 401, in GitHub's own words
  'github b97cf6ee': 'refused 23514 row 1', // 422, in GitHub's own words
  'github 4eb06204': 'refused 23514 row 1', // 422, in GitHub's own words
  'github 601d7678': 'refused 42501 row 1', // 403 token lacks the right (403)
  'github 56680766': 'read 42501', // 403 token lacks the right (403)
  'github 8acb524b': 'refused 23514 row 1', // 422, in GitHub's own words
  'github 3b7395e0': 'read 42501', // 403 token lacks the right (403)
  'github 69821940': 'refused 55P03 row 1', // 409 merge conflict
  'github 88a92248': 'refused 55P03 row 1', // 409 merge conflict
  'github ed3d3853': 'refused 23514 row 1', // 422, in GitHub's own words
  'github d49dc074': 'read 22023', // 400, in GitHub's own words
  'github fcd26672': 'read 28000', // 401 OTP needed (401, x-github-otp header)
  'github ad3756b7': 'read 53400', // 403 secondary rate limit, old wording (403)
  'github e8fcc7bf': 'read 42501', // 403 request without User-Agent (403)
  'github 540b20fa': 'read 53400', // 403 primary rate limit (403, x-ratelimit-remaining: 0)
  'github 889e0b29': 'refused 23502 row 1', // 422 with message only
  'github 03deaf71': 'refused 23514 row 1', // 422 with message only
  'github 05d1c906': 'refused 42501 row 1', // 403, in GitHub's own words
  'github 9be329ff': 'refused 42501 row 1', // 403 token lacks the right (403)
  'github 691a2fa8': 'refused 42501 row 1', // 403 token lacks the right (403)
  'github 604b55b3': 'refused 42501 row 1', // 403 token lacks the right (403)
  'github b8285da7': 'refused 42501 row 1', // 403 token lacks the right (403)
  'github 43d805f8': 'refused 23503 row 1', // 422 on delete of a missing ref
  'github 045956eb': 'refused 23505 row 1', // 422 validation: code custom with message, no field
  'github 9eb2b90d': 'refused 23503 row 1', // 422 on delete of a missing ref
  'github 6bc56d4b': 'refused 23503 row 1', // 422 on delete of a missing ref
  'github 3faf472c': 'refused 28000 row 1', // 401 bad token (401)
  'github b1e1d537': 'refused 0A000 row 1', // 405, in GitHub's own words
  'github b4cebc7f': 'refused 53400 row 1', // 403 secondary rate limit on content creation, wording of 202
  'github e8fffc44': 'refused 53400 row 1', // 403 secondary rate limit, generic wording (2021-2024)
  'github 1058b8d7': 'refused 53400 row 1', // 403 primary rate limit for an app installation (403; 429 als
  'github 1f7675c8': 'refused 55P03 row 1', // 409 stale sha on contents update
  'github 3355c3f0': 'refused 58000 row 1', // 200 GraphQL partial data: nulls in data next to errors
  'github 43884213': 'refused 42501 repository row 1', // 200 GraphQL NOT_FOUND (also what a token without access sees
  'github 1b53fac8': 'refused 58000', // 200 GraphQL query that does not fit the schema: HTTP 200
}
