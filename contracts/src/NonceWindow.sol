// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account} from "./Account.sol";

/// @title The 64 nonces of an account of which the market knows one by one whether they are used.
/// @notice Nonces below the window's base count as used; a nonce above the window slides it.
library NonceWindow {
    uint256 internal constant SIZE = 64;

    uint256 private constant BITMAP_SHIFT = 64;
    uint256 private constant BASE_SHIFT = 128;
    uint256 private constant WINDOW_MASK = uint256(type(uint96).max) << BITMAP_SHIFT;

    function nonceBase(Account account) internal pure returns (uint256) {
        return uint32(Account.unwrap(account) >> BASE_SHIFT);
    }

    function nonceBitmap(Account account) internal pure returns (uint256) {
        return uint64(Account.unwrap(account) >> BITMAP_SHIFT);
    }

    function isNonceUsed(Account account, uint256 nonce) internal pure returns (bool) {
        unchecked {
            uint256 base = nonceBase(account);
            if (nonce < base) return true;
            uint256 offset = nonce - base;
            return offset < SIZE && (Account.unwrap(account) >> (BITMAP_SHIFT + offset)) & 1 == 1;
        }
    }

    /// @notice Marks an unused nonce as used. The caller has checked that it is unused.
    function useNonce(Account account, uint256 nonce) internal pure returns (Account) {
        unchecked {
            uint256 word = Account.unwrap(account);
            uint256 base = nonceBase(account);
            uint256 offset = nonce - base;
            if (offset < SIZE) return Account.wrap(word | (1 << (BITMAP_SHIFT + offset)));

            uint256 newBase = nonce - (SIZE - 1);
            uint256 bitmap = (nonceBitmap(account) >> (newBase - base)) | (1 << (SIZE - 1));
            uint256 window = (newBase << BASE_SHIFT) | (bitmap << BITMAP_SHIFT);
            return Account.wrap((word & ~WINDOW_MASK) | window);
        }
    }
}
