// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Messages} from "./Messages.sol";

/// @notice The place in calldata of one packed trade of a batch: 141 bytes, big endian,
/// `producer 20 ‖ offerId 8 ‖ amountWei 12 ‖ energyWh 4 ‖ nonce 4 ‖ expirySeconds 5 ‖ meterKey 20
/// ‖ deliveredWh 4 ‖ r 32 ‖ yParityAndS 32`.
type SettlementItem is uint256;

using SettlementItems for SettlementItem global;

/// @title Reading packed trades straight from calldata.
/// @dev Assembly, since slices of `bytes calldata` check their bounds at every field: here the
/// batch's length is checked once. The caller owes that check.
library SettlementItems {
    uint256 internal constant LENGTH = 141;

    /// @notice The item that starts `offset` bytes into `items`.
    function at(bytes calldata items, uint256 offset) internal pure returns (SettlementItem item) {
        assembly ("memory-safe") {
            item := add(items.offset, offset)
        }
    }

    function producer(SettlementItem self) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := shr(96, calldataload(self))
        }
    }

    function amountWei(SettlementItem self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(160, calldataload(add(self, 28)))
        }
    }

    function energyWh(SettlementItem self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(self, 40)))
        }
    }

    function nonce(SettlementItem self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(self, 44)))
        }
    }

    function expirySeconds(SettlementItem self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(216, calldataload(add(self, 48)))
        }
    }

    function deliveredWh(SettlementItem self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(self, 73)))
        }
    }

    function r(SettlementItem self) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := calldataload(add(self, 77))
        }
    }

    function yParityAndS(SettlementItem self) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(self, 109))
        }
    }

    /// @notice EIP-712 hash of the item's `Ctp`.
    function ctpStructHash(SettlementItem self) internal pure returns (bytes32 hash) {
        bytes32 typehash = Messages.CTP_TYPEHASH;
        assembly ("memory-safe") {
            let fields := mload(0x40)
            mstore(fields, typehash)
            mstore(add(fields, 0x20), shr(96, calldataload(self))) // producer
            mstore(add(fields, 0x40), shr(192, calldataload(add(self, 20)))) // offerId
            mstore(add(fields, 0x60), shr(160, calldataload(add(self, 28)))) // amountWei
            mstore(add(fields, 0x80), shr(224, calldataload(add(self, 40)))) // energyWh
            mstore(add(fields, 0xa0), shr(224, calldataload(add(self, 44)))) // nonce
            mstore(add(fields, 0xc0), shr(216, calldataload(add(self, 48)))) // expirySeconds
            mstore(add(fields, 0xe0), shr(96, calldataload(add(self, 53)))) // meterKey
            hash := keccak256(fields, 0x100)
        }
    }
}
