import {
  broken,
  type ErrorRow,
  exits,
  input,
  refused,
  refusedForNow,
  unknown,
  world,
} from './errorRow.ts'

/** Errors of what a trade runs on: node, chain, storage, keys. */
export const systemErrors = {
  // Node
  'node/not-voting': world(
    'The node does not vote at the moment.',
    'See GET /v1/status, or spb node status, for the reason.',
  ),
  'node/clock-skewed': world(
    'The node’s clock and the chain’s time differ too much.',
    'Set the clock of the node’s machine, by NTP; or see whether the chain makes blocks.',
  ),
  'node/catching-up': world(
    'The node has not caught up with the other members yet.',
    'Wait; if it lasts, see which members it is connected to: spb node status.',
  ),
  'node/too-few-members': world(
    'Too few members of the committee can be reached for a certificate.',
    'Try again soon, or at another node; see spb node status.',
  ),
  'epoch/ended': world(
    'This member gave its last word in the epoch and votes no more.',
    'The next committee is named on chain: spb committee propose members.',
  ),
  'epoch/not-started': world(
    'The reports of the ended epoch are not all here yet.',
    'Wait; if it lasts, connect to a member of the ended committee: spb committee show.',
  ),
  'epoch/wrong-report': refused(
    'The report is not the one that its member signed.',
    'Nothing to do: it is fetched from another peer.',
  ),
  'epoch/too-few-ends': refusedForNow(
    'Fewer members than a quorum have ended the epoch.',
    'Have more of their operators run spb committee end; see spb committee show.',
  ),
  'epoch/reports-missing': refusedForNow(
    'The node lacks a report that the new committee must start from.',
    'Wait until it is fetched; if it lasts, leave that member’s end out of the proposal.',
  ),
  'epoch/not-operator': {
    http: 403,
    exit: exits.refused,
    message: 'Only the node’s operator may do this.',
    hint: 'Run the command on the node’s machine, with its data folder: --data FOLDER.',
  },
  'network/cannot-listen': broken(
    'The address for other nodes cannot be listened on.',
    'Choose another with --listen, or end the other program.',
  ),
  'network/unasked': refused('The answer was not asked for.', 'Nothing to do: it is dropped.'),
  'network/wrong-answer': refused(
    'The answer does not fit what was asked.',
    'Check that both nodes run the same version.',
  ),
  'network/known': refused('This is known already.', 'Nothing to do: it counts once.'),
  'network/unexpected': refused(
    'The message is of a kind that this peer may not send.',
    'Check that both nodes run the same version.',
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
  'node/died': broken(
    'A node ended unexpectedly.',
    'See what it said last, in up.log beside its database.',
  ),
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
  'meter/other-account': refused(
    'The key belongs to a tree that another account used.',
    'Renew the tree, so that nobody links the accounts: spb meter renew.',
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
  'meter/measured': refused(
    'The meter measures by itself: nothing is receipted by hand.',
    'Let it run: spb meter run; its readings make the receipts.',
  ),
  'meter/unacknowledged': refusedForNow(
    'The nodes have not yet said that they keep the meter’s last receipt.',
    'Wait until it has reached them: spb meter show; spb meter run sends it.',
  ),
  'meter/element-missing': broken(
    'The secure element that holds this meter’s keys is not there.',
    'Connect the element that the meter was made with.',
  ),
  'meter/owner-untrusted': refused(
    'The witness does not trust the manufacturer of the meter that asks.',
    'Ask a witness that trusts this manufacturer.',
  ),
  'meter/certificate-expired': refused(
    'The meter’s own certificate ends before the time it asks for.',
    'Ask for a shorter time, or get a new certificate from the manufacturer.',
  ),
  'meter/certificate-invalid': refused(
    'The certificate is not one for this meter.',
    'Ask its manufacturer for one of the meter’s identity: spb meter show.',
  ),
  'meter/no-witness': refusedForNow(
    'No other meter can witness.',
    'Add a second meter of a trusted manufacturer.',
  ),
  'file/unreadable': input('The file cannot be read.', 'Check name and permissions.'),
  'file/exists': refused('There is a file of this name.', 'Choose another name, or add --force.'),
} as const satisfies Record<string, ErrorRow>
