// Room session: a client proves that it knows a password, by SCRAM-SHA-256. Whoever is not known goes through the same
// exchange with the same work, and hears the same as somebody with a wrong password.
// https://www.postgresql.org/docs/current/sasl-authentication.html

import { headerSize } from '../wire/frames.ts'
import { createFrameReader } from '../wire/frames.ts'
import type { Frame, FrameReader } from '../wire/frames.ts'
import {
  encodeAuthenticationSASL,
  encodeAuthenticationSASLContinue,
  encodeAuthenticationSASLFinal,
} from '../wire/backend.ts'
import { decodeSASLInitialResponse } from '../wire/frontend.ts'
import { finishScramServer, makeNonce, scramMechanism, startScramServer } from '../wire/scram.ts'
import type { ScramVerifier } from '../wire/scram.ts'
import { ProtocolViolation } from '../wire/violation.ts'
import type { Channel } from './handshake-channel.ts'
import { readChunk } from './handshake-channel.ts'

/** The longest message of a client before it is authenticated, in bytes. */
export const authenticationSizeMax = 8192

/** Whether the password was right. */
export interface Proof {
  readonly right: boolean
  /** AuthenticationSASLFinal, where the password was right: to be sent before AuthenticationOk. */
  readonly final: Uint8Array
  /** Bytes that the client has sent after its last message. */
  readonly rest: () => Uint8Array
}

export interface ProofOptions {
  readonly verifier: ScramVerifier
  readonly random: (size: number) => Uint8Array
  /** Waits until the proof may be looked at. What it rejects with ends the exchange. */
  readonly turn: () => Promise<void>
}

/** One exchange. Rejects with ProtocolViolation (to be told to the client), Gone, or as `turn`. */
export async function proveClient(
  channel: Channel,
  { verifier, random, turn }: ProofOptions,
): Promise<Proof> {
  const { stream, intake, left } = channel
  const reader = createFrameReader({ sizeMax: authenticationSizeMax })
  reader.push(left)
  stream.write(encodeAuthenticationSASL([scramMechanism]))
  const initial = decodeSASLInitialResponse(await nextResponse(reader, channel))
  if (initial.mechanism !== scramMechanism) {
    throw new ProtocolViolation('client selected an invalid SASL authentication mechanism')
  }
  const clientFirst = initial.data ?? new Uint8Array(0)
  const server = startScramServer(clientFirst, { verifier, nonce: makeNonce(random) })
  stream.write(encodeAuthenticationSASLContinue(server.serverFirst))
  const response = Uint8Array.from((await nextResponse(reader, channel)).bytes)
  await turn()
  const serverFinal = finishScramServer(server, response.subarray(headerSize))
  return {
    right: serverFinal !== null,
    final: encodeAuthenticationSASLFinal(serverFinal ?? ''),
    rest: () => {
      for (const chunk of intake.waiting()) reader.push(chunk)
      return reader.rest()
    },
  }
}

async function nextResponse(reader: FrameReader, { intake }: Channel): Promise<Frame> {
  for (;;) {
    const frame = reader.next()
    if (frame === undefined) {
      reader.push(await readChunk(intake))
    } else if (frame.tag === 0x70) {
      return frame
    } else {
      throw new ProtocolViolation(`expected SASL response, got message type ${frame.tag}`)
    }
  }
}
