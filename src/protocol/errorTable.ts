/**
 * Every error code with its HTTP status, exit code, sentence and hint: CLI, HTTP and SDK all read
 * this one table. A message given where the error is thrown replaces the general sentence here.
 */
export type ErrorRow = {
  http: number
  exit: number
  message: string
  hint: string
  isRetryable?: true
}

/** Exit codes: 1 our own bug, 2 wrong input, 3 refused by a rule, 4 not found, 5 outside world. */
const exits = { input: 2, refused: 3, unknown: 4, world: 5 } as const

const input = (message: string, hint: string): ErrorRow => ({
  http: 400,
  exit: exits.input,
  message,
  hint,
})
const refused = (message: string, hint: string): ErrorRow => ({
  http: 409,
  exit: exits.refused,
  message,
  hint,
})
const refusedForNow = (message: string, hint: string): ErrorRow => ({
  http: 409,
  exit: exits.refused,
  message,
  hint,
  isRetryable: true,
})
const unknown = (message: string, hint: string): ErrorRow => ({
  http: 404,
  exit: exits.unknown,
  message,
  hint,
})
const world = (message: string, hint: string): ErrorRow => ({
  http: 503,
  exit: exits.world,
  message,
  hint,
  isRetryable: true,
})
const broken = (message: string, hint: string): ErrorRow => ({
  http: 500,
  exit: exits.world,
  message,
  hint,
})

export const errorTable = {
  // What a person types, or a wire carries
  'input/amount': input(
    'The amount is not a positive sum of ether.',
    'Write 0.05, 50gwei or 7wei.',
  ),
  'input/energy': input(
    'The energy is not a whole, positive number of Wh.',
    'Write 1500 or 1.5kWh; at most 4,294,967,295 Wh.',
  ),
  'input/duration': input('The duration is not understood.', 'Write 90s, 15m, 2h or 1d.'),
  'input/address': input(
    'This is not an Ethereum address.',
    'Give 0x and 40 hexadecimal digits, or the name of one of your accounts.',
  ),
  'input/hex': input(
    'A field is not hexadecimal of the right length.',
    'Give 0x and an even number of hexadecimal digits.',
  ),
  'input/number': input(
    'A field is not a whole number in its range.',
    'See the field’s range in docs/protocol.md.',
  ),
  'input/shape': input(
    'The message does not have the expected fields.',
    'See its shape in docs/protocol.md.',
  ),
  'input/too-large': {
    http: 413,
    exit: exits.input,
    message: 'The input is larger than allowed.',
    hint: 'See docs/limits.md.',
  },
  'input/media-type': {
    http: 415,
    exit: exits.input,
    message: 'The request’s body is not JSON.',
    hint: 'Send it with content-type: application/json.',
  },
  'input/too-slow': {
    http: 408,
    exit: exits.input,
    message: 'The request took too long to arrive.',
    hint: 'Send it at once; see docs/limits.md.',
  },
  'input/option': input(
    'An option or argument is missing or not understood.',
    'Add --help to see what the command takes.',
  ),

  'input/name': input(
    'The name is not allowed.',
    'Use letters, digits, - and _, at most 32 of them, a letter or digit first.',
  ),
  'input/password': input(
    'A password is needed.',
    'Type it at a terminal, or give --password-file FILE or SPB_PASSWORD.',
  ),

  // Signatures, trees, certificates
  'signature/invalid': input(
    'The signature is malformed or not by the right key.',
    'Sign the same fields again with the right key.',
  ),
  'merkle/invalid-path': input(
    'The Merkle path does not lead to the root.',
    'Make the path again from the tree that the root was signed for.',
  ),
  'certificate/too-few-votes': input(
    'The certificate has fewer valid votes than the quorum.',
    'Collect votes from more members.',
  ),
  'certificate/vote-order': input(
    'The votes are not strictly ordered by member.',
    'Order votes by member index, one each.',
  ),
  'certificate/wrong-epoch': refused(
    'The certificate is of another epoch.',
    'Ask the current committee.',
  ),

  // CTP, in the order in which a member checks
  'ctp/wrong-market': refused(
    'The CTP is for another market or chain.',
    'Check market address and chain id: spb market show.',
  ),
  'ctp/self-trade': refused(
    'Consumer and producer are the same account.',
    'Buy from another producer.',
  ),
  'ctp/amount-too-small': refused(
    'The amount is below the market’s minimum.',
    'Buy more energy at once.',
  ),
  'meter/not-ready': refused(
    'The CTP has no valid MeterReady of the meter key it names.',
    'Let the meter countersign: spb meter show.',
  ),
  'meter/coe-invalid': refused(
    'The Certificate of Existence does not vouch for the meter key.',
    'Renew it: spb meter renew.',
  ),
  'meter/coe-expired': refused(
    'The Certificate of Existence does not cover the CTP’s expiry.',
    'Renew it, or choose a nearer expiry.',
  ),
  'meter/self-witnessed': refused('The meter witnessed itself.', 'Ask another meter to witness.'),
  'meter/witness-untrusted': refused(
    'The witness’s manufacturer is not trusted by this market.',
    'Use a meter of a trusted manufacturer as witness.',
  ),
  'meter/witness-expired': refused(
    'The witness’s own certificate ends before the CTP does.',
    'Ask a witness with a longer certificate.',
  ),
  'ctp/expiry-too-near': refused(
    'The expiry is too near.',
    'Choose a later one, for example --expiry 15m.',
  ),
  'ctp/expiry-too-far': refused(
    'The expiry is further away than the market’s longest life.',
    'Choose a nearer one.',
  ),
  'offer/unknown': unknown('There is no such offer.', 'List what is for sale: spb offers.'),
  'offer/closed': refused('The offer is closed or over.', 'List what is for sale: spb offers.'),
  'offer/wrong-producer': refused(
    'The offer belongs to another producer.',
    'Name the producer who made the offer.',
  ),
  'offer/wrong-price': refused(
    'The amount is not the offer’s price for this energy.',
    'Pay exactly floor(price × energy / 1000), or more if it is negotiable.',
  ),
  'offer/sold-out': refused(
    'The offer has less energy left.',
    'Buy less, or from another offer: spb offers.',
  ),
  'offer/not-accepted': refused(
    'A CTP without an offer needs the producer’s Accept.',
    'Negotiate first, or name an offer.',
  ),
  'ctp/nonce-reused': refused(
    'Another CTP has this nonce already.',
    'Take the account’s next nonce: spb account show.',
  ),
  'ctp/nonce-skipped': refusedForNow(
    'A CTP of a lower nonce is missing.',
    'Send the CTP of the account’s next nonce first.',
  ),
  'ctp/nonce-window': refusedForNow(
    'An older CTP of the account is still live and would fall out of its nonce window.',
    'Wait until it settles or frees itself.',
  ),
  'ctp/nonce-closed': refused(
    'This nonce is closed by a void certificate or a settlement.',
    'Take the account’s next nonce.',
  ),
  'ctp/too-many-live': refusedForNow(
    'The account has too many live CTPs.',
    'Wait until some settle or free themselves.',
  ),
  'ctp/insufficient-balance': refused(
    'The account’s free balance is too small.',
    'Deposit more, or wait until holds are free: spb account show.',
  ),
  'ctp/unknown': unknown('There is no such CTP.', 'List yours: spb trades.'),
  'ctp/not-stuck': refusedForNow(
    'A CTP of this nonce could still become live.',
    'Wait until it is past expiry and grace.',
  ),

  // ERC
  'erc/unknown-ctp': unknown('No certified CTP has this id.', 'Check the id: spb trades.'),
  'erc/zero': refused('The receipt is of no energy.', 'Send a receipt when energy came.'),
  'erc/wrong-key': refused(
    'The receipt is not signed by the meter key of its CTP.',
    'Let the meter that was bound to the CTP sign it.',
  ),
  'erc/late': refused(
    'The receipt came after expiry and grace: the money is free again.',
    'Nothing can be done for this trade.',
  ),
  'erc/lower': refused(
    'A receipt of as much or more energy is known already.',
    'Receipts are cumulative: send the whole energy so far.',
  ),
  'erc/repeated': refused('This receipt is known already.', 'Nothing to do: it counts once.'),
  'erc/closed': refused('The CTP is settled, declined or expired.', 'See spb trade.'),

  // Node
  'node/not-voting': world(
    'The node does not vote at the moment.',
    'See GET /v1/status, or spb node status, for the reason.',
  ),
  'node/overloaded': {
    http: 429,
    exit: exits.world,
    message: 'The node has too much to do.',
    hint: 'Try again in some seconds.',
    isRetryable: true,
  },
  'node/unreachable': world(
    'The node does not answer.',
    'Start one with spb up, or name it with --node URL.',
  ),
  'node/rate-limited': {
    http: 429,
    exit: exits.world,
    message: 'Too many requests from this address.',
    hint: 'Wait as long as the Retry-After header says.',
    isRetryable: true,
  },
  'node/not-found': unknown('There is nothing at this path.', 'See /openapi.json.'),
  'node/internal': {
    http: 500,
    exit: 1,
    message: 'The node met a bug of its own.',
    hint: 'Look into its log, and report it.',
  },
  'node/bad-answer': {
    http: 502,
    exit: exits.world,
    message: 'The node’s answer is not understood.',
    hint: 'Check that the URL is a node’s, and of the same version.',
  },
  'node/wrong-host': {
    http: 421,
    exit: exits.input,
    message: 'The request names another host, or comes from another site.',
    hint: 'Use the address that the node printed.',
  },
  'node/port-in-use': broken(
    'The port is in use.',
    'Choose another with --port, or end the other program.',
  ),

  // Chain
  'chain/unreachable': world(
    'The Ethereum client does not answer.',
    'Check that it runs, and the URL.',
  ),
  'chain/wrong-chain-id': broken(
    'The Ethereum client is on another chain.',
    'Point to a client of the market’s chain.',
  ),
  'chain/no-contract': broken(
    'There is no market contract at this address.',
    'Check address and chain.',
  ),
  'chain/stalled': world(
    'The chain’s block time stands still.',
    'The chain must make blocks when idle.',
  ),
  'chain/reverted': refused(
    'The contract refused the transaction.',
    'See the message for its reason.',
  ),
  'chain/insufficient-funds': refused(
    'The account has too little ether on the chain for amount and gas.',
    'Send it ether first.',
  ),
  'chain/superseded': refusedForNow(
    'An earlier transaction of the account was mined meanwhile.',
    'Look at the account’s new state, and send again what is still wanted.',
  ),
  'chain/fee-cap': refusedForNow(
    'The chain asks for a higher fee than the node may pay.',
    'Wait until the chain is cheaper, or raise the cap.',
  ),
  'chain/not-included': broken(
    'The transaction was sent, and was not in a block in time.',
    'It may still come: look it up by its hash before you send it again.',
  ),
  'chain/refused-by-wallet': refused(
    'The wallet’s owner refused to sign.',
    'Confirm in the wallet.',
  ),
  'chain/no-binary': broken(
    'The embedded chain’s program, anvil, is not installed.',
    'Install the optional packages (npm ci), put anvil on PATH, or use --chain URL.',
  ),
  'chain/died': broken(
    'The embedded chain ended unexpectedly.',
    'Start it again; see its output in the log.',
  ),

  // Storage, keys, files
  'store/locked': broken(
    'The database is in use by another process.',
    'End the other process, or choose another --data folder.',
  ),
  'store/corrupt': broken(
    'The database is damaged.',
    'Restore a backup; the file was left as it is.',
  ),
  'store/wrong-market': broken(
    'The database is of another market.',
    'Choose another --data folder.',
  ),
  'store/newer-version': broken('The database was written by a newer version.', 'Upgrade SPB.'),
  'store/failed': broken(
    'The database could not be read or written.',
    'Check disk space and permissions.',
  ),
  'account/unknown': unknown('There is no such account.', 'List yours: spb account list.'),
  'account/exists': refused('An account of this name exists.', 'Choose another name.'),
  'account/locked': broken(
    'The account is in use by another process.',
    'Wait until that is done, or end it.',
  ),
  'account/wrong-password': {
    http: 403,
    exit: exits.refused,
    message: 'The password does not open the keystore.',
    hint: 'Try again; it cannot be recovered.',
  },
  'account/damaged': broken('The keystore file is damaged.', 'Restore a backup of it.'),
  'meter/unknown': unknown('There is no such meter.', 'Make one: spb meter new NAME.'),
  'meter/exists': refused('A meter of this name exists.', 'Choose another name.'),
  'meter/exhausted': refused(
    'The meter has no unused one-time key left.',
    'Renew its tree: spb meter renew.',
  ),
  'meter/damaged': broken('The meter’s file is damaged.', 'Restore a backup of it.'),
  'meter/locked': broken('The meter is in use by another process.', 'End the other process.'),
  'meter/key-unknown': refused(
    'The CTP names a key that this meter has not reserved.',
    'Take a fresh key from the meter; one that was reserved before a restart is lost.',
  ),
  'meter/key-used': refused(
    'The meter key is bound to another CTP.',
    'Take a fresh key from the meter for each CTP.',
  ),
  'meter/owner-untrusted': refused(
    'The witness does not trust the manufacturer of the meter that asks.',
    'Ask a witness that trusts this manufacturer.',
  ),
  'meter/certificate-expired': refused(
    'The meter’s own certificate ends before the time it asks for.',
    'Ask for a shorter time, or get a new certificate from the manufacturer.',
  ),
  'meter/no-witness': refusedForNow(
    'No other meter can witness.',
    'Add a second meter of a trusted manufacturer.',
  ),
  'file/unreadable': input('The file cannot be read.', 'Check name and permissions.'),

  // Profiles
  'profile/no-files': input(
    'There are no profiles.',
    'A folder needs hh_*.csv and may have pv_*_pu.csv.',
  ),
  'profile/no-column': input('A column is missing.', 'Name columns as the file’s first line does.'),
  'profile/irregular-step': input(
    'The times have no regular step.',
    'Rows must be a fixed time apart.',
  ),
  'profile/no-rows': input('The file has no usable row.', 'See the reasons in skippedRows.'),
  'profile/no-overlap': input(
    'The profiles have no time in common.',
    'Choose files of the same days.',
  ),
  'profile/households-file': input(
    'The households file is not understood.',
    'See its format in docs/profiles.md.',
  ),
  'profile/unit': input('The unit is not known.', 'Use W, kW, Wh, kWh or pu.'),
  'profile/time': input(
    'A time has no zone.',
    'Use unix seconds, ISO 8601 with a zone, or declare "zone".',
  ),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

/** True for a string that is one of the table's codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}
