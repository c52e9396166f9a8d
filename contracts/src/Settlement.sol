// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account} from "./Account.sol";
import {CompactSignature} from "./CompactSignature.sol";
import {MarketState} from "./MarketState.sol";
import {Messages} from "./Messages.sol";
import {NonceWindow} from "./NonceWindow.sol";
import {SettlementItem, SettlementItems} from "./SettlementItem.sol";

/// @notice A batch has 1 to 256 items of 141 bytes each.
error InvalidItemsLength(uint256 length);

/// @notice What holds for every item of a batch.
struct SettlementTerms {
    bytes32 separator;
    uint256 graceSeconds;
    uint256 minimumAmountWei;
    uint256 feeWei;
    address beneficiary;
}

/// @title Moving the money of trades whose energy came.
/// @dev The hot path. Every item reads both its accounts from storage and writes both back before
/// the next one starts, and the beneficiary is credited last: no account is ever held in two
/// copies, whatever roles a batch gives it.
library Settlement {
    using NonceWindow for Account;

    uint256 internal constant MOST_ITEMS = 256;

    /// @notice Settles the items that can be settled and skips the others.
    /// @return settledBitmap Bit i, lowest first: item i was settled.
    function settleBatch(
        MarketState storage self,
        SettlementTerms memory terms,
        bytes calldata items
    ) internal returns (uint256 settledBitmap) {
        uint256 length = items.length;
        uint256 count = length / SettlementItems.LENGTH;
        if (length % SettlementItems.LENGTH != 0 || count == 0 || count > MOST_ITEMS) {
            revert InvalidItemsLength(length);
        }
        // Nobody owns the zero address: a batch without beneficiary takes no fee.
        address beneficiary = terms.beneficiary;
        if (beneficiary == address(0)) terms.feeWei = 0;
        uint256 feesWei = 0;
        unchecked {
            for (uint256 i = 0; i < count; i++) {
                SettlementItem item = SettlementItems.at(items, i * SettlementItems.LENGTH);
                (bool isSettled, uint256 feeWei) = settleItem(self, terms, item);
                if (isSettled) {
                    settledBitmap |= 1 << i;
                    feesWei += feeWei;
                }
            }
        }
        if (feesWei != 0) {
            self.accounts[beneficiary] = self.accounts[beneficiary].credit(feesWei);
        }
    }

    /// @notice Settles one item, or leaves everything as it was.
    function settleItem(
        MarketState storage self,
        SettlementTerms memory terms,
        SettlementItem item
    ) private returns (bool isSettled, uint256 feeWei) {
        unchecked {
            uint256 deliveredWh = item.deliveredWh();
            uint256 energyWh = item.energyWh();
            uint256 amountWei = item.amountWei();
            address producer = item.producer();
            if (deliveredWh == 0 || energyWh == 0 || amountWei == 0) return (false, 0);
            if (amountWei < terms.minimumAmountWei || producer == address(0)) return (false, 0);

            // Full deliveries settle up to the end of the grace, partial ones in its second half:
            // until then a higher receipt may come.
            uint256 expirySeconds = item.expirySeconds();
            if (block.timestamp > expirySeconds + terms.graceSeconds) return (false, 0);
            uint256 paymentWei = amountWei;
            if (deliveredWh < energyWh) {
                if (block.timestamp < expirySeconds + terms.graceSeconds / 2) return (false, 0);
                paymentWei = amountWei * deliveredWh / energyWh;
            } else {
                deliveredWh = energyWh;
            }

            // P1: only the consumer's signature on this very CTP reaches his account.
            bytes32 digest = Messages.digest(terms.separator, item.ctpStructHash());
            address consumer = CompactSignature.recover(digest, item.r(), item.yParityAndS());
            if (consumer == address(0) || consumer == producer) return (false, 0);

            Account paying = self.accounts[consumer];
            uint256 nonce = item.nonce();
            if (paying.isNonceUsed(nonce) || paying.balanceWei() < paymentWei) return (false, 0);

            feeWei = paymentWei < terms.feeWei ? paymentWei : terms.feeWei;
            self.accounts[consumer] = paying.useNonce(nonce).debit(paymentWei);
            self.accounts[producer] = self.accounts[producer].removeEnergy(deliveredWh)
                .credit(paymentWei - feeWei);
            return (true, feeWei);
        }
    }
}
