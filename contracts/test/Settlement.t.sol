// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Market} from "../src/Market.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {MarketOptions} from "../src/MarketOptions.sol";
import {InvalidItemsLength} from "../src/Settlement.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {Trade} from "./support/Trade.sol";

/// @title One trade at a time: what pays, how much, and when.
contract SettlementTest is MarketFixture {
    uint96 private constant AMOUNT = 1_000_000;
    uint40 private constant EXPIRY = START + 1 hours;

    function setUp() public override {
        super.setUp();
        fund(consumer, 10 * AMOUNT);
    }

    function test_settle_fullDelivery_paysAmountLessFee() public {
        bytes memory items = packItem(separator, usualTrade(0, AMOUNT));
        bytes memory votes = settlementVotes(1, 9, beneficiary, items);
        vm.expectEmit(address(market));
        emit MarketEvents.Settled(1, 9, beneficiary, keccak256(items), 1, keccak256("root"));
        market.settle(1, 9, beneficiary, keccak256("root"), items, votes);
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "consumer");
        vm.assertEq(balanceOf(producer), AMOUNT - FEE, "producer");
        vm.assertEq(balanceOf(beneficiary), FEE, "beneficiary");
        vm.assertEq(stateOf(consumer).nonceBitmap, 1, "nonce");
    }

    function test_settle_moreDeliveredThanSold_paysAmount() public {
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.deliveredWh = type(uint32).max;
        vm.assertTrue(settleOne(trade), "settled");
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "consumer");
    }

    function test_settle_fullDelivery_untilTheEndOfTheGrace() public {
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(settleOne(usualTrade(0, AMOUNT)), "the last second");
        vm.warp(EXPIRY + GRACE + 1);
        vm.assertTrue(!settleOne(usualTrade(1, AMOUNT)), "too late");
    }

    function test_settle_partialDelivery_onlyInTheSecondHalfOfTheGrace() public {
        uint40[4] memory times =
            [EXPIRY + GRACE / 2 - 1, EXPIRY + GRACE / 2, EXPIRY + GRACE, EXPIRY + GRACE + 1];
        for (uint32 i = 0; i < 4; i++) {
            Trade memory trade = usualTrade(i, AMOUNT);
            trade.deliveredWh = 1499;
            vm.warp(times[i]);
            vm.assertEq(settleOne(trade) ? 1 : 0, i == 1 || i == 2 ? 1 : 0, "in time");
        }
    }

    /// The rest of the hold stays with the consumer; fractions of a wei are his as well.
    function test_settle_partialDelivery_paysItsShareRoundedDown() public {
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.deliveredWh = 1000;
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(settleOne(trade), "settled");
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT - 666_666, "two thirds");
        vm.assertEq(balanceOf(producer), 666_666 - FEE, "producer");
    }

    function test_settle_paymentBelowTheFee_goesToTheBeneficiary() public {
        Trade memory trade = usualTrade(0, MINIMUM);
        trade.deliveredWh = 8; // 1000 wei * 8 / 1500 = 5 wei
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(settleOne(trade), "settled");
        vm.assertEq(balanceOf(producer), 0, "nothing left");
        vm.assertEq(balanceOf(beneficiary), 5, "all of it");
    }

    function test_settle_paymentOfNothing_usesTheNonce() public {
        Trade memory trade = usualTrade(0, MINIMUM);
        trade.deliveredWh = 1; // less than a wei
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(settleOne(trade), "settled");
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "nothing paid");
        vm.assertTrue(!settleOne(trade), "but used");
    }

    function test_settle_withoutBeneficiary_takesNoFee() public {
        bytes memory items = packItem(separator, usualTrade(0, AMOUNT));
        vm.assertEq(settleFor(address(0), items), 1, "settled");
        vm.assertEq(balanceOf(producer), AMOUNT, "all to the producer");
        vm.assertEq(balanceOf(address(0)), 0, "nothing to nobody");
    }

    function test_settle_zeroFields_skipped() public {
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.producer = address(0);
        vm.assertTrue(!settleOne(trade), "producer");
        trade = usualTrade(0, AMOUNT);
        trade.energyWh = 0;
        vm.assertTrue(!settleOne(trade), "energy");
        trade = usualTrade(0, AMOUNT);
        trade.deliveredWh = 0;
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(!settleOne(trade), "delivered");
        vm.assertTrue(!settleOne(usualTrade(0, 0)), "amount");
        vm.assertEq(stateOf(consumer).nonceBitmap, 0, "no nonce used");
    }

    function test_settle_belowTheMinimum_skipped() public {
        vm.assertTrue(!settleOne(usualTrade(0, MINIMUM - 1)), "below");
        vm.assertTrue(settleOne(usualTrade(0, MINIMUM)), "at the minimum");
    }

    function test_settle_noMinimum_stillSkipsNothing() public {
        MarketOptions memory options = defaultOptions();
        options.minimumAmountWei = 0;
        market = deployMarket(options, memberKeys);
        separator = market.domainSeparator();
        fund(consumer, AMOUNT);
        vm.assertTrue(!settleOne(usualTrade(0, 0)), "nothing");
        vm.assertTrue(settleOne(usualTrade(0, 1)), "one wei");
    }

    function test_settle_balanceTooSmall_skippedToTheWei() public {
        vm.assertTrue(!settleOne(usualTrade(0, 10 * AMOUNT + 1)), "a wei short");
        vm.assertTrue(settleOne(usualTrade(0, 10 * AMOUNT)), "exactly");
        vm.assertEq(balanceOf(consumer), 0, "empty");
    }

    /// P2: what is requested for withdrawal still pays.
    function test_settle_requestedMoney_pays() public {
        vm.prank(consumer);
        market.requestWithdrawal(10 * AMOUNT);
        vm.assertTrue(settleOne(usualTrade(0, 10 * AMOUNT)), "settled");
    }

    function test_settle_consumerIsProducer_skipped() public {
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.producer = consumer;
        vm.assertTrue(!settleOne(trade), "skipped");
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "untouched");
        vm.assertEq(stateOf(consumer).nonceBitmap, 0, "nonce too");
    }

    /// P5
    function test_settle_sameTradeAgain_skipped() public {
        vm.assertTrue(settleOne(usualTrade(0, AMOUNT)), "once");
        vm.assertTrue(!settleOne(usualTrade(0, AMOUNT)), "not twice");
        vm.assertEq(settleTwo(usualTrade(1, AMOUNT), usualTrade(1, AMOUNT)), 1, "in one batch");
        vm.assertEq(balanceOf(consumer), 8 * AMOUNT, "paid twice in all");
    }

    /// P5: two Commits To Pay of one nonce: one at most is paid.
    function test_settle_sameNonceOtherTerms_skipped() public {
        Trade memory other = usualTrade(0, AMOUNT);
        other.producer = beneficiary;
        vm.assertEq(settleTwo(usualTrade(0, AMOUNT), other), 1, "the first");
    }

    /// P5: the very same batch, sent again by anyone.
    function test_settle_sameBatchAgain_movesNothing() public {
        bytes memory items = packItem(separator, usualTrade(0, AMOUNT));
        bytes memory votes = settlementVotes(1, 1, beneficiary, items);
        market.settle(1, 1, beneficiary, 0, items, votes);
        vm.recordLogs();
        market.settle(1, 1, beneficiary, 0, items, votes);
        vm.assertEq(readBitmap(), 0, "nothing");
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "paid once");
    }

    /// P5: a market of the same committee on the same chain, and a chain of another id.
    function test_settle_ctpOfAnotherMarketOrChain_skipped() public {
        Trade memory trade = usualTrade(0, AMOUNT);
        Market other = deployMarket(defaultOptions(), memberKeys);
        vm.assertEq(settleItems(packItem(other.domainSeparator(), trade)), 0, "market");
        bytes32 elsewhere = separatorOf(block.chainid + 1, address(market));
        vm.assertEq(settleItems(packItem(elsewhere, trade)), 0, "chain");
        vm.assertTrue(settleOne(trade), "here");
    }

    /// P5: after a fork that changes the chain's id, only the new id's signatures count.
    function test_settle_chainIdChanges_oldSignaturesWorthless() public {
        bytes memory items = packItem(separator, usualTrade(0, AMOUNT));
        bytes memory votes = settlementVotes(1, 1, beneficiary, items);
        vm.chainId(block.chainid + 1);
        vm.expectRevert();
        market.settle(1, 1, beneficiary, 0, items, votes);
        separator = market.domainSeparator();
        vm.assertEq(separator, separatorOf(block.chainid, address(market)), "made anew");
        vm.assertEq(settleItems(items), 0, "old signature");
        vm.assertTrue(settleOne(usualTrade(0, AMOUNT)), "new signature");
    }

    /// P1: not one bit of a CTP can be changed, whoever signs the batch.
    function testFuzz_settle_anyBitOfTheCtpChanged_takesNothing(uint256 bit) public {
        bytes memory item = packItem(separator, usualTrade(0, AMOUNT));
        // 73 bytes of the Ctp, and the signature behind deliveredWh.
        bit = bound(bit, 0, (141 - 4) * 8 - 1);
        uint256 place = bit / 8 < 73 ? bit / 8 : bit / 8 + 4;
        item[place] ^= bytes1(uint8(1 << (bit % 8)));
        settleItems(item);
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "untouched");
        vm.assertEq(stateOf(consumer).nonceBitmap, 0, "no nonce used");
    }

    /// P1: a full committee without the consumer's signature gets nothing.
    function testFuzz_settle_signedByAnotherKey_takesNothing(uint256 key) public {
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.consumerKey = bound(key, 1, type(uint128).max);
        vm.assume(trade.consumerKey != CONSUMER_KEY);
        settleOne(trade);
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT, "untouched");
    }

    /// P1
    function test_settle_malformedSignature_skipped() public {
        bytes memory terms = packTerms(usualTrade(0, AMOUNT));
        bytes[4] memory signatures = [
            new bytes(64),
            abi.encodePacked(type(uint256).max, type(uint256).max),
            abi.encodePacked(uint256(0), uint256(1)),
            abi.encodePacked(uint256(1), uint256(0))
        ];
        for (uint256 i = 0; i < 4; i++) {
            vm.assertEq(settleItems(bytes.concat(terms, signatures[i])), 0, "skipped");
        }
    }

    /// P1: an item without signer does not fall on the account of the item before it.
    function test_settle_malformedAfterGood_takesNothingMore() public {
        bytes memory good = packItem(separator, usualTrade(0, AMOUNT));
        bytes memory bad = bytes.concat(packTerms(usualTrade(1, AMOUNT)), new bytes(64));
        vm.assertEq(settleItems(bytes.concat(good, bad, bad)), 1, "the first only");
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "paid once");
    }

    /// P5: a signature with s in the upper half of the order is refused.
    function test_settle_largeS_skipped() public {
        Trade memory trade = usualTrade(0, AMOUNT);
        bytes32 digest = ctpDigest(separator, trade);
        for (uint256 i = 0; i < 2; i++) {
            (bytes memory signature, address signer) = craftSignature(digest, LARGEST_S + i);
            fund(signer, AMOUNT);
            bytes memory item = bytes.concat(packTerms(trade), signature);
            vm.assertEq(settleItems(item), i == 0 ? 1 : 0, "up to half the order");
        }
    }

    function test_settle_itemsOfWrongLength_refused() public {
        bytes memory item = packItem(separator, usualTrade(0, AMOUNT));
        expectLengthRefused("");
        expectLengthRefused(new bytes(140));
        expectLengthRefused(bytes.concat(item, hex"00"));
        expectLengthRefused(new bytes(257 * 141));
    }

    function test_settle_mostItems_settlesThemAll() public {
        bytes memory items;
        for (uint32 i = 0; i < 256; i++) {
            items = bytes.concat(items, packItem(separator, usualTrade(i, MINIMUM)));
        }
        vm.assertEq(settleItems(items), type(uint256).max, "all");
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT - 256 * MINIMUM, "consumer");
        vm.assertEq(balanceOf(producer), 256 * (MINIMUM - FEE), "producer");
        vm.assertEq(stateOf(consumer).nonceBase, 192, "base");
    }

    /// P11: selling more than was offered costs nobody anything.
    function test_settle_moreSoldThanOffered_counterStopsAtZero() public {
        offer(2000);
        vm.assertTrue(settleOne(usualTrade(0, AMOUNT)), "within");
        vm.assertEq(stateOf(producer).energyWh, 500, "left");
        vm.assertTrue(settleOne(usualTrade(1, AMOUNT)), "oversold");
        vm.assertEq(stateOf(producer).energyWh, 0, "none");
        vm.assertEq(balanceOf(producer), 2 * (AMOUNT - FEE), "paid for both");
    }

    function test_settle_partialDelivery_takesOffWhatCame() public {
        offer(2000);
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.deliveredWh = 400;
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(settleOne(trade), "settled");
        vm.assertEq(stateOf(producer).energyWh, 1600, "left");
    }

    /// Money earned can be spent, in the same batch even.
    function test_settle_earnedMoney_pays() public {
        Trade memory onward = usualTrade(0, AMOUNT - FEE);
        onward.consumerKey = PRODUCER_KEY;
        onward.producer = beneficiary;
        vm.assertEq(settleTwo(usualTrade(0, AMOUNT), onward), 3, "both");
        vm.assertEq(balanceOf(producer), 0, "spent");
        vm.assertEq(balanceOf(beneficiary), AMOUNT, "amount, less a fee, and two fees");
    }

    /// P7: any amount, energy and delivery; the sum over all accounts never changes.
    function testFuzz_settle_anyDelivery_paysTheFormula(
        uint96 amountWei,
        uint32 energyWh,
        uint32 deliveredWh
    ) public {
        amountWei = uint96(bound(amountWei, MINIMUM, type(uint96).max - 10 * AMOUNT));
        energyWh = uint32(bound(energyWh, 1, type(uint32).max));
        deliveredWh = uint32(bound(deliveredWh, 1, type(uint32).max));
        fund(consumer, amountWei);
        uint256 before = balanceOf(consumer);
        Trade memory trade = usualTrade(0, amountWei);
        trade.energyWh = energyWh;
        trade.deliveredWh = deliveredWh;
        vm.warp(EXPIRY + GRACE);
        vm.assertTrue(settleOne(trade), "settled");
        uint256 counted = deliveredWh < energyWh ? deliveredWh : energyWh;
        uint256 payment = uint256(amountWei) * counted / energyWh;
        uint256 fee = payment < FEE ? payment : FEE;
        vm.assertEq(before - balanceOf(consumer), payment, "paid");
        vm.assertEq(balanceOf(producer), payment - fee, "earned");
        vm.assertEq(balanceOf(beneficiary), fee, "fee");
    }

    /// Clocks near zero and graces longer than all time behave as the formula says.
    function testFuzz_settle_extremeTimes_followTheRule(uint40 time, uint40 expiry, uint40 grace)
        public
    {
        MarketOptions memory options = defaultOptions();
        options.graceSeconds = uint40(bound(grace, 10, type(uint32).max - LIFE - 1));
        options.withdrawalDelaySeconds = type(uint32).max;
        market = deployMarket(options, memberKeys);
        separator = market.domainSeparator();
        fund(consumer, 10 * AMOUNT);
        // Close to one of the bounds, half of the time.
        if (time % 2 == 0) {
            uint256 half = uint256(expiry) + options.graceSeconds / 2;
            time = uint40(bound(half + expiry % 3, 1, type(uint40).max)) - 1;
        }
        vm.warp(time);
        Trade memory trade = usualTrade(0, AMOUNT);
        trade.expirySeconds = expiry;
        trade.deliveredWh = 1499;
        bool isLate = time > uint256(expiry) + options.graceSeconds;
        bool isEarly = time < uint256(expiry) + options.graceSeconds / 2;
        vm.assertTrue(settleOne(trade) == (!isLate && !isEarly), "part");
        trade = usualTrade(1, AMOUNT);
        trade.expirySeconds = expiry;
        vm.assertTrue(settleOne(trade) == !isLate, "full");
    }

    function offer(uint32 energyWh) private {
        vm.deal(producer, BURN);
        vm.prank(producer);
        market.openEnergyAccount{value: BURN}();
        vm.prank(producer);
        market.addEnergy(energyWh, 1, false, EXPIRY, "");
    }

    function expectLengthRefused(bytes memory items) private {
        bytes memory votes = settlementVotes(1, 1, beneficiary, items);
        vm.expectRevert(abi.encodeWithSelector(InvalidItemsLength.selector, items.length));
        market.settle(1, 1, beneficiary, 0, items, votes);
    }
}
