// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketEvents} from "./MarketEvents.sol";
import {MarketState, Withdrawal} from "./MarketState.sol";

/// @notice A deposit or a request of nothing.
error ZeroAmount();
/// @notice No key belongs to the zero address.
error ZeroAccount();
/// @notice The whole market holds at most 2^96 - 1 wei, so that no balance can overflow.
error MarketFull(uint256 etherWei);
/// @notice Nothing is requested, or the balance is empty.
error NothingToWithdraw(uint96 requestedWei, uint256 balanceWei);
/// @notice The delay has not passed.
error WithdrawalNotReady(uint40 readyAtSeconds);
/// @notice Nothing is requested.
error NoWithdrawalRequested();
/// @notice The payout address can be fixed once.
error PayoutAlreadyFixed(address payout);
/// @notice Withdrawals cannot go to the zero address or back into the market.
error InvalidPayout(address payout);
/// @notice `to` refused the ether.
error TransferFailed(address to, uint256 amountWei);

/// @title Money into and out of accounts.
/// @notice A request takes nothing out of the balance: what is requested pays for holds until
/// `withdraw`, which comes later than every hold that was there before the request.
library Money {
    function deposit(MarketState storage self, address account, uint256 amountWei) internal {
        if (amountWei == 0) revert ZeroAmount();
        if (account == address(0)) revert ZeroAccount();
        if (address(this).balance > type(uint96).max) revert MarketFull(address(this).balance);
        self.accounts[account] = self.accounts[account].credit(amountWei);
        emit MarketEvents.Deposited(account, msg.sender, uint96(amountWei));
    }

    /// @notice Sets the total requested. An increase starts the delay anew.
    function requestWithdrawal(
        MarketState storage self,
        address account,
        uint96 amountWei,
        uint40 delaySeconds
    ) internal {
        if (amountWei == 0) revert ZeroAmount();
        Withdrawal storage withdrawal = self.withdrawals[account];
        if (amountWei > withdrawal.requestedWei) {
            withdrawal.readyAtSeconds = uint40(block.timestamp) + delaySeconds;
        }
        withdrawal.requestedWei = amountWei;
        emit MarketEvents.WithdrawalRequested(account, amountWei, withdrawal.readyAtSeconds);
    }

    function cancelWithdrawal(MarketState storage self, address account) internal {
        Withdrawal storage withdrawal = self.withdrawals[account];
        if (withdrawal.requestedWei == 0) revert NoWithdrawalRequested();
        withdrawal.requestedWei = 0;
        withdrawal.readyAtSeconds = 0;
        emit MarketEvents.WithdrawalCancelled(account);
    }

    /// @notice Pays the smaller of request and balance, and is done with the request.
    function withdraw(MarketState storage self, address account) internal {
        Withdrawal storage withdrawal = self.withdrawals[account];
        uint96 requestedWei = withdrawal.requestedWei;
        uint256 balanceWei = self.accounts[account].balanceWei();
        if (requestedWei == 0 || balanceWei == 0) {
            revert NothingToWithdraw(requestedWei, balanceWei);
        }
        uint40 readyAtSeconds = withdrawal.readyAtSeconds;
        if (block.timestamp < readyAtSeconds) revert WithdrawalNotReady(readyAtSeconds);

        uint256 amountWei = requestedWei < balanceWei ? requestedWei : balanceWei;
        withdrawal.requestedWei = 0;
        withdrawal.readyAtSeconds = 0;
        self.accounts[account] = self.accounts[account].debit(amountWei);
        address to = withdrawal.payout == address(0) ? account : withdrawal.payout;
        emit MarketEvents.Withdrawn(account, to, uint96(amountWei));
        send(to, amountWei);
    }

    function fixPayout(MarketState storage self, address account, address payout) internal {
        if (payout == address(0) || payout == address(this)) revert InvalidPayout(payout);
        Withdrawal storage withdrawal = self.withdrawals[account];
        if (withdrawal.payout != address(0)) revert PayoutAlreadyFixed(withdrawal.payout);
        withdrawal.payout = payout;
        emit MarketEvents.PayoutFixed(account, payout);
    }

    /// @notice Sends ether out. What the receiver calls in turn finds all state already changed.
    function send(address to, uint256 amountWei) internal {
        (bool isSent,) = to.call{value: amountWei}("");
        if (!isSent) revert TransferFailed(to, amountWei);
    }
}
