// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketEvents} from "./MarketEvents.sol";
import {MarketState, Offer} from "./MarketState.sol";

/// @notice Energy is offered from an energy account.
error NoEnergyAccount(address account);
/// @notice An offer of nothing.
error ZeroEnergy();
/// @notice The offer would be over before it begins.
error OfferAlreadyOver(uint40 untilSeconds);
/// @notice A negotiation key has at most 65 bytes.
error NegotiationKeyTooLong(uint256 length);
/// @notice The offer was withdrawn, or never made.
error OfferNotOpen(uint64 offerId);
/// @notice Only its producer withdraws an offer.
error NotOfferProducer(uint64 offerId, address producer);

/// @title Energy for sale. The market judges no offer's remaining energy: nodes do.
library Offers {
    uint256 internal constant LONGEST_KEY = 65;

    function add(
        MarketState storage self,
        address producer,
        uint32 energyWh,
        uint96 priceWeiPerKwh,
        bool isNegotiable,
        uint40 untilSeconds,
        bytes calldata negotiationKey
    ) internal returns (uint64 offerId) {
        if (!self.hasEnergyAccount[producer]) {
            revert NoEnergyAccount(producer);
        }
        if (energyWh == 0) revert ZeroEnergy();
        if (untilSeconds <= block.timestamp) revert OfferAlreadyOver(untilSeconds);
        if (negotiationKey.length > LONGEST_KEY) {
            revert NegotiationKeyTooLong(negotiationKey.length);
        }
        offerId = ++self.lastOfferId;
        self.offers[offerId] = Offer(producer, energyWh, untilSeconds, true);
        self.accounts[producer] = self.accounts[producer].addEnergy(energyWh);
        emit MarketEvents.OfferAdded(
            offerId, producer, energyWh, priceWeiPerKwh, isNegotiable, untilSeconds, negotiationKey
        );
    }

    /// @notice Closes an offer and takes its whole energy off the producer's counter.
    /// @dev What was sold of it has been taken off already; the counter stops at zero. It is a
    /// guide for searches, and no payment depends on it.
    function withdraw(MarketState storage self, address producer, uint64 offerId) internal {
        Offer storage offer = self.offers[offerId];
        if (!offer.isOpen) revert OfferNotOpen(offerId);
        if (offer.producer != producer) revert NotOfferProducer(offerId, offer.producer);
        offer.isOpen = false;
        self.accounts[producer] = self.accounts[producer].removeEnergy(offer.energyWh);
        emit MarketEvents.OfferWithdrawn(offerId, producer);
    }
}
