// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketFixture} from "./support/MarketFixture.sol";
import {Trade} from "./support/Trade.sol";

/// @title P2, P4: nothing that a consumer can call makes a payable Commit To Pay unpayable.
contract HoldsTest is MarketFixture {
    uint96 private constant AMOUNT = 1 ether;

    function setUp() public override {
        super.setUp();
        fund(consumer, AMOUNT);
    }

    /// The worst case: the longest life, the whole balance, a request in the same second.
    function test_hold_withdrawalRequestedAtOnce_paysUntilItsEnd() public {
        Trade memory trade = longestTrade(0, AMOUNT);
        request(AMOUNT);
        vm.warp(uint256(trade.expirySeconds) + GRACE);
        vm.prank(consumer);
        (bool isPaid,) = address(market).call(abi.encodeCall(market.withdraw, ()));
        vm.assertTrue(!isPaid, "not yet");
        vm.assertTrue(settleOne(trade), "settled");
    }

    /// A request of before the hold counts against the balance, and what it took is not missed.
    function test_hold_olderRequestPaidOut_leavesWhatWasHeld() public {
        fund(consumer, AMOUNT);
        request(AMOUNT);
        vm.warp(START + DELAY - 1 hours);
        Trade memory trade = longestTrade(0, AMOUNT);
        vm.warp(START + DELAY);
        vm.prank(consumer);
        market.withdraw();
        vm.assertTrue(settleOne(trade), "settled");
    }

    /// Lowering and raising a request, again and again, never shortens the delay.
    function test_hold_requestLoweredAndRaised_waitsTheFullDelay() public {
        request(AMOUNT);
        vm.warp(START + DELAY - 1);
        request(1);
        request(AMOUNT);
        Trade memory trade = longestTrade(0, AMOUNT);
        vm.warp(uint256(trade.expirySeconds) + GRACE);
        vm.prank(consumer);
        (bool isPaid,) = address(market).call(abi.encodeCall(market.withdraw, ()));
        vm.assertTrue(!isPaid, "not yet");
        vm.assertTrue(settleOne(trade), "settled");
    }

    /// Trades of others, naming him as producer or beneficiary, touch none of his nonces.
    function test_hold_othersTrades_leaveHisNonces() public {
        fund(producer, AMOUNT);
        Trade memory trade = usualTrade(0, AMOUNT);
        Trade memory other = usualTrade(900, AMOUNT);
        other.consumerKey = PRODUCER_KEY;
        other.producer = consumer;
        vm.assertEq(settleFor(consumer, packItem(separator, other)), 1, "another's trade");
        vm.assertTrue(settleOne(trade), "settled");
    }

    /// Whatever he calls, whenever, in any order: the receipted trade is paid in full.
    function testFuzz_hold_anyCallsOfItsConsumer_paidInFull(uint256 seed) public {
        Trade memory trade = longestTrade(0, AMOUNT);
        uint256 time = START;
        for (uint256 i = 0; i < 12; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 step = seed % 4 == 0 ? 1 : (seed >> 8) % 6 hours;
            if (time + step <= uint256(trade.expirySeconds) + GRACE) time += step;
            vm.warp(time);
            callAsConsumer(seed >> 64);
        }
        vm.warp(uint256(trade.expirySeconds) + GRACE);
        callAsConsumer(seed >> 128);
        uint256 before = balanceOf(consumer);
        vm.assertTrue(settleOne(trade), "settled");
        vm.assertEq(before - balanceOf(consumer), AMOUNT, "in full");
    }

    function callAsConsumer(uint256 choice) private {
        bytes memory call;
        uint256 valueWei = 0;
        uint256 kind = choice % 9;
        uint96 amountWei = uint96(bound(choice >> 8, 1, 2 * AMOUNT));
        if (kind < 2) call = abi.encodeCall(market.requestWithdrawal, (amountWei));
        if (kind == 2) call = abi.encodeCall(market.cancelWithdrawal, ());
        if (kind == 3 || kind == 4) call = abi.encodeCall(market.withdraw, ());
        if (kind == 5) call = abi.encodeCall(market.fixPayout, (address(0xca5e)));
        if (kind == 6) {
            call = abi.encodeCall(
                market.addEnergy, (uint32(amountWei), 1, true, type(uint40).max, "")
            );
        }
        if (kind == 7) call = abi.encodeCall(market.withdrawOffer, (uint64(1 + choice % 3)));
        if (kind == 8) {
            call = abi.encodeCall(market.openEnergyAccount, ());
            valueWei = BURN;
            vm.deal(consumer, BURN);
        }
        vm.prank(consumer);
        (bool isDone,) = address(market).call{value: valueWei}(call);
        isDone; // Many of these calls are refused, as they should be.
    }

    /// @notice A trade as far ahead as members vote for, held now.
    function longestTrade(uint32 nonce, uint96 amountWei)
        private
        view
        returns (Trade memory trade)
    {
        trade = usualTrade(nonce, amountWei);
        trade.expirySeconds = uint40(vm.getBlockTimestamp()) + LIFE;
    }

    function request(uint96 amountWei) private {
        vm.prank(consumer);
        market.requestWithdrawal(amountWei);
    }
}
