// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account} from "./Account.sol";
import {CommitteeVotes} from "./CommitteeVotes.sol";
import {EnergyAccounts} from "./EnergyAccounts.sol";
import {EpochEndVote, Governance, OnlyGovernance, UngovernedCall} from "./Governance.sol";
import {HoldCertificate} from "./HoldCertificate.sol";
import {MarketEvents} from "./MarketEvents.sol";
import {MarketOptions, Options} from "./MarketOptions.sol";
import {Committee, MarketState, Offer, Withdrawal} from "./MarketState.sol";
import {Messages} from "./Messages.sol";
import {Money} from "./Money.sol";
import {Offers} from "./Offers.sol";
import {ProofSettlement} from "./ProofSettlement.sol";
import {Settlement} from "./Settlement.sol";
import {Standings} from "./Standings.sol";

/// @notice All that the market knows of one account.
struct AccountState {
    uint96 balanceWei;
    uint32 nonceBase;
    uint64 nonceBitmap;
    uint64 energyWh;
    uint96 requestedWei;
    uint40 readyAtSeconds;
    address payout;
}

/// @title A peer-to-peer energy market: accounts, offers, committee, settlement.
/// @notice Immutable and without owner. A consumer's money moves by his own signature on a Commit
/// To Pay together with a quorum of the committee, or by his own withdrawal, and in no other way.
/// A producer who holds a trade's hold certificate and receipt needs nobody's help to be paid.
contract Market is MarketEvents {
    using CommitteeVotes for MarketState;
    using EnergyAccounts for MarketState;
    using Governance for MarketState;
    using HoldCertificate for MarketState;
    using Money for MarketState;
    using Offers for MarketState;
    using ProofSettlement for MarketState;
    using Settlement for MarketState;
    using Standings for MarketState;

    uint40 private immutable _longestLifeSeconds;
    uint40 private immutable _graceSeconds;
    uint40 private immutable _withdrawalDelaySeconds;
    uint96 private immutable _minimumAmountWei;
    uint96 private immutable _feeWei;
    uint96 private immutable _burnWei;
    uint256 private immutable _chainId;
    bytes32 private immutable _separator;

    MarketState private _state;

    /// @param fixedOptions What this market will never change.
    /// @param members The committee of epoch 1: 3f + 1 addresses, none zero, none twice.
    /// @param authorities Those whose certificates open energy accounts.
    /// @param manufacturers Those whose meters are genuine, until governance says otherwise.
    constructor(
        MarketOptions memory fixedOptions,
        address[] memory members,
        address[] memory authorities,
        address[] memory manufacturers
    ) {
        Options.requireSound(fixedOptions);
        _longestLifeSeconds = fixedOptions.longestLifeSeconds;
        _graceSeconds = fixedOptions.graceSeconds;
        _withdrawalDelaySeconds = fixedOptions.withdrawalDelaySeconds;
        _minimumAmountWei = fixedOptions.minimumAmountWei;
        _feeWei = fixedOptions.feeWei;
        _burnWei = fixedOptions.burnWei;
        _chainId = block.chainid;
        _separator = Messages.domainSeparator(block.chainid, address(this));
        _state.open(1, members);
        emit EpochOpened(1, members);
        for (uint256 i = 0; i < authorities.length; i++) {
            _state.setAuthority(authorities[i], true);
        }
        for (uint256 i = 0; i < manufacturers.length; i++) {
            _state.setManufacturer(manufacturers[i], type(uint40).max);
        }
    }

    /// @notice Puts the ether sent into the caller's account.
    function deposit() external payable {
        _state.deposit(msg.sender, msg.value);
    }

    /// @notice Puts the ether sent into another's account.
    function depositFor(address account) external payable {
        _state.deposit(account, msg.value);
    }

    /// @notice Sets the total that `withdraw` will pay; every increase starts the delay anew.
    function requestWithdrawal(uint96 amountWei) external {
        _state.requestWithdrawal(msg.sender, amountWei, _withdrawalDelaySeconds);
    }

    /// @notice Takes the request back.
    function cancelWithdrawal() external {
        _state.cancelWithdrawal(msg.sender);
    }

    /// @notice Pays the smaller of request and balance, after the delay.
    function withdraw() external {
        _state.withdraw(msg.sender);
    }

    /// @notice Fixes, once and for all, where the caller's withdrawals go.
    function fixPayout(address payout) external {
        _state.fixPayout(msg.sender, payout);
    }

    /// @notice Opens the caller's energy account and burns all the ether sent.
    function openEnergyAccount() external payable {
        _state.openWithBurn(msg.sender, msg.value, _burnWei);
    }

    /// @notice Opens the caller's energy account with an authority's certificate.
    /// @param signature64 The authority's, over `EnergyAccountCertificate` (EIP-2098).
    function openEnergyAccountWithCertificate(
        address authority,
        uint40 notAfterSeconds,
        bytes calldata signature64
    ) external {
        _state.openWithCertificate(
            domainSeparator(), msg.sender, authority, notAfterSeconds, signature64
        );
    }

    /// @notice Offers energy for sale.
    /// @param priceWeiPerKwh The exact price, or the lowest one where the offer is negotiable.
    /// @param negotiationKey Where consumers reach the producer: at most 65 bytes, may be empty.
    /// @return offerId Counted from 1 in this market.
    function addEnergy(
        uint32 energyWh,
        uint96 priceWeiPerKwh,
        bool isNegotiable,
        uint40 untilSeconds,
        bytes calldata negotiationKey
    ) external returns (uint64 offerId) {
        return _state.add(
            msg.sender, energyWh, priceWeiPerKwh, isNegotiable, untilSeconds, negotiationKey
        );
    }

    /// @notice Closes the caller's offer. What was promised before stays payable.
    function withdrawOffer(uint64 offerId) external {
        Offers.withdraw(_state, msg.sender, offerId);
    }

    /// @notice Applies what a quorum of the committee decided.
    /// @param sequence The next one: `governanceSequence()`.
    /// @param call An encoded call of `openEpoch`, `setAuthority`, `setManufacturer` or
    /// `revokeMeter`.
    /// @param votes 65 bytes a vote (member index, signature), ascending, exactly a quorum.
    function governance(uint32 epoch, uint64 sequence, bytes calldata call, bytes calldata votes)
        external
    {
        bytes4 selector = bytes4(call);
        if (!isGoverned(selector)) revert UngovernedCall(selector);
        _state.authorize(domainSeparator(), epoch, sequence, call, votes);
        (bool isDone, bytes memory result) = address(this).call(call);
        if (!isDone) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    /// @notice Ends the epoch and names the next committee. Through `governance` alone.
    /// @param ends Exactly a quorum of the ending committee, in ascending order.
    function openEpoch(address[] calldata members, EpochEndVote[] calldata ends)
        external
        onlyGovernance
    {
        _state.openEpoch(domainSeparator(), members, ends);
    }

    /// @notice Trusts an authority's certificates, or no longer. Through `governance` alone.
    function setAuthority(address authority, bool isTrusted) external onlyGovernance {
        _state.setAuthority(authority, isTrusted);
    }

    /// @notice Trusts a manufacturer's meters for Commits To Pay that expire until then. Through
    /// `governance` alone.
    /// @param endsSeconds At least the longest life from now; the largest value: no end.
    function setManufacturer(address manufacturer, uint40 endsSeconds) external onlyGovernance {
        Standings.requireFar(endsSeconds, _longestLifeSeconds);
        _state.setManufacturer(manufacturer, endsSeconds);
    }

    /// @notice Ends the standing of one meter; a later end takes that back as far. Through
    /// `governance` alone.
    /// @param endsSeconds At least the longest life from now.
    function revokeMeter(address meter, uint40 endsSeconds) external onlyGovernance {
        Standings.requireFar(endsSeconds, _longestLifeSeconds);
        _state.revokeMeter(meter, endsSeconds);
    }

    /// @notice Moves the money of up to 256 trades. An item that cannot be settled is skipped.
    /// @param epoch The current one.
    /// @param sequence For reading; not checked, since nonces stop replay.
    /// @param beneficiary Who gets the fees; zero: no fees are taken.
    /// @param databaseRoot The submitter's own claim; zero: none.
    /// @param items 141 bytes an item, see `SettlementItem`.
    /// @param votes 65 bytes a vote (member index, signature), ascending, exactly a quorum.
    function settle(
        uint32 epoch,
        uint64 sequence,
        address beneficiary,
        bytes32 databaseRoot,
        bytes calldata items,
        bytes calldata votes
    ) external {
        bytes32 separator = domainSeparator();
        bytes32 itemsHash = keccak256(items);
        bytes32 digest = Messages.digest(
            separator, Messages.settlement(epoch, sequence, itemsHash, beneficiary)
        );
        _state.requireCurrentQuorum(epoch, digest, votes);
        uint256 settledBitmap = _state.settleBatch(
            separator, _graceSeconds, _minimumAmountWei, _feeWei, beneficiary, items
        );
        emit Settled(epoch, sequence, beneficiary, itemsHash, settledBitmap, databaseRoot);
    }

    /// @notice Moves the money of one trade by its own proof: no node's help, and no fee. A full
    /// delivery, by anybody, until expiry plus grace; a part by its producer alone, from expiry on.
    /// @param epoch Of the hold certificate: the current one, or one that ended at most longest
    /// life plus grace ago.
    /// @param item 141 bytes, as in a batch; `deliveredWh` as in the receipt.
    /// @param votes The hold certificate's, see `HoldCertificate`: ascending, exactly a quorum.
    /// @param measuredAtSeconds As in the receipt.
    /// @param ercSignature64 The meter key's, over `Erc` (EIP-2098).
    function settleWithProof(
        uint32 epoch,
        bytes calldata item,
        bytes calldata votes,
        uint40 measuredAtSeconds,
        bytes calldata ercSignature64
    ) external {
        requireHeld(epoch, item, votes);
        _state.settleHeld(measuredAtSeconds, ercSignature64);
    }

    /// @notice The producer gives a certified trade up, until expiry plus grace: its nonce is used,
    /// nothing is paid, and the consumer's money is free.
    /// @param item 141 bytes, as in a batch; `deliveredWh` is 0.
    function decline(uint32 epoch, bytes calldata item, bytes calldata votes) external {
        requireHeld(epoch, item, votes);
        _state.declineHeld();
    }

    /// @notice What was fixed at deployment.
    function options() external view returns (MarketOptions memory) {
        return MarketOptions({
            longestLifeSeconds: _longestLifeSeconds,
            graceSeconds: _graceSeconds,
            withdrawalDelaySeconds: _withdrawalDelaySeconds,
            minimumAmountWei: _minimumAmountWei,
            feeWei: _feeWei,
            burnWei: _burnWei
        });
    }

    /// @notice The epoch whose committee decides now; the first is 1.
    function currentEpoch() external view returns (uint32) {
        return _state.currentEpoch;
    }

    /// @notice The members of an epoch, past ones included. `endedAtSeconds` 0: not ended.
    function committeeOf(uint32 epoch)
        external
        view
        returns (address[] memory members, uint40 endedAtSeconds)
    {
        Committee storage committee = _state.committees[epoch];
        members = new address[](committee.size);
        for (uint256 i = 0; i < members.length; i++) {
            members[i] = committee.members[i];
        }
        return (members, committee.endedAtSeconds);
    }

    /// @notice The sequence that the next governance message must have.
    function governanceSequence() external view returns (uint64) {
        return _state.governanceSequence;
    }

    /// @notice Whether the authority's certificates open energy accounts.
    function isAuthority(address authority) external view returns (bool) {
        return _state.isAuthority[authority];
    }

    /// @notice Until what expiry of a Commit To Pay the manufacturer's meters count; 0: never.
    function manufacturerEnds(address manufacturer) external view returns (uint40) {
        return _state.manufacturerEndsSeconds[manufacturer];
    }

    /// @notice Until what expiry of a Commit To Pay a revoked meter counts; 0: not revoked.
    function meterEnds(address meter) external view returns (uint40) {
        return _state.meterEndsSeconds[meter];
    }

    /// @notice Whether the account may offer energy.
    function hasEnergyAccount(address account) external view returns (bool) {
        return _state.hasEnergyAccount[account];
    }

    /// @notice The accounts' states, in the order asked for.
    function accountStates(address[] calldata accounts)
        external
        view
        returns (AccountState[] memory states)
    {
        states = new AccountState[](accounts.length);
        for (uint256 i = 0; i < accounts.length; i++) {
            Account account = _state.accounts[accounts[i]];
            Withdrawal storage withdrawal = _state.withdrawals[accounts[i]];
            states[i] = AccountState({
                balanceWei: uint96(account.balanceWei()),
                nonceBase: account.nonceBase(),
                nonceBitmap: account.nonceBitmap(),
                energyWh: uint64(account.energyWh()),
                requestedWei: withdrawal.requestedWei,
                readyAtSeconds: withdrawal.readyAtSeconds,
                payout: withdrawal.payout
            });
        }
    }

    /// @notice An offer; all zero where there is none.
    function offerOf(uint64 offerId) external view returns (Offer memory) {
        return _state.offers[offerId];
    }

    /// @notice The EIP-712 domain of this market. Made anew where a fork changed the chain's id.
    function domainSeparator() public view returns (bytes32) {
        if (block.chainid == _chainId) return _separator;
        return Messages.domainSeparator(block.chainid, address(this));
    }

    function isGoverned(bytes4 selector) private pure returns (bool) {
        return selector == this.openEpoch.selector || selector == this.setAuthority.selector
            || selector == this.setManufacturer.selector || selector == this.revokeMeter.selector;
    }

    /// @notice Reads a trade; refuses one that its consumer did not sign or no quorum certified.
    function requireHeld(uint32 epoch, bytes calldata item, bytes calldata votes) private view {
        bytes32 separator = domainSeparator();
        ProofSettlement.readSigned(item, separator, epoch, _graceSeconds, _minimumAmountWei);
        unchecked {
            _state.requireHeld(epoch, uint256(_longestLifeSeconds) + _graceSeconds, votes);
        }
    }

    modifier onlyGovernance() {
        if (msg.sender != address(this)) revert OnlyGovernance(msg.sender);
        _;
    }
}
