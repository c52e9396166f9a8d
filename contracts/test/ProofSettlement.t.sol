// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvalidSignatureLength} from "../src/CompactSignature.sol";
import {InvalidVote} from "../src/CommitteeVotes.sol";
import {Market} from "../src/Market.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {MarketOptions} from "../src/MarketOptions.sol";
import {
    AmountTooSmall,
    BalanceTooSmall,
    InvalidConsumerSignature,
    InvalidErc,
    NotProducer,
    NothingDelivered,
    PartTooEarly,
    SelfTrade,
    TradeOver,
    ZeroProducer,
    ZeroTradedEnergy
} from "../src/ProofSettlement.sol";

import {InvalidItemLength} from "../src/ProvedTrade.sol";
import {Proof} from "./support/ProofSigning.sol";
import {ProofFixture} from "./support/ProofFixture.sol";
import {Trade} from "./support/Trade.sol";

/// @title P3: a producer who holds certificate and receipt is paid with nobody's help.
contract ProofSettlementTest is ProofFixture {
    address private stranger = vm.addr(0xbad);

    /// No fee, no beneficiary, and whoever sends it: the producer is paid.
    function test_proof_fullDelivery_paysAllToTheProducer() public {
        Trade memory trade = meteredTrade(0);
        vm.expectEmit(address(market));
        emit MarketEvents.SettledWithProof(
            ctpIdOf(separator, trade), consumer, producer, 1, 0, 1500, AMOUNT
        );
        proveAs(stranger, trade);
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "consumer");
        vm.assertEq(balanceOf(producer), AMOUNT, "producer");
        vm.assertEq(balanceOf(stranger), 0, "no fee");
        vm.assertEq(stateOf(consumer).nonceBitmap, 1, "nonce");
    }

    function test_proof_moreDeliveredThanSold_paysAmount() public {
        Trade memory trade = partOf(0, type(uint32).max);
        vm.expectEmit(address(market));
        emit MarketEvents.SettledWithProof(
            ctpIdOf(separator, trade), consumer, producer, 1, 0, 1500, AMOUNT
        );
        prove(trade);
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "consumer");
    }

    function test_proof_fullDelivery_untilTheEndOfTheGrace() public {
        vm.warp(EXPIRY + GRACE);
        prove(meteredTrade(0));
        vm.warp(EXPIRY + GRACE + 1);
        expectRefusedAs(producer, overError(), proofOf(meteredTrade(1)));
    }

    /// P3: a lower receipt is nobody's to settle but the producer's, so none can be forced on him.
    function test_proof_partialDelivery_byTheProducerOnly() public {
        Proof memory proof = proofOf(partOf(0, 1499));
        address[4] memory others = [stranger, consumer, vm.addr(memberKeys[0]), address(this)];
        for (uint40 time = EXPIRY; time <= EXPIRY + GRACE; time += GRACE) {
            vm.warp(time);
            for (uint256 i = 0; i < others.length; i++) {
                bytes memory reason =
                    abi.encodeWithSelector(NotProducer.selector, others[i], producer);
                expectRefusedAs(others[i], reason, proof);
            }
        }
        sendAs(producer, proof);
        vm.assertEq(balanceOf(producer), uint256(AMOUNT) * 1499 / 1500, "his share");
    }

    function test_proof_partialDelivery_fromExpiryToTheEndOfTheGrace() public {
        vm.warp(EXPIRY - 1);
        expectRefusedAs(
            producer, abi.encodeWithSelector(PartTooEarly.selector, EXPIRY), proofOf(partOf(0, 1))
        );
        vm.warp(EXPIRY);
        proveAs(producer, partOf(0, 1499));
        vm.warp(EXPIRY + GRACE);
        proveAs(producer, partOf(1, 1499));
        vm.warp(EXPIRY + GRACE + 1);
        expectRefusedAs(producer, overError(), proofOf(partOf(2, 1499)));
    }

    function test_proof_partialDelivery_paysItsShareRoundedDown() public {
        vm.warp(EXPIRY);
        Trade memory trade = partOf(0, 1000);
        vm.expectEmit(address(market));
        emit MarketEvents.SettledWithProof(
            ctpIdOf(separator, trade), consumer, producer, 1, 0, 1000, 666_666
        );
        proveAs(producer, trade);
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT - 666_666, "two thirds");
        vm.assertEq(balanceOf(producer), 666_666, "producer");
    }

    /// As in a batch. It is his own claim that the producer gives away: nobody else can.
    function test_proof_paymentOfNothing_usesTheNonce() public {
        Trade memory trade = meteredTrade(0);
        trade.amountWei = MINIMUM;
        trade.deliveredWh = 1; // less than a wei
        vm.warp(EXPIRY);
        Proof memory proof = proofOf(trade);
        bytes memory reason = abi.encodeWithSelector(NotProducer.selector, stranger, producer);
        expectRefusedAs(stranger, reason, proof);
        sendAs(producer, proof);
        expectUntouchedBalance();
        vm.assertEq(stateOf(consumer).nonceBitmap, 1, "used");
    }

    function test_proof_zeroFields_refused() public {
        Trade memory trade = meteredTrade(0);
        trade.producer = address(0);
        expectRefused(abi.encodeWithSelector(ZeroProducer.selector), proofOf(trade));
        trade = meteredTrade(0);
        trade.energyWh = 0;
        expectRefused(abi.encodeWithSelector(ZeroTradedEnergy.selector), proofOf(trade));
        Proof memory proof = proofOf(partOf(0, 0));
        vm.warp(EXPIRY);
        expectRefusedAs(producer, abi.encodeWithSelector(NothingDelivered.selector), proof);
        expectUntouched();
    }

    function test_proof_belowTheMinimum_refused() public {
        Trade memory trade = meteredTrade(0);
        uint96[2] memory amounts = [0, MINIMUM - 1];
        for (uint256 i = 0; i < 2; i++) {
            trade.amountWei = amounts[i];
            expectRefused(amountError(amounts[i], MINIMUM), proofOf(trade));
        }
        trade.amountWei = MINIMUM;
        prove(trade);
    }

    function test_proof_noMinimum_stillRefusesNothing() public {
        MarketOptions memory options = defaultOptions();
        options.minimumAmountWei = 0;
        useMarket(deployMarket(options, memberKeys));
        Trade memory trade = meteredTrade(0);
        trade.amountWei = 0;
        expectRefused(amountError(0, 0), proofOf(trade));
        trade.amountWei = 1;
        prove(trade);
    }

    /// P7
    function test_proof_balanceTooSmall_refusedToTheWei() public {
        Trade memory trade = meteredTrade(0);
        trade.amountWei = 10 * AMOUNT + 1;
        bytes memory reason = abi.encodeWithSelector(
            BalanceTooSmall.selector, consumer, uint256(10 * AMOUNT), uint256(10 * AMOUNT + 1)
        );
        expectRefused(reason, proofOf(trade));
        trade.amountWei = 10 * AMOUNT;
        prove(trade);
        vm.assertEq(balanceOf(consumer), 0, "empty");
    }

    /// P2: what is requested for withdrawal still pays.
    function test_proof_requestedMoney_pays() public {
        vm.prank(consumer);
        market.requestWithdrawal(10 * AMOUNT);
        prove(meteredTrade(0));
        vm.assertEq(balanceOf(producer), AMOUNT, "paid");
    }

    function test_proof_consumerIsProducer_refused() public {
        Trade memory trade = meteredTrade(0);
        trade.producer = consumer;
        bytes memory reason = abi.encodeWithSelector(SelfTrade.selector, consumer);
        expectRefusedAs(consumer, reason, proofOf(trade));
        expectUntouched();
    }

    function test_proof_itemsOfWrongLength_refused() public {
        Proof memory proof = proofOf(meteredTrade(0));
        bytes[4] memory items =
            [bytes(""), new bytes(140), bytes.concat(proof.item, hex"00"), new bytes(282)];
        for (uint256 i = 0; i < items.length; i++) {
            proof.item = items[i];
            expectRefused(
                abi.encodeWithSelector(InvalidItemLength.selector, items[i].length, uint256(141)),
                proof
            );
        }
    }

    /// P1
    function test_proof_malformedConsumerSignature_refused() public {
        Proof memory proof = proofOf(meteredTrade(0));
        bytes memory terms = packTerms(meteredTrade(0));
        bytes[4] memory signatures = [
            new bytes(64),
            abi.encodePacked(type(uint256).max, type(uint256).max),
            abi.encodePacked(uint256(0), uint256(1)),
            abi.encodePacked(uint256(1), uint256(0))
        ];
        for (uint256 i = 0; i < 4; i++) {
            proof.item = bytes.concat(terms, signatures[i]);
            expectRefused(abi.encodeWithSelector(InvalidConsumerSignature.selector), proof);
        }
    }

    /// P5: a consumer's signature with s in the upper half of the order is refused.
    function test_proof_largeSOfTheConsumer_refused() public {
        Trade memory trade = meteredTrade(0);
        bytes32 digest = ctpDigest(separator, trade);
        for (uint256 i = 0; i < 2; i++) {
            (bytes memory signature, address signer) = craftSignature(digest, LARGEST_S + i);
            fund(signer, AMOUNT);
            Proof memory proof = proofOf(trade);
            bytes32 ctpId = keccak256(abi.encodePacked(digest, signer));
            proof.item = bytes.concat(packTerms(trade), signature);
            proof.votes = signHoldVotes(separator, 1, ctpId, memberKeys);
            proof.ercSignature64 = signErc(separator, ctpId, trade);
            if (i == 1) {
                vm.expectRevert(abi.encodeWithSelector(InvalidConsumerSignature.selector));
            }
            send(proof);
        }
    }

    /// P6: only the meter key that the Commit To Pay names can receipt it.
    function test_proof_receiptOfAnotherKey_refused() public {
        Trade memory trade = meteredTrade(0);
        Proof memory proof = proofOf(trade);
        bytes32 ctpId = ctpIdOf(separator, trade);
        bytes32 digest = ercDigest(separator, ctpId, trade.deliveredWh, trade.expirySeconds);
        uint256[5] memory keys =
            [meterPrivateKey(1), CONSUMER_KEY, PRODUCER_KEY, memberKeys[0], 0xbad];
        for (uint256 i = 0; i < keys.length; i++) {
            proof.ercSignature64 = signCompact(keys[i], digest);
            expectRefusedAs(producer, ercError(trade.meterKey), proof);
        }
        proof.ercSignature64 = flipParity(signErc(separator, ctpId, trade));
        expectRefusedAs(producer, ercError(trade.meterKey), proof);
    }

    /// P6: a receipt counts for the energy, the time and the Commit To Pay that it names.
    function test_proof_receiptOfOtherContents_refused() public {
        Trade memory trade = meteredTrade(0);
        Proof memory proof = proofOf(trade);
        bytes memory reason = ercError(trade.meterKey);
        proof.measuredAtSeconds++;
        expectRefused(reason, proof);
        proof.measuredAtSeconds--;
        // The meter said 1499 Wh; the item claims all.
        proof.ercSignature64 = proofOf(partOf(0, 1499)).ercSignature64;
        expectRefused(reason, proof);
        // The same meter key, of another Commit To Pay.
        Trade memory other = meteredTrade(0);
        other.offerId = 2;
        proof.ercSignature64 = proofOf(other).ercSignature64;
        expectRefused(reason, proof);
    }

    /// P6: no meter key is the zero address, whatever recovers to nothing.
    function test_proof_zeroMeterKey_refused() public {
        Trade memory trade = meteredTrade(0);
        trade.meterKey = address(0);
        Proof memory proof = proofOf(trade);
        proof.ercSignature64 = new bytes(64);
        expectRefused(ercError(address(0)), proof);
    }

    /// P6: nor is the last member who voted, whose address lay in memory before.
    function test_proof_receiptThatRecoversToNothing_leavesNoSignerBehind() public {
        Trade memory trade = meteredTrade(0);
        trade.meterKey = vm.addr(memberKeys[2]);
        Proof memory proof = proofOf(trade);
        proof.ercSignature64 = new bytes(64);
        expectRefused(ercError(trade.meterKey), proof);
    }

    function test_proof_receiptSignatureOfWrongLength_refused() public {
        Proof memory proof = proofOf(meteredTrade(0));
        bytes[3] memory signatures =
            [bytes(""), new bytes(63), bytes.concat(proof.ercSignature64, hex"00")];
        for (uint256 i = 0; i < signatures.length; i++) {
            proof.ercSignature64 = signatures[i];
            uint256 length = signatures[i].length;
            expectRefused(abi.encodeWithSelector(InvalidSignatureLength.selector, length), proof);
        }
    }

    /// P5: certificate, receipt and Commit To Pay of another market or chain.
    function test_proof_ofAnotherMarketOrChain_refused() public {
        Proof memory proof = proofOf(meteredTrade(0));
        Market other = deployMarket(defaultOptions(), memberKeys);
        Market here = market;
        market = other;
        expectRefused(voteError(0), proof);
        market = here;
        vm.chainId(block.chainid + 1);
        expectRefused(voteError(0), proof);
    }

    /// P5: after a fork that changes the chain's id, only the new id's signatures count.
    function test_proof_chainIdChanges_signedAnewIsPaid() public {
        vm.chainId(block.chainid + 1);
        separator = market.domainSeparator();
        prove(meteredTrade(0));
        vm.assertEq(balanceOf(producer), AMOUNT, "paid");
    }

    /// P1: not one bit of item, votes or receipt can be changed.
    function testFuzz_proof_anyBitChanged_takesNothing(uint256 bit) public {
        Proof memory proof = proofOf(meteredTrade(0));
        uint256 itemBits = proof.item.length * 8;
        uint256 voteBits = proof.votes.length * 8;
        bit = bound(bit, 0, itemBits + voteBits + 64 * 8 + 40 - 1);
        if (bit < itemBits) {
            flipBit(proof.item, bit);
        } else if (bit < itemBits + voteBits) {
            flipBit(proof.votes, bit - itemBits);
        } else if (bit < itemBits + voteBits + 64 * 8) {
            flipBit(proof.ercSignature64, bit - itemBits - voteBits);
        } else {
            proof.measuredAtSeconds ^= uint40(1 << (bit - itemBits - voteBits - 64 * 8));
        }
        vm.assertTrue(!trySend(producer, proof), "refused");
        expectUntouched();
    }

    /// P7: any amount, energy and delivery pay the formula, and nothing is lost.
    function testFuzz_proof_anyDelivery_paysTheFormula(
        uint96 amountWei,
        uint32 energyWh,
        uint32 deliveredWh
    ) public {
        Trade memory trade = meteredTrade(0);
        trade.amountWei = uint96(bound(amountWei, MINIMUM, type(uint96).max - 10 * AMOUNT));
        trade.energyWh = uint32(bound(energyWh, 1, type(uint32).max));
        trade.deliveredWh = uint32(bound(deliveredWh, 1, type(uint32).max));
        fund(consumer, trade.amountWei);
        uint256 before = balanceOf(consumer);
        vm.warp(EXPIRY + GRACE);
        proveAs(producer, trade);
        uint256 counted = trade.deliveredWh < trade.energyWh ? trade.deliveredWh : trade.energyWh;
        uint256 payment = uint256(trade.amountWei) * counted / trade.energyWh;
        vm.assertEq(before - balanceOf(consumer), payment, "paid");
        vm.assertEq(balanceOf(producer), payment, "earned");
    }

    /// Clocks near zero and graces longer than all time behave as the formula says.
    function testFuzz_proof_extremeTimes_followTheRule(uint40 time, uint40 expiry, uint40 grace)
        public
    {
        MarketOptions memory options = defaultOptions();
        options.graceSeconds = uint40(bound(grace, 10, type(uint32).max - LIFE - 1));
        options.withdrawalDelaySeconds = type(uint32).max;
        useMarket(deployMarket(options, memberKeys));
        // Close to one of the bounds, two thirds of the time.
        uint256 end = uint256(expiry) + options.graceSeconds;
        if (time % 3 == 0) {
            time = uint40(bound(uint256(expiry) + time % 5, 2, type(uint40).max)) - 2;
        }
        if (time % 3 == 1) time = uint40(bound(end + time % 5, 2, type(uint40).max)) - 2;
        vm.warp(time);
        Trade memory trade = partOf(0, 1499);
        trade.expirySeconds = expiry;
        vm.assertTrue(trySend(producer, proofOf(trade)) == (time >= expiry && time <= end), "part");
        trade = meteredTrade(1);
        trade.expirySeconds = expiry;
        vm.assertTrue(trySend(stranger, proofOf(trade)) == (time <= end), "full");
    }

    /// P11: selling more than was offered costs nobody anything.
    function test_proof_moreSoldThanOffered_counterStopsAtZero() public {
        offer(2000);
        prove(meteredTrade(0));
        vm.assertEq(stateOf(producer).energyWh, 500, "left");
        prove(meteredTrade(1));
        vm.assertEq(stateOf(producer).energyWh, 0, "none");
        vm.assertEq(balanceOf(producer), 2 * AMOUNT, "paid for both");
    }

    function test_proof_partialDelivery_takesOffWhatCame() public {
        offer(2000);
        vm.warp(EXPIRY);
        proveAs(producer, partOf(0, 400));
        vm.assertEq(stateOf(producer).energyWh, 1600, "left");
    }

    /// P3: consumer and strangers do all they can, members too; the producer is paid all the same.
    function testFuzz_proof_whateverOthersDo_producerIsPaid(uint256 seed) public {
        Trade memory trade = meteredTrade(0);
        trade.amountWei = 10 * AMOUNT;
        uint256 time = START;
        for (uint256 i = 0; i < 8; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            time += (seed >> 200) % 20 minutes;
            if (time > EXPIRY + GRACE / 2) time = EXPIRY + GRACE / 2;
            vm.warp(time);
            obstruct(seed, trade);
        }
        vm.warp(EXPIRY + GRACE / 2);
        sendAs(producer, proofOf(trade));
        vm.assertEq(balanceOf(producer), 10 * AMOUNT, "in full");
    }

    /// What a consumer and his friends can try against a live hold of which they know everything.
    function obstruct(uint256 seed, Trade memory trade) private {
        uint256 kind = seed % 6;
        address sender = seed % 2 == 0 ? consumer : stranger;
        if (kind == 0) {
            // A lower receipt that the meter did sign.
            Trade memory part = partOf(0, uint32(1 + (seed >> 8) % 1499));
            part.amountWei = trade.amountWei;
            vm.assertTrue(!trySend(sender, proofOf(part)), "lower receipt");
        } else if (kind == 1) {
            Proof memory proof = declineProof(trade);
            vm.assertTrue(!tryDecline(sender, proof), "declined by another");
        } else if (kind == 2) {
            // A second Commit To Pay at the nonce, to a friend, with what votes there are.
            Trade memory second = meteredTrade(0);
            second.producer = stranger;
            Proof memory proof = proofOf(second);
            proof.votes = proofOf(trade).votes;
            vm.assertTrue(!trySend(stranger, proof), "second");
            proof = declineProof(second);
            proof.votes = proofOf(trade).votes;
            vm.assertTrue(!tryDecline(stranger, proof), "second declined");
        } else if (kind == 3) {
            vm.startPrank(consumer);
            market.requestWithdrawal(uint96(1 + (seed >> 8) % (20 * AMOUNT)));
            vm.stopPrank();
        } else if (kind == 4) {
            vm.prank(consumer);
            (bool isDone,) = address(market).call(abi.encodeCall(Market.withdraw, ()));
            vm.assertTrue(!isDone, "withdrawn");
        } else {
            // A trade far above in the window, uncertified.
            Trade memory above = meteredTrade(500);
            Proof memory proof = proofOf(above);
            proof.votes = signHoldVotes(separator, 1, ctpIdOf(separator, above), strangersKeys());
            vm.assertTrue(!trySend(sender, proof), "slid");
        }
    }

    function strangersKeys() private pure returns (uint256[] memory) {
        return makeKeys(0xbad00, 4);
    }

    function useMarket(Market other) private {
        market = other;
        separator = other.domainSeparator();
        fund(consumer, 10 * AMOUNT);
    }

    function expectUntouchedBalance() private view {
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "nothing paid");
        vm.assertEq(balanceOf(producer), 0, "nothing earned");
    }

    function flipBit(bytes memory data, uint256 bit) private pure {
        data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
    }

    function amountError(uint96 amountWei, uint256 minimumWei) private pure returns (bytes memory) {
        return abi.encodeWithSelector(AmountTooSmall.selector, amountWei, minimumWei);
    }

    function overError() private pure returns (bytes memory) {
        return abi.encodeWithSelector(TradeOver.selector, EXPIRY, uint256(EXPIRY + GRACE));
    }

    function ercError(address meterKey) private pure returns (bytes memory) {
        return abi.encodeWithSelector(InvalidErc.selector, meterKey);
    }

    function voteError(uint256 memberIndex) private pure returns (bytes memory) {
        return abi.encodeWithSelector(InvalidVote.selector, memberIndex);
    }
}
