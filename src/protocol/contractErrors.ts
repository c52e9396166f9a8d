import type { ErrorCode } from './errorTable.ts'
import { SpbError } from './spbError.ts'

/** What an error of the market contract means to the person whose transaction it refused. */
export type ContractErrorRow = { code: ErrorCode; message: string; hint: string }

const row = (
  message: string,
  hint: string,
  code: ErrorCode = 'chain/reverted',
): ContractErrorRow => ({ code, message, hint })

/** The custom errors of Market and MarketFactory by name: the one place that explains them. */
export const contractErrors: Readonly<Record<string, ContractErrorRow>> = {
  // Money
  ZeroAmount: row('The amount is zero.', 'Give an amount above zero.', 'input/amount'),
  ZeroAccount: row(
    'No account belongs to the zero address.',
    'Name the account to pay into.',
    'input/address',
  ),
  MarketFull: row('The market holds as much ether as it can.', 'Deposit less.'),
  NothingToWithdraw: row(
    'There is nothing to withdraw.',
    'Request a withdrawal first, of an account that has a balance: spb account show.',
  ),
  WithdrawalNotReady: row(
    'The withdrawal delay has not passed.',
    'Withdraw after readyAtSeconds: spb account show.',
  ),
  NoWithdrawalRequested: row('No withdrawal is requested.', 'Nothing is to be done.'),
  PayoutAlreadyFixed: row(
    'The payout address is fixed already.',
    'It cannot be changed; withdrawals go there.',
  ),
  InvalidPayout: row(
    'Withdrawals cannot go to this address.',
    'Name an address that is neither zero nor the market.',
    'input/address',
  ),
  TransferFailed: row(
    'The receiver refused the ether.',
    'Withdraw to an address that takes ether.',
  ),

  // Energy accounts and offers
  EnergyAccountAlreadyOpen: row(
    'The account has an energy account already.',
    'Add energy to it: spb energy add.',
  ),
  BurnTooSmall: row(
    'Less ether was sent than opening an energy account burns.',
    'Send at least burnWei.',
  ),
  UnknownAuthority: row(
    'The market does not trust this authority.',
    'Ask an authority of the market: spb market show.',
  ),
  CertificateExpired: row('The certificate has run out.', 'Ask the authority for a new one.'),
  InvalidCertificate: row(
    'The authority did not sign this certificate for this account and market.',
    'Use the very account that the certificate names.',
    'signature/invalid',
  ),
  NoEnergyAccount: row('The account cannot offer energy yet.', 'Open it first: spb energy open.'),
  ZeroEnergy: row('The offer is of no energy.', 'Offer at least 1 Wh.', 'input/energy'),
  OfferAlreadyOver: row(
    'The offer would be over before it begins.',
    'Choose an end in the future.',
    'input/duration',
  ),
  NegotiationKeyTooLong: row(
    'The negotiation key is too long.',
    'A key has at most 65 bytes.',
    'input/hex',
  ),
  OfferNotOpen: row(
    'The offer was withdrawn, or never made.',
    'List what is for sale: spb offers.',
    'offer/closed',
  ),
  NotOfferProducer: row(
    'The offer belongs to another producer.',
    'Use the account that made it.',
    'offer/wrong-producer',
  ),

  // Committees and their votes
  InvalidCommitteeSize: row(
    'A committee has 3f + 1 members, at most 256.',
    'Name 1, 4, 7, 10, … members.',
  ),
  ZeroMember: row('A member is the zero address.', 'Name a signing address for each member.'),
  RepeatedMember: row('An address is in the committee twice.', 'Name each member once.'),
  EpochNotCurrent: row(
    'The epoch is not the current one.',
    'Sign again for the current epoch: spb committee show.',
  ),
  InvalidVotesLength: row(
    'The votes are not exactly a quorum.',
    'Collect as many votes as the quorum has, no more.',
  ),
  VoteOutOfOrder: row('The votes are not ordered by member.', 'Order them by member index.'),
  UnknownMember: row('The committee has no such member.', 'See spb committee show.'),
  InvalidVote: row('A vote is not its member’s.', 'Leave it out, and ask another member.'),
  InvalidSignatureLength: row('A signature is not of 64 bytes.', 'Use the form of EIP-2098.'),
  InvalidItemsLength: row('The batch is not 1 to 256 whole items.', 'Split the batch.'),

  // Governance
  WrongGovernanceSequence: row(
    'Another governance message was applied before this one.',
    'Sign it again with the next sequence: spb committee show.',
  ),
  UngovernedCall: row(
    'Governance does not reach this function.',
    'It decides over openEpoch, setAuthority, setManufacturer and revokeMeter.',
  ),
  OnlyGovernance: row('Only governance may call this.', 'Propose it: spb committee propose.'),
  InvalidEndsCount: row(
    'The next epoch needs exactly a quorum of ends of the current one.',
    'Let the members sign their epoch’s end: spb committee sign.',
  ),
  ZeroAuthority: row('An authority is the zero address.', 'Name the authority’s address.'),

  ZeroManufacturer: row(
    'A manufacturer is the zero address.',
    'Name the manufacturer’s address.',
    'input/address',
  ),
  ZeroMeter: row('A meter is the zero address.', 'Name the meter’s address.', 'input/address'),
  EndTooNear: row(
    'The end is nearer than the market’s longest life: it could kill a live hold.',
    'Choose an end at earliestSeconds or later; some time passes until it is applied.',
    'input/time',
  ),

  // One trade with its own proof
  InvalidItemLength: row(
    'The trade is not packed into 141 bytes.',
    'Pack it as an item of a batch.',
  ),
  ZeroProducer: row('The producer is the zero address.', 'Name the producer.', 'input/address'),
  ZeroTradedEnergy: row('The CTP is for no energy.', 'Buy at least 1 Wh.', 'input/energy'),
  AmountTooSmall: row(
    'The amount is below the market’s minimum.',
    'See spb market show.',
    'ctp/amount-too-small',
  ),
  TradeOver: row(
    'The CTP is past expiry and grace: its money is free again.',
    'Nothing can be settled or declined any more.',
    'proof/too-late',
  ),
  InvalidConsumerSignature: row(
    'The consumer’s signature on the CTP is malformed.',
    'Use the signature of the hold certificate.',
    'signature/invalid',
  ),
  SelfTrade: row(
    'Consumer and producer are the same account.',
    'Such a CTP is never settled.',
    'ctp/self-trade',
  ),
  NothingDelivered: row('The receipt is of no energy.', 'Wait for a receipt.', 'erc/zero'),
  DeliveryDeclined: row(
    'What is declined must have nothing delivered.',
    'Settle instead what you have a receipt for.',
    'input/energy',
  ),
  NotProducer: row(
    'Only the producer may settle a part, or decline.',
    'Send it from the producer’s own account.',
    'proof/not-producer',
  ),
  PartTooEarly: row(
    'A part is settled from the CTP’s expiry on.',
    'Wait until expirySeconds; you alone can settle until half of the grace has passed.',
    'proof/too-early',
  ),
  InvalidErc: row(
    'The receipt is not signed by the CTP’s meter key.',
    'Use the receipt as the meter signed it, time included.',
    'erc/wrong-key',
  ),
  NonceUsed: row(
    'The CTP, or another one of its nonce, was settled or declined before.',
    'See spb trade: it may be paid already.',
    'proof/nonce-used',
  ),
  BalanceTooSmall: row(
    'The consumer’s balance is below the payment.',
    'Check the hold certificate: what a sound committee certified is covered.',
    'ctp/insufficient-balance',
  ),
  UnknownEpoch: row(
    'The market has no such epoch.',
    'Use the epoch of the hold certificate.',
    'certificate/wrong-epoch',
  ),
  EpochTooOld: row(
    'The certificate’s epoch ended longer ago than longest life plus grace.',
    'Nothing it certified can still be live.',
    'certificate/wrong-epoch',
  ),
  InvalidHoldVotesLength: row(
    'The hold certificate’s votes are not exactly a quorum.',
    'Pack as many votes as the quorum has, no more.',
  ),
  InvalidVotePath: row(
    'A vote’s path does not fit a tree of up to 64 CTPs.',
    'Use the path that came with the vote.',
    'merkle/invalid-path',
  ),

  // Deployment
  InvalidWithdrawalDelay: row(
    'The withdrawal delay is not longer than longest life plus grace.',
    'Choose a longer delay, 48 hours for example.',
  ),
  GraceTooShort: row('The grace is too short for a block to fall into it.', 'Choose 10s or more.'),
  DeploymentFailed: row('The contract could not be created.', 'Deploy again with another salt.'),
}

/** What is said of an error that the table does not know: an older SPB at a newer contract. */
const unknownError = row('The contract refused the transaction.', 'See the message for its reason.')

/**
 * A refusal of the contract as an `SpbError`.
 *
 * Its meta holds the error's name as `contractError`, and its arguments by name, as text.
 */
export function contractRefusal(
  contractError: string,
  args: Readonly<Record<string, unknown>> = {},
): SpbError {
  const { code, message, hint } = contractErrors[contractError] ?? unknownError
  const texts = Object.entries(args).map(([name, value]) => [name, String(value)] as const)
  const list = texts.map(([name, value]) => `${name} ${value}`).join(', ')
  const said = list === '' ? contractError : `${contractError}: ${list}`
  const meta = { contractError, ...Object.fromEntries(texts) }
  return new SpbError(code, `${message} (${said})`, { hint, meta })
}
