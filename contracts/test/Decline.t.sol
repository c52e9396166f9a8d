// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvalidVote} from "../src/CommitteeVotes.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {
    AmountTooSmall,
    DeliveryDeclined,
    InvalidConsumerSignature,
    NotProducer,
    SelfTrade,
    TradeOver,
    ZeroTradedEnergy
} from "../src/ProofSettlement.sol";

import {InvalidItemLength} from "../src/ProvedTrade.sol";
import {Proof} from "./support/ProofSigning.sol";
import {ProofFixture} from "./support/ProofFixture.sol";
import {Trade} from "./support/Trade.sol";

/// @title P4, P11: the producer, and nobody else, frees a hold before its end.
contract DeclineTest is ProofFixture {
    function test_decline_byTheProducer_usesTheNonceAndPaysNothing() public {
        offer(2000);
        Trade memory trade = meteredTrade(5);
        vm.expectEmit(address(market));
        emit MarketEvents.Declined(ctpIdOf(separator, trade), consumer, producer, 5);
        declineAs(producer, trade);
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "consumer");
        vm.assertEq(balanceOf(producer), 0, "producer");
        vm.assertEq(stateOf(consumer).nonceBitmap, 1 << 5, "nonce");
        vm.assertEq(stateOf(producer).energyWh, 2000, "nothing sold");
    }

    function test_decline_byAnyoneElse_refused() public {
        Proof memory proof = declineProof(meteredTrade(0));
        address[4] memory others = [consumer, vm.addr(memberKeys[0]), address(this), vm.addr(7)];
        for (uint256 i = 0; i < others.length; i++) {
            expectDeclineRefused(
                others[i], abi.encodeWithSelector(NotProducer.selector, others[i], producer), proof
            );
        }
        expectUntouched();
    }

    function test_decline_untilTheEndOfTheGrace() public {
        vm.warp(EXPIRY + GRACE);
        declineAs(producer, meteredTrade(0));
        Proof memory proof = declineProof(meteredTrade(1));
        vm.warp(EXPIRY + GRACE + 1);
        expectDeclineRefused(
            producer,
            abi.encodeWithSelector(TradeOver.selector, EXPIRY, uint256(EXPIRY + GRACE)),
            proof
        );
    }

    /// P4: a consumer cannot free a live hold through a friend who declines a second Commit To Pay
    /// at its nonce: no quorum votes for that one.
    function test_decline_withoutItsOwnCertificate_refused() public {
        address friend = vm.addr(0xf);
        Trade memory second = meteredTrade(0);
        second.producer = friend;
        Proof memory proof = declineProof(second);
        proof.votes = declineProof(meteredTrade(0)).votes;
        expectDeclineRefused(friend, voteError(), proof);
        proof.votes = signHoldVotes(separator, 1, ctpIdOf(separator, second), makeKeys(0xbad00, 4));
        expectDeclineRefused(friend, voteError(), proof);
        prove(meteredTrade(0));
        vm.assertEq(balanceOf(producer), AMOUNT, "still payable");
    }

    function test_decline_withADelivery_refused() public {
        uint32[2] memory deliveries = [uint32(1), 1500];
        for (uint256 i = 0; i < 2; i++) {
            expectDeclineRefused(
                producer,
                abi.encodeWithSelector(DeliveryDeclined.selector, deliveries[i]),
                proofOf(partOf(0, deliveries[i]))
            );
        }
    }

    function test_decline_ofUnsoundTerms_refused() public {
        Trade memory trade = meteredTrade(0);
        trade.energyWh = 0;
        expectDeclineRefused(
            producer, abi.encodeWithSelector(ZeroTradedEnergy.selector), declineProof(trade)
        );
        trade = meteredTrade(0);
        trade.amountWei = MINIMUM - 1;
        expectDeclineRefused(
            producer,
            abi.encodeWithSelector(AmountTooSmall.selector, MINIMUM - 1, uint256(MINIMUM)),
            declineProof(trade)
        );
        trade = meteredTrade(0);
        trade.producer = consumer;
        expectDeclineRefused(
            consumer, abi.encodeWithSelector(SelfTrade.selector, consumer), declineProof(trade)
        );
        Proof memory proof = declineProof(meteredTrade(0));
        proof.item = bytes.concat(packTerms(partOf(0, 0)), new bytes(64));
        expectDeclineRefused(
            producer, abi.encodeWithSelector(InvalidConsumerSignature.selector), proof
        );
        proof.item = new bytes(142);
        expectDeclineRefused(
            producer,
            abi.encodeWithSelector(InvalidItemLength.selector, uint256(142), uint256(141)),
            proof
        );
    }

    /// P5: what was certified in another market or chain declines nothing here.
    function test_decline_ofAnotherMarketOrChain_refused() public {
        Proof memory proof = declineProof(meteredTrade(0));
        vm.chainId(block.chainid + 1);
        expectDeclineRefused(producer, voteError(), proof);
        market = deployMarket(defaultOptions(), memberKeys);
        vm.chainId(block.chainid - 1);
        expectDeclineRefused(producer, voteError(), proof);
    }

    /// The consumer's money is free at once, even if his balance no longer covers the trade.
    function test_decline_ofAnUncoveredTrade_usesTheNonce() public {
        Trade memory trade = meteredTrade(0);
        trade.amountWei = 100 * AMOUNT;
        declineAs(producer, trade);
        vm.assertEq(stateOf(consumer).nonceBitmap, 1, "used");
    }

    function testFuzz_decline_anyBitChanged_usesNoNonce(uint256 bit) public {
        Proof memory proof = declineProof(meteredTrade(0));
        uint256 itemBits = proof.item.length * 8;
        bit = bound(bit, 0, itemBits + proof.votes.length * 8 - 1);
        bytes memory data = bit < itemBits ? proof.item : proof.votes;
        uint256 place = bit < itemBits ? bit : bit - itemBits;
        data[place / 8] ^= bytes1(uint8(1 << (place % 8)));
        vm.assertTrue(!tryDecline(producer, proof), "refused");
        expectUntouched();
    }

    function voteError() private pure returns (bytes memory) {
        return abi.encodeWithSelector(InvalidVote.selector, uint256(0));
    }
}
