// Room session: answering the customer's Postgres when it asks who we are. One step per message; a server that answers
// out of turn, or that asks for more than was agreed, is refused.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP

import { never } from '../lib/assert.ts'
import type { DatabaseAddress } from '../mutation/config.ts'
import type { Authentication, BackendMessage } from '../wire/backend.ts'
import {
  encodePasswordMessage,
  encodeSASLInitialResponse,
  encodeSASLResponse,
} from '../wire/frontend.ts'
import { hashMD5Password, makeNonce, scramMechanism } from '../wire/scram.ts'
import { proveScramClient, startScramClient, verifyScramServer } from '../wire/scram-client.ts'
import type { ScramClient, ScramProof } from '../wire/scram-client.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import { DialFailure } from './login-dial.ts'

/** How far the exchange has come. */
export type AuthenticationState =
  | { readonly at: 'start' }
  /** A password was sent; only a verdict can follow. */
  | { readonly at: 'password' }
  | { readonly at: 'sasl'; readonly client: ScramClient }
  | { readonly at: 'proof'; readonly proof: ScramProof }
  /** The server has proved that it knows the password. */
  | { readonly at: 'verified' }
  | { readonly at: 'done' }

/** The next state and what to send. */
export interface Step {
  readonly state: AuthenticationState
  readonly reply?: Uint8Array
}

export interface AuthenticateOptions {
  readonly address: DatabaseAddress
  /** May the password be sent here in clear text, or hashed with md5, from which it can be guessed? */
  readonly clearAllowed: boolean
  /** Is a server that asks for no password an impostor? There is one, and nothing else tells who the server is. */
  readonly proofRequired: boolean
  readonly random: (size: number) => Uint8Array
}

/** Is it one of the messages that `authenticate` answers? */
export function isAuthentication(message: BackendMessage): message is Authentication {
  return message.type.startsWith('Authentication')
}

/** Answers one message. Rejects with DialFailure or ProtocolViolation, whose words hold no secret. */
export async function authenticate(
  state: AuthenticationState,
  { message, options }: { message: Authentication; options: AuthenticateOptions },
): Promise<Step> {
  const { password, user } = options.address
  switch (message.type) {
    case 'AuthenticationOk':
      if (state.at === 'sasl' || state.at === 'proof') throw unproven()
      expect(state, ['start', 'password', 'verified'])
      if (state.at === 'start' && options.proofRequired) throw unasked()
      return { state: { at: 'done' } }
    case 'AuthenticationCleartextPassword':
      expect(state, ['start'])
      if (!options.clearAllowed) {
        throw new DialFailure(
          'the server asks for the password in clear text, and nothing proves that it is the right one',
        )
      }
      return { state: { at: 'password' }, reply: encodePasswordMessage(password) }
    case 'AuthenticationMD5Password': {
      expect(state, ['start'])
      if (!options.clearAllowed) {
        throw new DialFailure(
          'the server asks for the password as md5, from which it can be guessed, and nothing proves that it is the ' +
            'right one: use scram-sha-256 or verify-full',
        )
      }
      const hash = hashMD5Password({ user, password, salt: message.salt })
      return { state: { at: 'password' }, reply: encodePasswordMessage(hash) }
    }
    case 'AuthenticationSASL': {
      expect(state, ['start'])
      if (!message.mechanisms.includes(scramMechanism)) {
        throw new DialFailure(`the server does not offer ${scramMechanism}`)
      }
      const client = startScramClient(makeNonce(options.random))
      const reply = encodeSASLInitialResponse(scramMechanism, client.clientFirst)
      return { state: { at: 'sasl', client }, reply }
    }
    case 'AuthenticationSASLContinue': {
      if (state.at !== 'sasl') throw outOfTurn()
      const proof = await proveScramClient(state.client, { serverFirst: message.data, password })
      return { state: { at: 'proof', proof }, reply: encodeSASLResponse(proof.clientFinal) }
    }
    case 'AuthenticationSASLFinal':
      if (state.at !== 'proof') throw outOfTurn()
      if (!verifyScramServer(state.proof, message.data)) throw unproven()
      return { state: { at: 'verified' } }
    case 'AuthenticationOther':
      throw new DialFailure(
        `the server asks for an authentication method that is not supported (${message.code})`,
      )
    default:
      return never(message)
  }
}

function expect(state: AuthenticationState, allowed: readonly AuthenticationState['at'][]): void {
  if (!allowed.includes(state.at)) throw outOfTurn()
}

const outOfTurn = () => new ProtocolViolation('unexpected authentication message')
const unasked = () =>
  new DialFailure('the server asks for no password, and nothing proves that it is the right one')
const unproven = () => new DialFailure('the server did not prove that it knows the password')
