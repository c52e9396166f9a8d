// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvalidSignatureLength} from "../src/CompactSignature.sol";
import {
    BurnTooSmall,
    CertificateExpired,
    EnergyAccountAlreadyOpen,
    EnergyAccounts,
    InvalidCertificate,
    UnknownAuthority
} from "../src/EnergyAccounts.sol";
import {Market} from "../src/Market.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {Offer} from "../src/MarketState.sol";
import {TransferFailed} from "../src/Money.sol";
import {
    NegotiationKeyTooLong,
    NoEnergyAccount,
    NotOfferProducer,
    OfferAlreadyOver,
    OfferNotOpen,
    ZeroEnergy
} from "../src/Offers.sol";
import {MarketFixture} from "./support/MarketFixture.sol";

/// @title Energy accounts and offers.
contract EnergyTest is MarketFixture {
    address private constant BURNED = EnergyAccounts.BURN_ADDRESS;
    uint40 private constant UNTIL = START + 1 days;

    function test_energyAccount_burn_opensAndLeavesTheMarket() public {
        vm.deal(producer, 1 ether);
        vm.expectEmit(address(market));
        emit MarketEvents.EnergyAccountOpened(producer, address(0), BURN + 5);
        vm.prank(producer);
        market.openEnergyAccount{value: BURN + 5}();
        vm.assertTrue(market.hasEnergyAccount(producer), "open");
        vm.assertEq(BURNED.balance, BURN + 5, "burned");
        vm.assertEq(address(market).balance, 0, "nothing stays");
    }

    function test_energyAccount_burnTooSmall_refused() public {
        vm.deal(producer, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(BurnTooSmall.selector, BURN - 1, BURN));
        vm.prank(producer);
        market.openEnergyAccount{value: BURN - 1}();
    }

    function test_energyAccount_burnOfNothing_opensWhereNothingIsAsked() public {
        Market free = deployMarket(withoutBurn(), memberKeys);
        free.openEnergyAccount();
        vm.assertTrue(free.hasEnergyAccount(address(this)), "open");
    }

    function test_energyAccount_burnRefused_leavesEverything() public {
        vm.etch(BURNED, hex"60006000fd");
        vm.deal(producer, BURN);
        vm.expectRevert(abi.encodeWithSelector(TransferFailed.selector, BURNED, uint256(BURN)));
        vm.prank(producer);
        market.openEnergyAccount{value: BURN}();
        vm.assertTrue(!market.hasEnergyAccount(producer), "closed");
    }

    function test_energyAccount_openedTwice_refused() public {
        openAs(producer);
        vm.deal(producer, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(EnergyAccountAlreadyOpen.selector, producer));
        vm.prank(producer);
        market.openEnergyAccount{value: BURN}();
        bytes memory certificate = certify(AUTHORITY_KEY, producer, UNTIL);
        expectCertificateRefused(
            abi.encodeWithSelector(EnergyAccountAlreadyOpen.selector, producer), certificate
        );
    }

    function test_certificate_ofAnAuthority_opensUpToItsEnd() public {
        bytes memory certificate = certify(AUTHORITY_KEY, producer, START);
        vm.expectEmit(address(market));
        emit MarketEvents.EnergyAccountOpened(producer, authority, 0);
        vm.prank(producer);
        market.openEnergyAccountWithCertificate(authority, START, certificate);
        vm.assertTrue(market.hasEnergyAccount(producer), "open");
    }

    function test_certificate_expired_refused() public {
        bytes memory certificate = certify(AUTHORITY_KEY, producer, START - 1);
        vm.expectRevert(abi.encodeWithSelector(CertificateExpired.selector, START - 1));
        vm.prank(producer);
        market.openEnergyAccountWithCertificate(authority, START - 1, certificate);
    }

    function test_certificate_ofAStranger_refused() public {
        bytes memory certificate = certify(0xbad, producer, UNTIL);
        address stranger = vm.addr(0xbad);
        vm.expectRevert(abi.encodeWithSelector(UnknownAuthority.selector, stranger));
        vm.prank(producer);
        market.openEnergyAccountWithCertificate(stranger, UNTIL, certificate);
        expectCertificateInvalid(certificate);
    }

    function test_certificate_ofAnotherAccount_refused() public {
        expectCertificateInvalid(certify(AUTHORITY_KEY, consumer, UNTIL));
    }

    function test_certificate_withAnotherEnd_refused() public {
        expectCertificateInvalid(certify(AUTHORITY_KEY, producer, UNTIL - 1));
    }

    /// P5
    function test_certificate_ofAnotherMarketOrChain_refused() public {
        Market other = deployMarket(defaultOptions(), memberKeys);
        separator = other.domainSeparator();
        expectCertificateInvalid(certify(AUTHORITY_KEY, producer, UNTIL));
        separator = separatorOf(block.chainid + 1, address(market));
        expectCertificateInvalid(certify(AUTHORITY_KEY, producer, UNTIL));
    }

    function test_certificate_malformed_refused() public {
        expectCertificateInvalid(new bytes(64));
        bytes memory certificate = certify(AUTHORITY_KEY, producer, UNTIL);
        expectCertificateInvalid(flipParity(certificate));
        expectCertificateRefused(
            abi.encodeWithSelector(InvalidSignatureLength.selector, uint256(65)),
            bytes.concat(certificate, hex"00")
        );
    }

    function test_certificate_withLargeS_refused() public {
        bytes32 digest = certificateDigest(separator, producer, UNTIL);
        for (uint256 i = 0; i < 2; i++) {
            (bytes memory certificate, address signer) = craftSignature(digest, LARGEST_S + i);
            govern(abi.encodeCall(Market.setAuthority, (signer, true)));
            if (i == 1) {
                vm.expectRevert(abi.encodeWithSelector(InvalidCertificate.selector, signer));
            }
            vm.prank(i == 0 ? producer : consumer);
            market.openEnergyAccountWithCertificate(signer, UNTIL, certificate);
            digest = certificateDigest(separator, consumer, UNTIL);
        }
    }

    function test_certificate_ofAnAuthorityNoLongerTrusted_refused() public {
        govern(abi.encodeCall(Market.setAuthority, (authority, false)));
        expectCertificateRefused(
            abi.encodeWithSelector(UnknownAuthority.selector, authority),
            certify(AUTHORITY_KEY, producer, UNTIL)
        );
    }

    function test_offer_added_isFoundWithAllItsTerms() public {
        openAs(producer);
        bytes memory key = new bytes(65);
        vm.expectEmit(address(market));
        emit MarketEvents.OfferAdded(1, producer, 5000, 0.3 ether, true, UNTIL, key);
        vm.prank(producer);
        uint64 offerId = market.addEnergy(5000, 0.3 ether, true, UNTIL, key);
        vm.assertEq(offerId, 1, "the first offer");
        vm.assertEq(offerAs(producer, 1), 2, "the second offer");
        Offer memory offer = market.offerOf(1);
        vm.assertEq(offer.producer, producer, "producer");
        vm.assertEq(offer.energyWh, 5000, "energy");
        vm.assertEq(offer.untilSeconds, UNTIL, "until");
        vm.assertTrue(offer.isOpen, "open");
        vm.assertEq(stateOf(producer).energyWh, 5001, "counter");
    }

    function test_offer_withoutEnergyAccount_refused() public {
        vm.expectRevert(abi.encodeWithSelector(NoEnergyAccount.selector, producer));
        vm.prank(producer);
        market.addEnergy(5000, 1, false, UNTIL, "");
    }

    function test_offer_ofNothing_refused() public {
        openAs(producer);
        vm.expectRevert(ZeroEnergy.selector);
        vm.prank(producer);
        market.addEnergy(0, 1, false, UNTIL, "");
    }

    function test_offer_alreadyOver_refused() public {
        openAs(producer);
        vm.expectRevert(abi.encodeWithSelector(OfferAlreadyOver.selector, START));
        vm.prank(producer);
        market.addEnergy(1, 1, false, START, "");
    }

    function test_offer_negotiationKeyTooLong_refused() public {
        openAs(producer);
        vm.expectRevert(abi.encodeWithSelector(NegotiationKeyTooLong.selector, uint256(66)));
        vm.prank(producer);
        market.addEnergy(1, 1, false, UNTIL, new bytes(66));
    }

    function test_offer_withdrawn_isClosedAndTakenOff() public {
        openAs(producer);
        offerAs(producer, 5000);
        offerAs(producer, 300);
        vm.expectEmit(address(market));
        emit MarketEvents.OfferWithdrawn(1, producer);
        vm.prank(producer);
        market.withdrawOffer(1);
        vm.assertTrue(!market.offerOf(1).isOpen, "closed");
        vm.assertTrue(market.offerOf(2).isOpen, "open");
        vm.assertEq(stateOf(producer).energyWh, 300, "counter");
        vm.expectRevert(abi.encodeWithSelector(OfferNotOpen.selector, uint64(1)));
        vm.prank(producer);
        market.withdrawOffer(1);
    }

    function test_offer_withdrawnByAnother_refused() public {
        openAs(producer);
        offerAs(producer, 5000);
        vm.expectRevert(abi.encodeWithSelector(NotOfferProducer.selector, uint64(1), producer));
        market.withdrawOffer(1);
        vm.expectRevert(abi.encodeWithSelector(OfferNotOpen.selector, uint64(2)));
        market.withdrawOffer(2);
    }

    /// The counter of energy stops at its ends and touches nothing beside it.
    function test_energyCounter_atItsEnds_saturates() public {
        openAs(producer);
        fund(producer, 77);
        bytes32 slot = keccak256(abi.encode(producer, uint256(1)));
        uint256 almostFull = uint256(vm.load(address(market), slot)) | (type(uint64).max - 10);
        vm.store(address(market), slot, bytes32(almostFull));
        offerAs(producer, 5000);
        vm.assertEq(stateOf(producer).energyWh, type(uint64).max, "full");
        vm.store(address(market), slot, bytes32(uint256(77) << 160 | 3));
        vm.prank(producer);
        market.withdrawOffer(1);
        vm.assertEq(stateOf(producer).energyWh, 0, "empty");
        vm.assertEq(balanceOf(producer), 77, "balance");
        vm.assertEq(stateOf(producer).nonceBitmap + stateOf(producer).nonceBase, 0, "window");
    }

    function openAs(address account) private {
        vm.deal(account, BURN);
        vm.prank(account);
        market.openEnergyAccount{value: BURN}();
    }

    function offerAs(address account, uint32 energyWh) private returns (uint64) {
        vm.prank(account);
        return market.addEnergy(energyWh, 1, false, UNTIL, "");
    }

    function certify(uint256 key, address account, uint40 notAfter)
        private
        view
        returns (bytes memory)
    {
        return signCompact(key, certificateDigest(separator, account, notAfter));
    }

    function expectCertificateInvalid(bytes memory certificate) private {
        expectCertificateRefused(
            abi.encodeWithSelector(InvalidCertificate.selector, authority), certificate
        );
    }

    function expectCertificateRefused(bytes memory reason, bytes memory certificate) private {
        vm.expectRevert(reason);
        vm.prank(producer);
        market.openEnergyAccountWithCertificate(authority, UNTIL, certificate);
    }
}
