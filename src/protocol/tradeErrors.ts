import { type ErrorRow, input, refused, refusedForNow, unknown } from './errorRow.ts'

/** Errors of trades: signatures, certificates, CTPs, receipts. */
export const tradeErrors = {
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
  'certificate/no-equivocation': input(
    'The two votes do not contradict each other.',
    'Show two votes of one member, epoch, account and nonce for different CTPs.',
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
  'meter/revoked': refused(
    'The meter is revoked in this market.',
    'Ask another meter to witness; a revoked meter’s owner asks the manufacturer for a new one.',
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
  'ctp/nonce-inherited': refused(
    'The committee of an ended epoch may have voted for a CTP of this nonce.',
    'Send that CTP’s certificate if there is one; else void the nonce once it is over: spb void.',
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

  // What a member says to another's settlement
  'settlement/ended': refusedForNow(
    'The CTP was settled or declined in a block that is not confirmed yet.',
    'Wait until the block is confirmed.',
  ),
  'settlement/too-early': refusedForNow(
    'A partial delivery is settled from expiry and half of the grace on.',
    'Wait: a higher receipt may come until then.',
  ),
  'settlement/repeated': input('The settlement names a CTP twice.', 'Name each CTP once.'),
  'settlement/wrong-receipt': input(
    'The receipt is not the one of the CTP and energy that it came with.',
    'Send along the receipt that the energy is taken from.',
  ),

  // A trade's proof, and being paid by it without a node
  'proof/unknown': unknown(
    'No proof of this CTP is kept here.',
    'Let spb producer watch keep proofs, or give one with --file FILE.',
  ),
  'proof/not-certified': refusedForNow(
    'The CTP is not certified: there is nothing to prove yet.',
    'Wait until it is held: spb trade.',
  ),
  'proof/no-receipt': refusedForNow(
    'The proof has no receipt of any energy.',
    'Wait until the meter confirms some: spb trade.',
  ),
  'proof/invalid': refused(
    'The proof does not hold.',
    'See each of its checks: spb receipt verify FILE --chain URL.',
  ),
  'proof/nonce-used': refused(
    'The CTP was settled or declined already, or its nonce is closed.',
    'See the producer’s balance: spb account show.',
  ),
  'proof/too-early': refusedForNow(
    'A partial delivery is settled by proof from its expiry on.',
    'Wait for the expiry: more may come until then.',
  ),
  'proof/too-late': refused(
    'The CTP is past expiry and grace: its money is free again.',
    'Nothing can be done for this trade.',
  ),
  'proof/not-producer': refused(
    'Only the producer of the CTP may do this.',
    'Use the producer’s own account: --account NAME.',
  ),
  'proof/receipted': refused(
    'Energy was receipted for this CTP: who declines it is not paid for that.',
    'Settle it instead: spb settle --proof CTP. Or decline all the same with --force.',
  ),
  'proof/wrong-settlement': refused(
    'The transaction does not settle this CTP.',
    'Export the receipt again from a node that saw the settlement.',
  ),
} as const satisfies Record<string, ErrorRow>
