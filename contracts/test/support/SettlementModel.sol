// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trade} from "./Trade.sol";

/// @title What a settlement means, written to be read: the contract must agree with it.
contract SettlementModel {
    mapping(address account => uint256) public balanceWei;
    mapping(address account => uint256) public energyWh;
    mapping(address account => uint256) public nonceBase;
    mapping(address account => mapping(uint256 nonce => bool)) private isUsed;

    uint256 private immutable graceSeconds;
    uint256 private immutable minimumAmountWei;
    uint256 private immutable feeWei;

    constructor(uint256 graceSeconds_, uint256 minimumAmountWei_, uint256 feeWei_) {
        graceSeconds = graceSeconds_;
        minimumAmountWei = minimumAmountWei_;
        feeWei = feeWei_;
    }

    function fund(address account, uint256 amountWei) external {
        balanceWei[account] += amountWei;
    }

    function addEnergy(address account, uint256 amountWh) external {
        energyWh[account] += amountWh;
    }

    function isNonceUsed(address account, uint256 nonce) public view returns (bool) {
        return nonce < nonceBase[account] || isUsed[account][nonce];
    }

    /// @notice The 64 nonces from the base on, lowest first.
    function nonceBitmap(address account) external view returns (uint256 bitmap) {
        for (uint256 i = 0; i < 64; i++) {
            if (isUsed[account][nonceBase[account] + i]) bitmap |= 1 << i;
        }
    }

    /// @param consumer Who signed the trade; zero where the signature is no signature.
    function settle(Trade memory trade, address consumer, address beneficiary)
        external
        returns (bool)
    {
        if (!isLive(trade, consumer) || trade.deliveredWh == 0) return false;
        bool isPart = trade.deliveredWh < trade.energyWh;
        if (isPart && block.timestamp < trade.expirySeconds + graceSeconds / 2) return false;
        uint256 paymentWei = paymentOf(trade);
        if (balanceWei[consumer] < paymentWei) return false;
        uint256 fee = paymentWei < feeWei ? paymentWei : feeWei;
        if (beneficiary == address(0)) fee = 0;
        pay(trade, consumer, paymentWei, fee);
        balanceWei[beneficiary] += fee;
        return true;
    }

    /// @notice With a sound certificate of the committee and receipt of the meter.
    function settleWithProof(Trade memory trade, address consumer, address sender)
        external
        returns (bool)
    {
        if (!isLive(trade, consumer) || trade.deliveredWh == 0) return false;
        bool isPart = trade.deliveredWh < trade.energyWh;
        if (isPart && sender != trade.producer) return false;
        if (isPart && block.timestamp < trade.expirySeconds) return false;
        uint256 paymentWei = paymentOf(trade);
        if (balanceWei[consumer] < paymentWei) return false;
        pay(trade, consumer, paymentWei, 0);
        return true;
    }

    /// @notice With a sound certificate of the committee.
    function decline(Trade memory trade, address consumer, address sender) external returns (bool) {
        if (!isLive(trade, consumer) || trade.deliveredWh != 0) return false;
        if (sender != trade.producer) return false;
        useNonce(consumer, trade.nonce);
        return true;
    }

    /// @notice What every path asks of a trade: its terms, its time, and a nonce that is free.
    function isLive(Trade memory trade, address consumer) private view returns (bool) {
        if (trade.producer == address(0) || trade.energyWh == 0) return false;
        if (trade.amountWei == 0 || trade.amountWei < minimumAmountWei) return false;
        if (block.timestamp > trade.expirySeconds + graceSeconds) return false;
        if (consumer == address(0) || consumer == trade.producer) return false;
        return !isNonceUsed(consumer, trade.nonce);
    }

    function pay(Trade memory trade, address consumer, uint256 paymentWei, uint256 fee) private {
        useNonce(consumer, trade.nonce);
        balanceWei[consumer] -= paymentWei;
        balanceWei[trade.producer] += paymentWei - fee;
        bool isFull = trade.deliveredWh >= trade.energyWh;
        uint256 soldWh = isFull ? trade.energyWh : trade.deliveredWh;
        uint256 leftWh = energyWh[trade.producer];
        energyWh[trade.producer] = soldWh < leftWh ? leftWh - soldWh : 0;
    }

    function useNonce(address account, uint256 nonce) private {
        isUsed[account][nonce] = true;
        if (nonce >= nonceBase[account] + 64) nonceBase[account] = nonce - 63;
    }

    function paymentOf(Trade memory trade) public pure returns (uint256) {
        if (trade.energyWh == 0) return 0;
        uint256 deliveredWh =
            trade.deliveredWh < trade.energyWh ? trade.deliveredWh : trade.energyWh;
        return uint256(trade.amountWei) * deliveredWh / trade.energyWh;
    }
}
