// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochEndVote} from "../../src/Governance.sol";
import {Market} from "../../src/Market.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {Proof, ProofSigning} from "./ProofSigning.sol";
import {Trade} from "./Trade.sol";

/// @title A market in which producers settle by proof and decline.
abstract contract ProofFixture is MarketFixture, ProofSigning {
    uint96 internal constant AMOUNT = 1_000_000;
    uint40 internal constant EXPIRY = START + 1 hours;

    function setUp() public virtual override {
        super.setUp();
        fund(consumer, 10 * AMOUNT);
    }

    /// @notice A trade of the usual consumer and producer whose meter key can sign.
    function meteredTrade(uint32 nonce) internal view returns (Trade memory trade) {
        trade = usualTrade(nonce, AMOUNT);
        trade.meterKey = vm.addr(meterPrivateKey(nonce));
    }

    function partOf(uint32 nonce, uint32 deliveredWh) internal view returns (Trade memory trade) {
        trade = meteredTrade(nonce);
        trade.deliveredWh = deliveredWh;
    }

    /// @notice Certified by the current committee.
    function proofOf(Trade memory trade) internal view returns (Proof memory) {
        return makeProof(separator, market.currentEpoch(), memberKeys, trade);
    }

    function send(Proof memory proof) internal {
        market.settleWithProof(
            proof.epoch, proof.item, proof.votes, proof.measuredAtSeconds, proof.ercSignature64
        );
    }

    function sendAs(address sender, Proof memory proof) internal {
        vm.prank(sender);
        send(proof);
    }

    function prove(Trade memory trade) internal {
        send(proofOf(trade));
    }

    function proveAs(address sender, Trade memory trade) internal {
        sendAs(sender, proofOf(trade));
    }

    /// @notice The same trade as one to decline.
    function declineProof(Trade memory trade) internal view returns (Proof memory) {
        uint32 deliveredWh = trade.deliveredWh;
        trade.deliveredWh = 0;
        Proof memory proof = proofOf(trade);
        trade.deliveredWh = deliveredWh;
        return proof;
    }

    function declineAs(address sender, Trade memory trade) internal {
        sendDecline(sender, declineProof(trade));
    }

    function sendDecline(address sender, Proof memory proof) internal {
        vm.prank(sender);
        market.decline(proof.epoch, proof.item, proof.votes);
    }

    function expectRefused(bytes memory reason, Proof memory proof) internal {
        vm.expectRevert(reason);
        send(proof);
    }

    function expectRefusedAs(address sender, bytes memory reason, Proof memory proof) internal {
        vm.expectRevert(reason);
        sendAs(sender, proof);
    }

    function expectDeclineRefused(address sender, bytes memory reason, Proof memory proof)
        internal
    {
        vm.expectRevert(reason);
        sendDecline(sender, proof);
    }

    /// @notice Whether the contract took it, without a reason.
    function trySend(address sender, Proof memory proof) internal returns (bool isDone) {
        vm.prank(sender);
        (isDone,) = address(market)
            .call(
                abi.encodeCall(
                    Market.settleWithProof,
                    (
                        proof.epoch,
                        proof.item,
                        proof.votes,
                        proof.measuredAtSeconds,
                        proof.ercSignature64
                    )
                )
            );
    }

    function tryDecline(address sender, Proof memory proof) internal returns (bool isDone) {
        vm.prank(sender);
        (isDone,) = address(market)
            .call(abi.encodeCall(Market.decline, (proof.epoch, proof.item, proof.votes)));
    }

    /// @notice Ends the epoch; from then on `keys` sign for the committee.
    function openEpochWith(uint256[] memory keys) internal {
        uint32 epoch = market.currentEpoch();
        uint256 count = quorumOf(memberKeys.length);
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, count, epoch);
        govern(abi.encodeCall(Market.openEpoch, (addressesOf(keys), ends)));
        memberKeys = keys;
    }

    function offer(uint32 energyWh) internal {
        vm.deal(producer, BURN);
        vm.prank(producer);
        market.openEnergyAccount{value: BURN}();
        vm.prank(producer);
        market.addEnergy(energyWh, 1, false, EXPIRY, "");
    }

    function expectUntouched() internal view {
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "balance");
        vm.assertEq(stateOf(consumer).nonceBitmap, 0, "nonces");
    }
}
