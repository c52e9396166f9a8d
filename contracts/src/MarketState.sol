// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account} from "./Account.sol";

/// @notice A requested withdrawal and where withdrawals go. `requestedWei` 0: none is requested.
struct Withdrawal {
    uint96 requestedWei;
    uint40 readyAtSeconds;
    address payout;
}

/// @notice A block of energy for sale. Its price and terms are in the event that announced it.
struct Offer {
    address producer;
    uint32 energyWh;
    uint40 untilSeconds;
    bool isOpen;
}

/// @notice The members of one epoch. `endedAtSeconds` 0: the epoch has not ended.
/// @dev An array of fixed length: its members are read without reading a length first.
struct Committee {
    uint40 endedAtSeconds;
    uint16 size;
    address[256] members;
}

/// @notice All that a market stores.
struct MarketState {
    uint32 currentEpoch;
    uint64 governanceSequence;
    uint64 lastOfferId;
    mapping(address account => Account) accounts;
    mapping(address account => Withdrawal) withdrawals;
    mapping(address account => bool) hasEnergyAccount;
    mapping(uint64 offerId => Offer) offers;
    mapping(address authority => bool) isAuthority;
    mapping(uint32 epoch => Committee) committees;
    mapping(address manufacturer => uint40) manufacturerEndsSeconds;
    mapping(address meter => uint40) meterEndsSeconds;
}
