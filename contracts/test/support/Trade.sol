// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A trade as a test describes it: a Commit To Pay, who signs it, what was delivered.
struct Trade {
    uint256 consumerKey;
    address producer;
    uint64 offerId;
    uint96 amountWei;
    uint32 energyWh;
    uint32 nonce;
    uint40 expirySeconds;
    address meterKey;
    uint32 deliveredWh;
}
