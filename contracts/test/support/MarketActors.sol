// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Market} from "../../src/Market.sol";
import {Proof, ProofSigning} from "./ProofSigning.sol";
import {Trade} from "./Trade.sol";

/// @title Households that do whatever they can, and ghosts that keep the books.
contract MarketActors is ProofSigning {
    uint256 public constant HOUSEHOLDS = 5;
    uint96 private constant LARGEST_AMOUNT = 3 ether;

    Market public immutable market;
    uint256[] private memberKeys;
    Trade[] private trades;

    /// @dev Ghosts: all that went in, out, and how often each trade was paid.
    uint256 public depositedWei;
    uint256 public withdrawnWei;
    uint256 public forcedWei;
    uint256 public settledTrades;
    uint256 public doubleSettlements;
    uint256 public unsignedDebits;
    uint256 public provedTrades;
    uint256 public declinedTrades;
    uint256 public claimsHurtByOthers;
    mapping(uint256 trade => bool) public isSettled;
    mapping(address account => mapping(uint32 nonce => bool)) private isNonceSpent;

    constructor(Market market_, uint256[] memory memberKeys_) {
        market = market_;
        memberKeys = memberKeys_;
    }

    function household(uint256 index) public pure returns (address) {
        return vm.addr(keyOf(index));
    }

    function deposit(uint256 from, uint256 to, uint96 amountWei) external {
        amountWei = uint96(bound(amountWei, 1, LARGEST_AMOUNT));
        vm.deal(household(from), amountWei);
        vm.prank(household(from));
        market.depositFor{value: amountWei}(household(to));
        depositedWei += amountWei;
    }

    function requestWithdrawal(uint256 who, uint96 amountWei) external {
        vm.prank(household(who));
        market.requestWithdrawal(uint96(bound(amountWei, 1, LARGEST_AMOUNT)));
    }

    function cancelWithdrawal(uint256 who) external {
        vm.prank(household(who));
        try market.cancelWithdrawal() {} catch {}
    }

    function withdraw(uint256 who) external {
        uint256 before = address(market).balance;
        vm.prank(household(who));
        try market.withdraw() {} catch {}
        withdrawnWei += before - address(market).balance;
    }

    function offer(uint256 who, uint32 energyWh) external {
        vm.startPrank(household(who));
        try market.openEnergyAccount() {} catch {}
        uint40 until = uint40(vm.getBlockTimestamp()) + 1 days;
        try market.addEnergy(energyWh, 1, false, until, "") {} catch {}
        vm.stopPrank();
    }

    function forceEther(uint64 amountWei) external {
        vm.deal(address(market), address(market).balance + amountWei);
        forcedWei += amountWei;
    }

    function pass(uint32 duration) external {
        vm.warp(vm.getBlockTimestamp() + bound(duration, 1, 40 hours));
    }

    /// @notice Settles new trades and, among them, old ones again.
    function settle(uint256 seed, uint256 to) external {
        uint256 count = 1 + seed % 4;
        uint256[] memory picked = new uint256[](count);
        bytes memory items;
        bytes32 separator = market.domainSeparator();
        for (uint256 i = 0; i < count; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            picked[i] = pick(seed);
            items = bytes.concat(items, packItem(separator, trades[picked[i]]));
        }
        record(picked, submit(separator, household(to), items));
    }

    /// @notice Somebody settles a new or an old trade by its proof, in whole or in part.
    function prove(uint256 seed, uint256 who) external {
        uint256 picked = pick(seed);
        Trade memory trade = trades[picked];
        bytes32 separator = market.domainSeparator();
        Proof memory proof = makeProof(separator, market.currentEpoch(), memberKeys, trade);
        vm.prank(household(who));
        try market.settleWithProof(
            proof.epoch, proof.item, proof.votes, proof.measuredAtSeconds, proof.ercSignature64
        ) {
            provedTrades++;
            bool isPart = trade.deliveredWh < trade.energyWh;
            if (isPart && household(who) != trade.producer) claimsHurtByOthers++;
            recordSettled(picked);
        } catch {}
    }

    /// @notice Somebody declines a new or an old trade.
    function decline(uint256 seed, uint256 who) external {
        uint256 picked = pick(seed);
        Trade memory trade = trades[picked];
        trade.deliveredWh = 0;
        bytes32 separator = market.domainSeparator();
        Proof memory proof = makeProof(separator, market.currentEpoch(), memberKeys, trade);
        uint256 before = sumOfBalances();
        vm.prank(household(who));
        try market.decline(proof.epoch, proof.item, proof.votes) {
            declinedTrades++;
            if (household(who) != trade.producer) claimsHurtByOthers++;
            if (sumOfBalances() != before) unsignedDebits++;
            recordSettled(picked);
        } catch {}
    }

    /// @notice P1: the whole committee tries to move money without its owner's signature.
    function steal(uint256 from, uint256 to, uint256 seed) external {
        Trade memory trade = trades.length == 0 ? draft(seed) : trades[seed % trades.length];
        trade.producer = household(to);
        trade.nonce = uint32(seed >> 8);
        bytes32 separator = market.domainSeparator();
        bytes memory signature = signCompact(0xbad, ctpDigest(separator, trade));
        if (seed % 2 == 0) {
            // A signature of the victim's, but of other terms.
            Trade memory other = draft(seed);
            other.consumerKey = keyOf(from);
            signature = signCompact(other.consumerKey, ctpDigest(separator, other));
        }
        bytes32 before = hashOfAccounts();
        bytes memory item = bytes.concat(packTerms(trade), signature);
        if (submit(separator, household(to), item) != 0) unsignedDebits++;
        // Votes and a receipt of this very trade, as if its signature were the victim's.
        Proof memory proof = makeProof(separator, market.currentEpoch(), memberKeys, trade);
        try market.settleWithProof(
            proof.epoch, item, proof.votes, proof.measuredAtSeconds, proof.ercSignature64
        ) {
            unsignedDebits++;
        } catch {}
        if (hashOfAccounts() != before) unsignedDebits++;
    }

    /// Changes with any household's balance, nonces, energy or withdrawal.
    function hashOfAccounts() internal view returns (bytes32) {
        address[] memory accounts = new address[](HOUSEHOLDS);
        for (uint256 i = 0; i < HOUSEHOLDS; i++) {
            accounts[i] = household(i);
        }
        return keccak256(abi.encode(market.accountStates(accounts)));
    }

    function sumOfBalances() public view returns (uint256 sum) {
        address[] memory accounts = new address[](HOUSEHOLDS);
        for (uint256 i = 0; i < HOUSEHOLDS; i++) {
            accounts[i] = household(i);
        }
        for (uint256 i = 0; i < HOUSEHOLDS; i++) {
            sum += market.accountStates(accounts)[i].balanceWei;
        }
    }

    /// @notice An old trade once in three times, else a new one.
    function pick(uint256 seed) private returns (uint256) {
        bool isOld = seed % 3 == 0 && trades.length > 0;
        return isOld ? (seed >> 8) % trades.length : addTrade(seed);
    }

    function addTrade(uint256 seed) private returns (uint256) {
        trades.push(draft(seed));
        return trades.length - 1;
    }

    function draft(uint256 seed) private view returns (Trade memory) {
        uint256 time = vm.getBlockTimestamp();
        return Trade({
            consumerKey: keyOf(seed >> 16),
            producer: household(seed >> 24),
            offerId: uint64(seed >> 32),
            amountWei: uint96(bound(seed >> 40, 1, LARGEST_AMOUNT / 2)),
            energyWh: uint32(bound(seed >> 136, 1, 3000)),
            nonce: uint32((seed >> 168) % 96),
            expirySeconds: uint40(time - 400 + (seed >> 180) % 1200),
            meterKey: vm.addr(meterPrivateKey(uint32((seed >> 168) % 96))),
            deliveredWh: uint32((seed >> 200) % 5000)
        });
    }

    function submit(bytes32 separator, address to, bytes memory items)
        private
        returns (uint256 settledBitmap)
    {
        uint32 epoch = market.currentEpoch();
        bytes32 digest = settlementDigest(separator, epoch, 0, items, to);
        bytes memory votes = packVotes(memberKeys, 2 * ((memberKeys.length - 1) / 3) + 1, digest);
        vm.recordLogs();
        market.settle(epoch, 0, to, 0, items, votes);
        bytes memory data = vm.getRecordedLogs()[0].data;
        (,, settledBitmap,) = abi.decode(data, (address, bytes32, uint256, bytes32));
    }

    function record(uint256[] memory picked, uint256 settledBitmap) private {
        for (uint256 i = 0; i < picked.length; i++) {
            if ((settledBitmap >> i) & 1 == 0) continue;
            recordSettled(picked[i]);
        }
    }

    function recordSettled(uint256 picked) private {
        Trade memory trade = trades[picked];
        address account = vm.addr(trade.consumerKey);
        if (isSettled[picked] || isNonceSpent[account][trade.nonce]) doubleSettlements++;
        isSettled[picked] = true;
        isNonceSpent[account][trade.nonce] = true;
        settledTrades++;
    }

    function keyOf(uint256 index) private pure returns (uint256) {
        return 0xacc00 + index % HOUSEHOLDS;
    }
}
