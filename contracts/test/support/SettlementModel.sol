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
        uint256 paymentWei = paymentOf(trade);
        if (trade.producer == address(0) || trade.energyWh == 0 || trade.deliveredWh == 0) {
            return false;
        }
        if (trade.amountWei == 0 || trade.amountWei < minimumAmountWei) return false;
        if (block.timestamp > trade.expirySeconds + graceSeconds) return false;
        bool isFull = trade.deliveredWh >= trade.energyWh;
        if (!isFull && block.timestamp < trade.expirySeconds + graceSeconds / 2) return false;
        if (consumer == address(0) || consumer == trade.producer) return false;
        if (isNonceUsed(consumer, trade.nonce) || balanceWei[consumer] < paymentWei) return false;

        isUsed[consumer][trade.nonce] = true;
        if (trade.nonce >= nonceBase[consumer] + 64) nonceBase[consumer] = trade.nonce - 63;
        uint256 fee = paymentWei < feeWei ? paymentWei : feeWei;
        if (beneficiary == address(0)) fee = 0;
        balanceWei[consumer] -= paymentWei;
        balanceWei[trade.producer] += paymentWei - fee;
        balanceWei[beneficiary] += fee;
        uint256 soldWh = isFull ? trade.energyWh : trade.deliveredWh;
        uint256 leftWh = energyWh[trade.producer];
        energyWh[trade.producer] = soldWh < leftWh ? leftWh - soldWh : 0;
        return true;
    }

    function paymentOf(Trade memory trade) public pure returns (uint256) {
        if (trade.energyWh == 0) return 0;
        uint256 deliveredWh =
            trade.deliveredWh < trade.energyWh ? trade.deliveredWh : trade.energyWh;
        return uint256(trade.amountWei) * deliveredWh / trade.energyWh;
    }
}
