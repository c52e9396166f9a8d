// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account} from "./Account.sol";
import {MarketState} from "./MarketState.sol";
import {Messages} from "./Messages.sol";

/// @notice A batch has 1 to 256 items of 141 bytes each.
error InvalidItemsLength(uint256 length);

/// @title Moving the money of trades whose energy came: the hot path.
/// @notice An item is packed into 141 bytes, big endian: `producer 20 ‖ offerId 8 ‖ amountWei 12 ‖
/// energyWh 4 ‖ nonce 4 ‖ expirySeconds 5 ‖ meterKey 20 ‖ deliveredWh 4 ‖ r 32 ‖ yParityAndS 32`.
/// It is settled, or skipped without a trace. Neighbouring items of one producer are credited to
/// him together, so a batch that is sorted by producer costs less.
/// @dev No account is ever held in two copies, whatever roles a batch gives it. A consumer is read
/// from storage and written back within his item. A producer's earnings wait, as a sum, until an
/// item of another producer begins, and nothing reads his account before: items in between are
/// his own, and there a consumer who is the producer is refused. The beneficiary comes last.
///
/// Assembly because measurements asked for it: plain Solidity took 1,200 gas a trade more. All
/// items use the same words of memory, at fixed places, whatever lay there before: a caller must
/// need nothing afterwards that he kept in memory.
///
///     0x000  an account    0x020  slot of the accounts: what a mapping's value is found by
///     0x080  0x1901        0x0a0  domain separator     0x0c0  hash of the Ctp
///     0x0e0  type hash     0x100  producer             0x120  offerId       0x140  amountWei
///     0x160  energyWh      0x180  nonce                0x1a0  expiry        0x1c0  meterKey
///     0x260  digest        0x280  v                    0x2a0  r             0x2c0  s
///     0x2e0  least expiry that is not late             0x300  least that is early for a part
///     0x320  least amount  0x340  fee << 160
///
/// An item is copied to 0x253, so that its signature comes to lie where `ecrecover` reads it.
library Settlement {
    uint256 internal constant ITEM_LENGTH = 141;
    uint256 internal constant MOST_ITEMS = 256;

    uint256 private constant LARGEST_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant WINDOW_MASK = 0x00ffffffffffffffffffffffff0000000000000000;

    /// @notice Settles the items that can be settled and skips the others.
    /// @param beneficiary Who gets the fees. Nobody owns the zero address: then none are taken.
    /// @return settledBitmap Bit i, lowest first: item i was settled.
    function settleBatch(
        MarketState storage self,
        bytes32 separator,
        uint256 graceSeconds,
        uint256 minimumAmountWei,
        uint256 feeWei,
        address beneficiary,
        bytes calldata items
    ) internal returns (uint256 settledBitmap) {
        uint256 length = items.length;
        if (length % ITEM_LENGTH != 0 || length == 0 || length > MOST_ITEMS * ITEM_LENGTH) {
            revert InvalidItemsLength(length);
        }
        mapping(address => Account) storage accounts = self.accounts;
        bytes32 typehash = Messages.CTP_TYPEHASH;
        if (beneficiary == address(0)) feeWei = 0;
        if (minimumAmountWei == 0) minimumAmountWei = 1;
        // An item is late when its expiry is below the first bound; a part is early when its expiry
        // is not below the second one, half of the grace before now.
        uint256 time = block.timestamp;
        uint256 notLate = time > graceSeconds ? time - graceSeconds : 0;
        uint256 early = time < graceSeconds / 2 ? 0 : time - graceSeconds / 2 + 1;
        assembly {
            mstore(0x20, accounts.slot)
            mstore(0x80, 0x1901)
            mstore(0xa0, separator)
            mstore(0xe0, typehash)
            mstore(0x100, 0)
            mstore(0x2e0, notLate)
            mstore(0x300, early)
            mstore(0x320, minimumAmountWei)
            mstore(0x340, shl(160, feeWei))
        }
        return settleItems(beneficiary, items);
    }

    function settleItems(address beneficiary, bytes calldata items)
        private
        returns (uint256 settledBitmap)
    {
        assembly {
            // Credits the producer at 0x100 with wei (in a balance's place) and takes off Wh.
            function credit(earnings) {
                mstore(0x00, mload(0x100))
                let slot := keccak256(0x00, 0x40)
                let account := sload(slot)
                let soldWh := and(earnings, 0xffffffffffffffff)
                let forSaleWh := and(account, 0xffffffffffffffff)
                let earned := xor(earnings, soldWh)
                // Selling more than was added blocks no payment: the counter stops at zero.
                if gt(soldWh, forSaleWh) { soldWh := forSaleWh }
                sstore(slot, sub(add(account, earned), soldWh))
            }
            // Makes `nonce`, which is above the window, the window's last one.
            function slideWindow(account, nonce, offset) -> slid {
                let bitmap := shr(sub(offset, 63), and(shr(64, account), 0xffffffffffffffff))
                let window := or(shl(128, sub(nonce, 63)), shl(64, bitmap))
                slid := or(and(account, not(WINDOW_MASK)), window)
            }

            let earnings := 0 // of the producer at 0x100, not credited yet
            let fees := 0
            let item := items.offset
            let end := add(item, items.length)
            for { let flag := 1 } lt(item, end) {
                item := add(item, ITEM_LENGTH)
                flag := add(flag, flag)
            } {
                calldatacopy(0x253, item, ITEM_LENGTH)
                let producer := shr(96, mload(0x253))
                if xor(producer, mload(0x100)) {
                    if earnings {
                        credit(earnings)
                        earnings := 0
                    }
                    mstore(0x100, producer)
                }
                let payment := shr(160, mload(0x26f))
                let energyWh := shr(224, mload(0x27b))
                let deliveredWh := shr(224, mload(0x29c))
                let expiry := shr(216, mload(0x283))
                mstore(0x120, shr(192, mload(0x267)))
                mstore(0x140, payment)
                mstore(0x160, energyWh)
                mstore(0x180, shr(224, mload(0x27f)))
                mstore(0x1a0, expiry)
                mstore(0x1c0, shr(96, mload(0x288)))
                // From here on the copy is overwritten, but for r.
                let s := mload(0x2c0)
                mstore(0x280, add(27, shr(255, s)))
                s := shr(1, shl(1, s))
                mstore(0x2c0, s)

                if or(
                    or(gt(s, LARGEST_S), iszero(mul(producer, energyWh))),
                    or(lt(payment, mload(0x320)), lt(expiry, mload(0x2e0)))
                ) { continue }
                if lt(deliveredWh, energyWh) {
                    if or(iszero(deliveredWh), iszero(lt(expiry, mload(0x300)))) { continue }
                    payment := div(mul(payment, deliveredWh), energyWh)
                    energyWh := deliveredWh
                }

                // P1: nothing but the consumer's signature on this CTP leads to his account.
                mstore(0xc0, keccak256(0xe0, 0x100))
                mstore(0x260, keccak256(0x9e, 0x42))
                pop(staticcall(gas(), 1, 0x260, 0x80, 0x00, 0x20))
                payment := shl(160, payment)
                let slot := keccak256(0x00, 0x40)
                let account := sload(slot)
                let offset := sub(mload(0x180), and(shr(128, account), 0xffffffff))
                let bit := shl(offset, 0x10000000000000000)
                // No signer (some other account was looked up), the producer, too little money.
                let isUnpayable :=
                    or(
                        or(iszero(returndatasize()), eq(mload(0x00), producer)),
                        lt(account, payment)
                    )
                if or(isUnpayable, or(and(account, bit), gt(offset, 63))) {
                    // A nonce below the window, at a negative offset, counts as used. One above
                    // is no reason to skip the item: it becomes the window's last.
                    if or(isUnpayable, slt(offset, 64)) { continue }
                    account := slideWindow(account, mload(0x180), offset)
                    bit := 0x80000000000000000000000000000000
                }
                sstore(slot, sub(or(account, bit), payment))

                settledBitmap := or(settledBitmap, flag)
                let fee := mload(0x340)
                if lt(payment, fee) { fee := payment }
                fees := add(fees, fee)
                earnings := sub(add(earnings, add(payment, energyWh)), fee)
            }
            if earnings { credit(earnings) }
            if fees {
                mstore(0x100, beneficiary)
                credit(fees)
            }
        }
    }
}
