// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Messages} from "./Messages.sol";

/// @notice A packed item has 141 bytes.
error InvalidItemLength(uint256 length, uint256 expectedLength);

/// @title The one trade that a transaction settles by its proof, or declines.
/// @notice It lies in memory as the typed messages about it do, so that each of them is hashed
/// where it is.
/// @dev Assembly because measurements asked for it: plain Solidity, whose structs are set to zero,
/// cleaned at every look and copied to be hashed, took 7,900 gas more for a trade with three votes,
/// in this file and in those that use it. The trade is always at the same place, whatever lay there
/// before: a caller must need nothing afterwards that he kept in memory.
///
///     0x080  type hash of Ctp   0x0a0  producer    0x0c0  offerId    0x0e0  amountWei
///     0x100  energyWh           0x120  nonce       0x140  expiry     0x160  meterKey
///     0x180  type hash of Erc   0x1a0  ctpId       0x1c0  delivered  0x1e0  measured at
///     0x200  of HoldVote        0x220  epoch       0x240  ctpsRoot
///     0x260  0x1901             0x280  separator   0x2a0  hash of one of the three
///     0x2c0  consumer
///     0x2e0  digest             0x300  v           0x320  r          0x340  s
///     0x360  0x01               0x380  left        0x3a0  right      0x3c0  leaf of the ctpId
///
/// `ecrecover` reads the four words at 0x2e0. A node of a Merkle tree is hashed from 0x37f on.
library ProvedTrade {
    uint256 internal constant ITEM_LENGTH = 141;

    uint256 private constant LARGEST_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Reads an item, see `Settlement`: all but its signature, and what comes out of that.
    function read(bytes calldata packed, bytes32 separator, uint256 epoch) internal pure {
        if (packed.length != ITEM_LENGTH) revert InvalidItemLength(packed.length, ITEM_LENGTH);
        bytes32 ctp = Messages.CTP_TYPEHASH;
        bytes32 erc = Messages.ERC_TYPEHASH;
        bytes32 holdVote = Messages.HOLD_VOTE_TYPEHASH;
        assembly {
            let item := packed.offset
            mstore(0x40, 0x3e0)
            mstore(0x080, ctp)
            mstore(0x0a0, shr(96, calldataload(item)))
            mstore(0x0c0, shr(192, calldataload(add(item, 20))))
            mstore(0x0e0, shr(160, calldataload(add(item, 28))))
            mstore(0x100, shr(224, calldataload(add(item, 40))))
            mstore(0x120, shr(224, calldataload(add(item, 44))))
            mstore(0x140, shr(216, calldataload(add(item, 48))))
            mstore(0x160, shr(96, calldataload(add(item, 53))))
            mstore(0x180, erc)
            mstore(0x1c0, shr(224, calldataload(add(item, 73))))
            mstore(0x200, holdVote)
            mstore(0x220, epoch)
            mstore(0x240, 0)
            mstore(0x260, 0x1901)
            mstore(0x280, separator)
        }
    }

    /// @notice Finds the consumer, zero if there is none, from his signature: 64 bytes at `place`
    /// in the call's data. The trade's name comes of it, and the leaf that votes lead from.
    function identify(uint256 place) internal view {
        assembly {
            mstore(0x2a0, keccak256(0x80, 0x100))
            mstore(0x2e0, keccak256(0x27e, 0x42))
        }
        uint256 consumer_ = signerAt(place);
        assembly {
            mstore(0x2c0, consumer_)
            // The digest and, behind it, the consumer's 20 bytes.
            mstore(0x300, shl(96, consumer_))
            let ctpId_ := keccak256(0x2e0, 0x34)
            mstore(0x1a0, ctpId_)
            mstore8(0x00, 0)
            mstore(0x01, ctpId_)
            mstore(0x3c0, keccak256(0x00, 0x21))
        }
    }

    /// @notice Who signed the receipt, zero if nobody did, with the 64 bytes at `place`.
    function receipter(uint256 measuredAtSeconds, uint256 place) internal view returns (uint256) {
        assembly {
            mstore(0x1e0, measuredAtSeconds)
            mstore(0x2a0, keccak256(0x180, 0x80))
            mstore(0x2e0, keccak256(0x27e, 0x42))
        }
        return signerAt(place);
    }

    /// @notice Emits an event of `ctpId`, `consumer` and `producer`, indexed, and `offerId`,
    /// `nonce`, and what is given. Nothing of the trade is needed any more but these.
    function log(bytes32 topic, uint256 soldWh, uint256 paymentWei) internal {
        assembly {
            mstore(0x2e0, mload(0x0c0))
            mstore(0x300, mload(0x120))
            mstore(0x320, soldWh)
            mstore(0x340, paymentWei)
            log4(0x2e0, 0x80, topic, mload(0x1a0), mload(0x2c0), mload(0x0a0))
        }
    }

    /// @notice As `CompactSignature.recover`, of the digest at 0x2e0.
    function signerAt(uint256 place) private view returns (uint256 signer) {
        assembly {
            let s := calldataload(add(place, 32))
            mstore(0x300, add(27, shr(255, s)))
            mstore(0x320, calldataload(place))
            s := shr(1, shl(1, s))
            mstore(0x340, s)
            mstore(0x00, 0)
            pop(staticcall(gas(), 1, 0x2e0, 0x80, 0x00, 0x20))
            if iszero(gt(s, LARGEST_S)) { signer := mload(0x00) }
        }
    }

    function producer() internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(0x0a0)
        }
    }

    function amountWei() internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(0x0e0)
        }
    }

    function energyWh() internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(0x100)
        }
    }

    function nonce() internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(0x120)
        }
    }

    function expirySeconds() internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(0x140)
        }
    }

    function meterKey() internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(0x160)
        }
    }

    function ctpId() internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(0x1a0)
        }
    }

    function deliveredWh() internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(0x1c0)
        }
    }

    function consumer() internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(0x2c0)
        }
    }
}
