// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountState} from "../src/Market.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {
    InvalidPayout,
    MarketFull,
    NoWithdrawalRequested,
    NothingToWithdraw,
    PayoutAlreadyFixed,
    TransferFailed,
    WithdrawalNotReady,
    ZeroAccount,
    ZeroAmount
} from "../src/Money.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {ReentrantReceiver, RefusingReceiver} from "./support/Receivers.sol";

/// @title Deposits and withdrawals.
contract MoneyTest is MarketFixture {
    address private constant PAYOUT = address(0xca5e);

    function test_deposit_byOneself_isInTheAccount() public {
        vm.deal(consumer, 10);
        vm.expectEmit(address(market));
        emit MarketEvents.Deposited(consumer, consumer, 10);
        vm.prank(consumer);
        market.deposit{value: 10}();
        vm.assertEq(balanceOf(consumer), 10, "balance");
    }

    function test_deposit_forAnother_isInHisAccount() public {
        vm.deal(address(this), 30);
        vm.expectEmit(address(market));
        emit MarketEvents.Deposited(consumer, address(this), 30);
        market.depositFor{value: 30}(consumer);
        vm.assertEq(balanceOf(consumer), 30, "his");
        vm.assertEq(balanceOf(address(this)), 0, "not mine");
    }

    function test_deposit_ofNothing_refused() public {
        vm.expectRevert(ZeroAmount.selector);
        market.deposit();
        vm.expectRevert(ZeroAmount.selector);
        market.depositFor(consumer);
    }

    function test_deposit_forTheZeroAddress_refused() public {
        vm.expectRevert(ZeroAccount.selector);
        market.depositFor{value: 1}(address(0));
    }

    function test_etherSentWithoutACall_refused() public {
        (bool isTaken,) = address(market).call{value: 1}("");
        vm.assertTrue(!isTaken, "refused");
    }

    /// P7: no balance can outgrow its 96 bits, since all of them together cannot.
    function test_deposit_beyondNinetySixBits_refused() public {
        uint256 most = type(uint96).max;
        fund(consumer, most);
        vm.assertEq(balanceOf(consumer), most, "all of it");
        vm.deal(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(MarketFull.selector, most + 1));
        market.depositFor{value: 1}(producer);
    }

    /// P7: forced ether belongs to nobody and blocks no way out.
    function test_etherForcedIn_changesNoBalance() public {
        fund(consumer, 100);
        vm.deal(address(market), 2 ** 97 + 100);
        vm.assertEq(balanceOf(consumer), 100, "balance");
        requestAs(consumer, 100);
        vm.warp(START + DELAY);
        withdrawAs(consumer);
        vm.assertEq(consumer.balance, 100, "paid");
        vm.deal(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(MarketFull.selector, 2 ** 97 + 1));
        market.depositFor{value: 1}(producer);
    }

    /// P2: what is requested stays in the balance, where it pays for holds.
    function test_request_leavesTheBalance() public {
        fund(consumer, 100);
        vm.expectEmit(address(market));
        emit MarketEvents.WithdrawalRequested(consumer, 60, START + DELAY);
        requestAs(consumer, 60);
        AccountState memory state = stateOf(consumer);
        vm.assertEq(state.balanceWei, 100, "balance");
        vm.assertEq(state.requestedWei, 60, "requested");
        vm.assertEq(state.readyAtSeconds, START + DELAY, "ready");
    }

    function test_request_increased_startsTheDelayAnew() public {
        fund(consumer, 100);
        requestAs(consumer, 60);
        vm.warp(START + DELAY);
        requestAs(consumer, 61);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalNotReady.selector, START + 2 * DELAY));
        withdrawAs(consumer);
    }

    function test_request_loweredOrRepeated_keepsTheDelay() public {
        fund(consumer, 100);
        requestAs(consumer, 60);
        vm.warp(START + 1 hours);
        requestAs(consumer, 60);
        requestAs(consumer, 20);
        vm.assertEq(stateOf(consumer).readyAtSeconds, START + DELAY, "ready");
        requestAs(consumer, 21);
        vm.assertEq(stateOf(consumer).readyAtSeconds, START + 1 hours + DELAY, "anew");
    }

    function test_request_ofNothing_refused() public {
        vm.expectRevert(ZeroAmount.selector);
        requestAs(consumer, 0);
    }

    /// P2: cancelling and asking again must not keep the old delay.
    function test_cancel_thenRequest_startsTheDelayAnew() public {
        fund(consumer, 100);
        requestAs(consumer, 60);
        vm.warp(START + DELAY);
        vm.expectEmit(address(market));
        emit MarketEvents.WithdrawalCancelled(consumer);
        vm.prank(consumer);
        market.cancelWithdrawal();
        vm.assertEq(stateOf(consumer).requestedWei + stateOf(consumer).readyAtSeconds, 0, "gone");
        requestAs(consumer, 1);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalNotReady.selector, START + 2 * DELAY));
        withdrawAs(consumer);
    }

    function test_cancel_withoutRequest_refused() public {
        vm.expectRevert(NoWithdrawalRequested.selector);
        market.cancelWithdrawal();
    }

    function test_withdraw_beforeTheDelay_refused() public {
        fund(consumer, 100);
        requestAs(consumer, 60);
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalNotReady.selector, START + DELAY));
        withdrawAs(consumer);
    }

    function test_withdraw_afterTheDelay_paysOnce() public {
        fund(consumer, 100);
        requestAs(consumer, 60);
        vm.warp(START + DELAY);
        vm.expectEmit(address(market));
        emit MarketEvents.Withdrawn(consumer, consumer, 60);
        withdrawAs(consumer);
        vm.assertEq(consumer.balance, 60, "paid");
        vm.assertEq(balanceOf(consumer), 40, "left");
        vm.expectRevert(abi.encodeWithSelector(NothingToWithdraw.selector, uint96(0), uint256(40)));
        withdrawAs(consumer);
    }

    function test_withdraw_moreRequestedThanThere_paysTheBalance() public {
        fund(consumer, 100);
        requestAs(consumer, type(uint96).max);
        vm.warp(START + DELAY);
        withdrawAs(consumer);
        vm.assertEq(consumer.balance, 100, "paid");
        vm.assertEq(stateOf(consumer).requestedWei, 0, "the request is done");
    }

    function test_withdraw_fromAnEmptyAccount_refused() public {
        requestAs(consumer, 60);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(NothingToWithdraw.selector, uint96(60), uint256(0)));
        withdrawAs(consumer);
    }

    /// A stolen household key cannot empty an account whose payout is fixed.
    function test_payout_fixed_takesAllWithdrawals() public {
        fund(consumer, 100);
        vm.expectEmit(address(market));
        emit MarketEvents.PayoutFixed(consumer, PAYOUT);
        fixAs(consumer, PAYOUT);
        vm.assertEq(stateOf(consumer).payout, PAYOUT, "payout");
        requestAs(consumer, 60);
        vm.warp(START + DELAY);
        vm.expectEmit(address(market));
        emit MarketEvents.Withdrawn(consumer, PAYOUT, 60);
        withdrawAs(consumer);
        vm.assertEq(PAYOUT.balance, 60, "paid there");
        vm.assertEq(consumer.balance, 0, "not here");
        vm.expectRevert(abi.encodeWithSelector(PayoutAlreadyFixed.selector, PAYOUT));
        fixAs(consumer, consumer);
    }

    function test_payout_zeroOrTheMarket_refused() public {
        vm.expectRevert(abi.encodeWithSelector(InvalidPayout.selector, address(0)));
        fixAs(consumer, address(0));
        vm.expectRevert(abi.encodeWithSelector(InvalidPayout.selector, address(market)));
        fixAs(consumer, address(market));
    }

    /// P7: a receiver that calls back finds its balance and request already taken off.
    function test_withdraw_receiverReenters_paidOnce() public {
        ReentrantReceiver receiver = new ReentrantReceiver(market);
        fund(address(receiver), 100);
        fund(consumer, 1000);
        receiver.request(60);
        vm.warp(START + DELAY);
        receiver.withdraw();
        vm.assertEq(receiver.refused(), 2, "both tries refused");
        vm.assertEq(address(receiver).balance, 59, "60 out, 1 back in");
        vm.assertEq(balanceOf(address(receiver)), 41, "balance");
        vm.assertEq(address(market).balance, 1041, "ether");
    }

    function test_withdraw_receiverRefuses_leavesEverything() public {
        RefusingReceiver receiver = new RefusingReceiver(market);
        fund(address(receiver), 100);
        receiver.request(60);
        vm.warp(START + DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(TransferFailed.selector, address(receiver), uint256(60))
        );
        receiver.withdraw();
        vm.assertEq(balanceOf(address(receiver)), 100, "balance");
        vm.assertEq(stateOf(address(receiver)).requestedWei, 60, "request");
    }

    function testFuzz_money_inAndOut_isExact(uint96 deposited, uint96 requested) public {
        deposited = uint96(bound(deposited, 1, type(uint96).max));
        requested = uint96(bound(requested, 1, type(uint96).max));
        fund(consumer, deposited);
        requestAs(consumer, requested);
        vm.warp(START + DELAY);
        withdrawAs(consumer);
        uint256 paid = requested < deposited ? requested : deposited;
        vm.assertEq(consumer.balance, paid, "paid");
        vm.assertEq(balanceOf(consumer), deposited - paid, "left");
        vm.assertEq(address(market).balance, deposited - paid, "ether");
    }

    function requestAs(address account, uint96 amountWei) private {
        vm.prank(account);
        market.requestWithdrawal(amountWei);
    }

    function withdrawAs(address account) private {
        vm.prank(account);
        market.withdraw();
    }

    function fixAs(address account, address payout) private {
        vm.prank(account);
        market.fixPayout(payout);
    }
}
