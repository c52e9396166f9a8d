// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochEndVote} from "./Governance.sol";

/// @title What a market tells its observers.
interface MarketEvents {
    /// @notice `from` put money into an account.
    event Deposited(address indexed account, address indexed from, uint96 amountWei);

    /// @notice The total requested is now `requestedWei`, payable from `readyAtSeconds` on.
    event WithdrawalRequested(address indexed account, uint96 requestedWei, uint40 readyAtSeconds);

    /// @notice Nothing is requested any more.
    event WithdrawalCancelled(address indexed account);

    /// @notice Money left the market; the request is done.
    event Withdrawn(address indexed account, address to, uint96 amountWei);

    /// @notice From now on the account's withdrawals go to `payout` alone.
    event PayoutFixed(address indexed account, address payout);

    /// @notice The account may offer energy. `authority` is zero where ether was burned for it.
    event EnergyAccountOpened(address indexed account, address authority, uint256 burnedWei);

    /// @notice Energy is for sale.
    event OfferAdded(
        uint64 indexed offerId,
        address indexed producer,
        uint32 energyWh,
        uint96 priceWeiPerKwh,
        bool isNegotiable,
        uint40 untilSeconds,
        bytes negotiationKey
    );

    /// @notice The offer is closed.
    event OfferWithdrawn(uint64 indexed offerId, address indexed producer);

    /// @notice The committee of `epoch` gave these `ends`, from which its successor starts.
    event EpochEnded(uint32 indexed epoch, EpochEndVote[] ends);

    /// @notice `members` serve from now on.
    event EpochOpened(uint32 indexed epoch, address[] members);

    /// @notice Certificates of `authority` open energy accounts, or no longer do.
    event AuthoritySet(address indexed authority, bool isTrusted);

    /// @notice Certificates of `manufacturer` count for Commits To Pay that expire until
    /// `endsSeconds`.
    event ManufacturerSet(address indexed manufacturer, uint40 endsSeconds);

    /// @notice The certificate of `meter` counts for Commits To Pay that expire until
    /// `endsSeconds`, whatever it says itself.
    event MeterRevoked(address indexed meter, uint40 endsSeconds);

    /// @notice A trade was settled by its own proof. `deliveredWh` is at most what was sold; a part
    /// too small to be worth a wei moved nothing.
    event SettledWithProof(
        bytes32 indexed ctpId,
        address indexed consumer,
        address indexed producer,
        uint64 offerId,
        uint32 nonce,
        uint32 deliveredWh,
        uint96 paymentWei
    );

    /// @notice The producer gave a certified trade up: its nonce is used, nothing was paid.
    event Declined(
        bytes32 indexed ctpId, address indexed consumer, address indexed producer, uint32 nonce
    );

    /// @notice A batch was settled. Bit i of `settledBitmap`, lowest first: item i was settled, its
    /// nonce is used; a partial delivery too small to be worth a wei moved nothing.
    /// @dev `databaseRoot` is the submitter's claim, and anybody who has the votes can submit them,
    /// also again: root and sequence prove nothing.
    event Settled(
        uint32 indexed epoch,
        uint64 indexed sequence,
        address beneficiary,
        bytes32 itemsHash,
        uint256 settledBitmap,
        bytes32 databaseRoot
    );
}
