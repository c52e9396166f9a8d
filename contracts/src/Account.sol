// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An account in one word. From the high bits down: balance in wei (96 bits), base of
/// the nonce window (32), bitmap of the 64 nonces from that base on (64), energy for sale in
/// Wh (64).
type Account is uint256;

using AccountSlot for Account global;

/// @title Reading and changing balance and energy of a packed account.
library AccountSlot {
    uint256 private constant BALANCE_SHIFT = 160;
    uint256 private constant BASE_SHIFT = 128;
    uint256 private constant BITMAP_SHIFT = 64;
    uint256 private constant LARGEST_ENERGY = type(uint64).max;
    uint256 private constant WINDOW = 64;
    uint256 private constant FIRST_NONCE = 1 << BITMAP_SHIFT;
    uint256 private constant WINDOW_MASK =
        (uint256(type(uint32).max) << BASE_SHIFT) | (uint256(type(uint64).max) << BITMAP_SHIFT);

    function balanceWei(Account self) internal pure returns (uint256) {
        return Account.unwrap(self) >> BALANCE_SHIFT;
    }

    /// @notice The window's first nonce. Nonces below count as used.
    function nonceBase(Account self) internal pure returns (uint32) {
        return uint32(Account.unwrap(self) >> BASE_SHIFT);
    }

    /// @notice Bit i, lowest first: nonce `nonceBase + i` is used.
    function nonceBitmap(Account self) internal pure returns (uint64) {
        return uint64(Account.unwrap(self) >> BITMAP_SHIFT);
    }

    function energyWh(Account self) internal pure returns (uint256) {
        return Account.unwrap(self) & LARGEST_ENERGY;
    }

    /// @notice Uses up a nonce. One above the window slides the window, and becomes its last.
    /// @return used The same account as before where the nonce was used; one below the window is.
    /// @dev `Settlement` does the same.
    function useNonce(Account self, uint256 nonce) internal pure returns (Account used) {
        unchecked {
            uint256 slot = Account.unwrap(self);
            uint256 offset = nonce - ((slot >> BASE_SHIFT) & type(uint32).max);
            if (offset < WINDOW) return Account.wrap(slot | (FIRST_NONCE << offset));
            return slideTo(self, nonce);
        }
    }

    /// @notice Makes a nonce above the window its last. One below: the same account as before.
    function slideTo(Account self, uint256 nonce) private pure returns (Account slid) {
        unchecked {
            uint256 base = self.nonceBase();
            if (nonce < base) return self;
            uint256 bitmap = uint256(self.nonceBitmap()) >> (nonce - base - (WINDOW - 1));
            bitmap |= 1 << (WINDOW - 1);
            uint256 window = ((nonce - (WINDOW - 1)) << BASE_SHIFT) | (bitmap << BITMAP_SHIFT);
            return Account.wrap((Account.unwrap(self) & ~WINDOW_MASK) | window);
        }
    }

    /// @notice Adds to the balance.
    /// @dev Cannot overflow: a deposit that would take the whole market's ether past 96 bits is
    /// refused, and all balances together never exceed that ether (P7).
    function credit(Account self, uint256 amountWei) internal pure returns (Account) {
        unchecked {
            return Account.wrap(Account.unwrap(self) + (amountWei << BALANCE_SHIFT));
        }
    }

    /// @notice Takes from the balance. The caller has checked that it is there.
    function debit(Account self, uint256 amountWei) internal pure returns (Account) {
        unchecked {
            return Account.wrap(Account.unwrap(self) - (amountWei << BALANCE_SHIFT));
        }
    }

    /// @notice Adds energy for sale, up to the largest value that there is room for.
    function addEnergy(Account self, uint32 amountWh) internal pure returns (Account) {
        unchecked {
            uint256 room = LARGEST_ENERGY - self.energyWh();
            uint256 added = amountWh < room ? amountWh : room;
            return Account.wrap(Account.unwrap(self) + added);
        }
    }

    /// @notice Takes energy off, down to zero: selling more than was added blocks no payment.
    function removeEnergy(Account self, uint256 amountWh) internal pure returns (Account) {
        unchecked {
            uint256 left = self.energyWh();
            uint256 removed = amountWh < left ? amountWh : left;
            return Account.wrap(Account.unwrap(self) - removed);
        }
    }
}
