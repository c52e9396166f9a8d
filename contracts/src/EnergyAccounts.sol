// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature} from "./CompactSignature.sol";
import {MarketEvents} from "./MarketEvents.sol";
import {MarketState} from "./MarketState.sol";
import {Messages} from "./Messages.sol";
import {Money} from "./Money.sol";

/// @notice The account can already offer energy.
error EnergyAccountAlreadyOpen(address account);
/// @notice Less was sent than opening an energy account burns.
error BurnTooSmall(uint256 sentWei, uint256 burnWei);
/// @notice The market does not trust this authority.
error UnknownAuthority(address authority);
/// @notice The authority's certificate has run out.
error CertificateExpired(uint40 notAfterSeconds);
/// @notice The signature is not the authority's for this account in this market.
error InvalidCertificate(address authority);

/// @title The right to offer energy: bought by burning ether, or given by an authority.
library EnergyAccounts {
    /// @notice No key belongs to this address.
    address internal constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @notice Opens an energy account; everything sent is burned.
    function openWithBurn(
        MarketState storage self,
        address account,
        uint256 sentWei,
        uint256 burnWei
    ) internal {
        if (sentWei < burnWei) revert BurnTooSmall(sentWei, burnWei);
        open(self, account, address(0), sentWei);
        if (sentWei != 0) Money.send(BURN_ADDRESS, sentWei);
    }

    function openWithCertificate(
        MarketState storage self,
        bytes32 separator,
        address account,
        address authority,
        uint40 notAfterSeconds,
        bytes calldata signature64
    ) internal {
        if (!self.isAuthority[authority]) {
            revert UnknownAuthority(authority);
        }
        if (block.timestamp > notAfterSeconds) revert CertificateExpired(notAfterSeconds);
        bytes32 structHash = Messages.energyAccountCertificate(account, notAfterSeconds);
        bytes32 digest = Messages.digest(separator, structHash);
        (bytes32 r, uint256 yParityAndS) = CompactSignature.split(signature64);
        address signer = CompactSignature.recover(digest, r, yParityAndS);
        // Zero is no authority, so a signature that recovers to nothing is refused here as well.
        if (signer != authority) revert InvalidCertificate(authority);
        open(self, account, authority, 0);
    }

    function open(MarketState storage self, address account, address authority, uint256 burnedWei)
        private
    {
        if (self.hasEnergyAccount[account]) revert EnergyAccountAlreadyOpen(account);
        self.hasEnergyAccount[account] = true;
        emit MarketEvents.EnergyAccountOpened(account, authority, burnedWei);
    }
}
