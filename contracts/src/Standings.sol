// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketEvents} from "./MarketEvents.sol";
import {MarketState} from "./MarketState.sol";

/// @notice No manufacturer is the zero address.
error ZeroManufacturer();
/// @notice No meter is the zero address.
error ZeroMeter();
/// @notice The end could kill a live hold: one may last as long as the market's longest life.
error EndTooNear(uint40 endsSeconds, uint256 earliestSeconds);

/// @title Whose meters are genuine, and which of them no longer are.
/// @notice Nodes judge by it, not the contract: they compare ends with a Commit To Pay's expiry.
library Standings {
    /// @notice Refuses an end that a Commit To Pay of today could outlive.
    function requireFar(uint40 endsSeconds, uint256 longestLifeSeconds) internal view {
        uint256 earliestSeconds = block.timestamp + longestLifeSeconds;
        if (endsSeconds < earliestSeconds) revert EndTooNear(endsSeconds, earliestSeconds);
    }

    function setManufacturer(MarketState storage self, address manufacturer, uint40 endsSeconds)
        internal
    {
        if (manufacturer == address(0)) revert ZeroManufacturer();
        self.manufacturerEndsSeconds[manufacturer] = endsSeconds;
        emit MarketEvents.ManufacturerSet(manufacturer, endsSeconds);
    }

    function revokeMeter(MarketState storage self, address meter, uint40 endsSeconds) internal {
        if (meter == address(0)) revert ZeroMeter();
        self.meterEndsSeconds[meter] = endsSeconds;
        emit MarketEvents.MeterRevoked(meter, endsSeconds);
    }
}
