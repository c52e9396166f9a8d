import { type ErrorRow, exits, input, refused, refusedForNow, unknown, world } from './errorRow.ts'

/** Errors between a meter, the meters that may witness for it, and the nodes between them. */
export const witnessErrors = {
  'meter/witness-silent': world(
    'The witness did not answer in time.',
    'Ask another witness: spb meter renew does.',
  ),
  'meter/witness-busy': {
    http: 429,
    exit: exits.world,
    message: 'The witness has too much to do.',
    hint: 'Ask another witness, or this one later.',
    isRetryable: true,
  },
  'meter/witness-quota': refusedForNow(
    'The witness vouched for this meter often enough today.',
    'Ask another witness, or this one tomorrow.',
  ),
  'witness/unknown': unknown(
    'No such witness can be reached through this node.',
    'List those that can: GET /v1/witnesses.',
  ),
  'witness/post-invalid': refused(
    'The witness’s post is not valid here.',
    'Make it anew: for this market and node, signed by the meter’s identity key.',
  ),
  'witness/wrong-token': {
    http: 403,
    exit: exits.refused,
    message: 'The token is not the witness’s.',
    hint: 'Send the token whose hash the witness’s post names.',
  },
  'witness/not-asked': unknown(
    'Nobody waits for an answer to this request.',
    'Nothing to do: it was answered, or whoever asked gave up.',
  ),
  'witness/repeated': refused(
    'This sealed request was sent before.',
    'Seal each request anew, with a fresh key.',
  ),
  'witness/box-invalid': input(
    'The sealed message cannot be opened.',
    'Seal it to the key in the witness’s newest post.',
  ),
} as const satisfies Record<string, ErrorRow>
