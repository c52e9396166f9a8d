// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Account} from "./Account.sol";
import {CompactSignature, InvalidSignatureLength} from "./CompactSignature.sol";
import {MarketEvents} from "./MarketEvents.sol";
import {MarketState} from "./MarketState.sol";
import {ProvedTrade} from "./ProvedTrade.sol";

/// @notice No producer is the zero address.
error ZeroProducer();
/// @notice A Commit To Pay for no energy.
error ZeroTradedEnergy();
/// @notice The amount is below the market's minimum.
error AmountTooSmall(uint96 amountWei, uint256 minimumAmountWei);
/// @notice Block time is past expiry plus grace: the money is free.
error TradeOver(uint40 expirySeconds, uint256 settleableUntilSeconds);
/// @notice The consumer's signature on the Commit To Pay is no signature.
error InvalidConsumerSignature();
/// @notice Consumer and producer are one account.
error SelfTrade(address account);
/// @notice Nothing was delivered: there is nothing to settle.
error NothingDelivered();
/// @notice A trade is declined with nothing delivered.
error DeliveryDeclined(uint32 deliveredWh);
/// @notice Only the producer may do this.
error NotProducer(address caller, address producer);
/// @notice A part is settled from expiry on: more may come until then.
error PartTooEarly(uint40 expirySeconds);
/// @notice The receipt is not signed by the Commit To Pay's meter key.
error InvalidErc(address meterKey);
/// @notice The trade, or another at its nonce, was settled or declined before; or the nonce is
/// below the account's window.
error NonceUsed(address account, uint32 nonce);
/// @notice The consumer's balance is below the payment.
error BalanceTooSmall(address account, uint256 balanceWei, uint256 paymentWei);

/// @title One trade, proved by what its producer holds: no node's help is needed.
/// @notice A part is its producer's alone to settle, so that nobody can settle a lower receipt than
/// the one he has. What is not certified is refused: else a consumer could sign a second Commit To
/// Pay at a live one's nonce, to a friend who uses it up.
library ProofSettlement {
    uint256 private constant CONSUMER_SIGNATURE = 77;

    /// @notice Reads the one trade of this transaction; refuses what no member votes for, what is
    /// over, and what its consumer did not sign.
    function readSigned(
        bytes calldata item,
        bytes32 separator,
        uint32 epoch,
        uint256 graceSeconds,
        uint256 minimumAmountWei
    ) internal view {
        ProvedTrade.read(item, separator, epoch);
        bool isUnsound;
        assembly ("memory-safe") {
            // Without branches, since nearly all are sound; `refuse` says what is not.
            let amount := mload(0x0e0)
            isUnsound := or(
                or(iszero(mul(mload(0x0a0), mload(0x100))), iszero(amount)),
                or(lt(amount, minimumAmountWei), gt(timestamp(), add(mload(0x140), graceSeconds)))
            )
        }
        if (isUnsound) refuse(graceSeconds, minimumAmountWei);
        uint256 place;
        assembly ("memory-safe") {
            place := add(item.offset, CONSUMER_SIGNATURE)
        }
        ProvedTrade.identify(place);
        bool isNobody;
        assembly ("memory-safe") {
            let consumer := mload(0x2c0)
            isNobody := or(iszero(consumer), eq(consumer, mload(0x0a0)))
        }
        if (isNobody) refuseConsumer();
    }

    /// @notice Pays what the trade's receipt says. Nothing but the consumer's signature on this
    /// Commit To Pay leads to his account (P1).
    function settleHeld(
        MarketState storage self,
        uint40 measuredAtSeconds,
        bytes calldata ercSignature64
    ) internal {
        uint256 soldWh = requireSold();
        requireErc(measuredAtSeconds, ercSignature64);
        uint256 slot = slotOf(self, ProvedTrade.consumer());
        Account account = requireUnused(load(slot));
        uint256 paymentWei;
        bool isCovered;
        assembly ("memory-safe") {
            // 96 and 32 bits; the energy is not zero.
            paymentWei := div(mul(mload(0x0e0), soldWh), mload(0x100))
            let balancePart := shl(160, paymentWei)
            isCovered := iszero(lt(account, balancePart))
            account := sub(account, balancePart)
        }
        if (!isCovered) refuseBalance(load(slot), paymentWei);
        store(slot, account);
        // Another account than the one just stored: nobody sells to himself.
        slot = slotOf(self, ProvedTrade.producer());
        account = load(slot);
        assembly ("memory-safe") {
            // Selling more than was added blocks no payment: the counter stops at zero.
            let forSaleWh := and(account, 0xffffffffffffffff)
            if lt(soldWh, forSaleWh) { forSaleWh := soldWh }
            account := sub(add(account, shl(160, paymentWei)), forSaleWh)
        }
        store(slot, account);
        ProvedTrade.log(MarketEvents.SettledWithProof.selector, soldWh, paymentWei);
    }

    /// @notice Uses up the trade's nonce and pays nothing.
    function declineHeld(MarketState storage self) internal {
        uint256 deliveredWh = ProvedTrade.deliveredWh();
        if (deliveredWh != 0) revert DeliveryDeclined(uint32(deliveredWh));
        address producer = ProvedTrade.producer();
        if (msg.sender != producer) revert NotProducer(msg.sender, producer);
        address consumer = ProvedTrade.consumer();
        self.accounts[consumer] = requireUnused(self.accounts[consumer]);
        emit MarketEvents.Declined(
            ProvedTrade.ctpId(), consumer, producer, uint32(ProvedTrade.nonce())
        );
    }

    /// @notice How much of the energy is paid for.
    function requireSold() private view returns (uint256 soldWh) {
        soldWh = ProvedTrade.energyWh();
        if (ProvedTrade.deliveredWh() < soldWh) return requirePart();
    }

    /// @notice Who may settle a part, and when.
    function requirePart() private view returns (uint256 soldWh) {
        soldWh = ProvedTrade.deliveredWh();
        if (soldWh == 0) revert NothingDelivered();
        address producer = ProvedTrade.producer();
        if (msg.sender != producer) revert NotProducer(msg.sender, producer);
        uint256 expirySeconds = ProvedTrade.expirySeconds();
        if (block.timestamp < expirySeconds) revert PartTooEarly(uint40(expirySeconds));
    }

    function requireErc(uint40 measuredAtSeconds, bytes calldata ercSignature64) private view {
        if (ercSignature64.length != CompactSignature.LENGTH) {
            revert InvalidSignatureLength(ercSignature64.length);
        }
        uint256 place;
        assembly ("memory-safe") {
            place := ercSignature64.offset
        }
        uint256 signer = ProvedTrade.receipter(measuredAtSeconds, place);
        bool isWrong;
        assembly ("memory-safe") {
            // A meter key of zero would else be met by what recovers to nothing.
            isWrong := or(iszero(signer), xor(signer, mload(0x160)))
        }
        if (isWrong) revert InvalidErc(ProvedTrade.meterKey());
    }

    /// @notice The consumer's account with the trade's nonce used up.
    function requireUnused(Account account) private pure returns (Account used) {
        used = account.useNonce(ProvedTrade.nonce());
        if (Account.unwrap(used) == Account.unwrap(account)) {
            revert NonceUsed(ProvedTrade.consumer(), uint32(ProvedTrade.nonce()));
        }
    }

    /// @notice Where an account is stored: a mapping's value would be looked for twice.
    function slotOf(MarketState storage self, address account) private view returns (uint256 slot) {
        mapping(address account => Account) storage accounts = self.accounts;
        assembly ("memory-safe") {
            mstore(0x00, account)
            mstore(0x20, accounts.slot)
            slot := keccak256(0x00, 0x40)
        }
    }

    function load(uint256 slot) private view returns (Account account) {
        assembly ("memory-safe") {
            account := sload(slot)
        }
    }

    function store(uint256 slot, Account account) private {
        assembly ("memory-safe") {
            sstore(slot, account)
        }
    }

    /// @notice Says that there is too little money.
    function refuseBalance(Account account, uint256 paymentWei) private pure {
        revert BalanceTooSmall(ProvedTrade.consumer(), account.balanceWei(), paymentWei);
    }

    /// @notice Says what is wrong with the trade's consumer.
    function refuseConsumer() private pure {
        if (ProvedTrade.consumer() == address(0)) revert InvalidConsumerSignature();
        revert SelfTrade(ProvedTrade.consumer());
    }

    /// @notice Says what is wrong with the trade's terms.
    function refuse(uint256 graceSeconds, uint256 minimumAmountWei) private pure {
        if (ProvedTrade.producer() == address(0)) revert ZeroProducer();
        if (ProvedTrade.energyWh() == 0) revert ZeroTradedEnergy();
        uint256 amountWei = ProvedTrade.amountWei();
        if (amountWei == 0 || amountWei < minimumAmountWei) {
            revert AmountTooSmall(uint96(amountWei), minimumAmountWei);
        }
        uint256 expirySeconds = ProvedTrade.expirySeconds();
        revert TradeOver(uint40(expirySeconds), expirySeconds + graceSeconds);
    }
}
