// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature, InvalidSignatureLength} from "../src/CompactSignature.sol";
import {HoldCertificate} from "../src/HoldCertificate.sol";
import {Market} from "../src/Market.sol";
import {MarketState} from "../src/MarketState.sol";
import {MarketOptions} from "../src/MarketOptions.sol";
import {Messages} from "../src/Messages.sol";
import {ProvedTrade} from "../src/ProvedTrade.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {ProofSigning} from "./support/ProofSigning.sol";
import {Trade} from "./support/Trade.sol";

/// @notice The contract's own hashing and recovery, within reach of a test.
contract MessagesHarness {
    using HoldCertificate for MarketState;

    MarketState private state;

    constructor(uint32 epoch, address member) {
        state.committees[epoch].size = 1;
        state.committees[epoch].members[0] = member;
    }

    function recover(bytes32 digest, bytes calldata signature64) external view returns (address) {
        (bytes32 r, uint256 yParityAndS) = CompactSignature.split(signature64);
        return CompactSignature.recover(digest, r, yParityAndS);
    }

    /// @notice Who signed an item's Commit To Pay, and what it is called because of that.
    function identify(bytes calldata item, bytes32 separator)
        external
        view
        returns (address consumer, bytes32 ctpId)
    {
        ProvedTrade.read(item, separator, 0);
        uint256 place;
        assembly ("memory-safe") {
            place := add(item.offset, 77)
        }
        ProvedTrade.identify(place);
        return (ProvedTrade.consumer(), ProvedTrade.ctpId());
    }

    /// @notice Refuses votes that a committee of one did not give for this leaf.
    function requireHeld(
        bytes calldata item,
        bytes32 separator,
        uint32 epoch,
        bytes32 leaf,
        bytes calldata votes
    ) external view {
        ProvedTrade.read(item, separator, epoch);
        assembly ("memory-safe") {
            mstore(0x3c0, leaf)
        }
        state.requireHeld(epoch, 0, votes);
    }
}

/// @title The vectors that the TypeScript side holds to as well.
/// @dev The market stands at the vectors' own address and chain, so that their items, signatures
/// and all, can be settled in it.
contract VectorsTest is MarketFixture, ProofSigning {
    string private constant PATH = "test/vectors/protocol.json";
    uint32 private constant EPOCH = 7;

    string private json;
    MessagesHarness private harness;

    function setUp() public override {
        super.setUp();
        json = vm.readFile(PATH);
        harness = new MessagesHarness(EPOCH, vm.addr(memberKeys[0]));
        vm.chainId(vm.parseJsonUint(json, ".domain.chainId"));
        address place = vm.parseJsonAddress(json, ".domain.market");
        MarketOptions memory options = defaultOptions();
        options.minimumAmountWei = 0;
        options.feeWei = 0;
        vm.etch(place, initCode(options, addressesOf(memberKeys), new address[](0)));
        (bool isDone, bytes memory runtime) = place.call("");
        vm.assertTrue(isDone, "constructed");
        vm.etch(place, runtime);
        market = Market(place);
        separator = market.domainSeparator();
    }

    function test_vectors_domainSeparator_same() public view {
        vm.assertEq(separator, vm.parseJsonBytes32(json, ".separator"), "separator");
    }

    function test_vectors_digests_same() public view {
        uint256 checked = 0;
        for (uint256 i = 0; exists(path("digests", i, ".type")); i++) {
            string memory message = path("digests", i, ".message");
            bytes32 expected = vm.parseJsonBytes32(json, path("digests", i, ".digest"));
            bytes32 kind = keccak256(bytes(vm.parseJsonString(json, path("digests", i, ".type"))));
            bytes32 digest = digestOfKind(kind, message);
            if (digest == 0) continue; // Not a message that the contract checks.
            vm.assertEq(digest, expected, "digest");
            checked++;
        }
        vm.assertGe(checked, 7 * 4, "vectors of all kinds");
    }

    function digestOfKind(bytes32 kind, string memory message) private view returns (bytes32) {
        bytes32 structHash;
        if (kind == keccak256("Ctp")) {
            return ctpDigest(separator, readCtp(message));
        } else if (kind == keccak256("HoldVote")) {
            uint32 epoch = uint32(readUint(message, ".epoch"));
            return holdVoteDigest(separator, epoch, readBytes32(message, ".ctpsRoot"));
        } else if (kind == keccak256("Erc")) {
            uint32 deliveredWh = uint32(readUint(message, ".deliveredWh"));
            uint40 measuredAt = uint40(readUint(message, ".measuredAtSeconds"));
            return ercDigest(separator, readBytes32(message, ".ctpId"), deliveredWh, measuredAt);
        } else if (kind == keccak256("Settlement")) {
            structHash = Messages.settlement(
                uint32(readUint(message, ".epoch")),
                uint64(readUint(message, ".sequence")),
                readBytes32(message, ".itemsHash"),
                readAddress(message, ".beneficiary")
            );
        } else if (kind == keccak256("EpochEnd")) {
            structHash = Messages.epochEnd(
                uint32(readUint(message, ".epoch")), readBytes32(message, ".votesRoot")
            );
        } else if (kind == keccak256("Governance")) {
            structHash = Messages.governance(
                uint32(readUint(message, ".epoch")),
                uint64(readUint(message, ".sequence")),
                readBytes(message, ".call")
            );
        } else if (kind == keccak256("EnergyAccountCertificate")) {
            structHash = Messages.energyAccountCertificate(
                readAddress(message, ".account"), uint40(readUint(message, ".notAfterSeconds"))
            );
        } else {
            return 0;
        }
        return Messages.digest(separator, structHash);
    }

    /// Paths lead to the roots of trees over identifiers, and votes for such a root are what the
    /// contract takes.
    function test_vectors_trees_sameRoots() public view {
        uint256 checked = 0;
        for (uint256 i = 0; exists(path("trees", i, ".root")); i++) {
            bytes32 root = vm.parseJsonBytes32(json, path("trees", i, ".root"));
            bytes memory signature =
                signCompact(memberKeys[0], holdVoteDigest(separator, EPOCH, root));
            string memory paths = string.concat("trees[", vm.toString(i), "].paths");
            for (uint256 j = 0; exists(path(paths, j, ".leaf")); j++) {
                bytes memory leaf = readBytes(path(paths, j, ""), ".leaf");
                if (leaf.length != 32) break; // A tree of meter keys.
                bytes memory vote = readVote(path(paths, j, ""), signature);
                harness.requireHeld(new bytes(141), separator, EPOCH, leafOf(bytes32(leaf)), vote);
                checked++;
            }
        }
        vm.assertGe(checked, 64, "vectors of identifiers");
    }

    /// The packed items, as they are, move their consumers' money in the market itself.
    function test_vectors_items_settleAsPacked() public {
        uint256 settled = 0;
        for (uint256 i = 0; exists(path("items", i, ".packed")); i++) {
            string memory entry = path("items", i, "");
            bytes memory packed = vm.parseJsonBytes(json, path("items", i, ".packed"));
            Trade memory trade = readCtp(entry);
            trade.deliveredWh = uint32(readUint(entry, ".deliveredWh"));
            address signer = readAddress(entry, ".consumer");
            bytes32 digest = vm.parseJsonBytes32(json, path("items", i, ".ctpDigest"));
            vm.assertEq(ctpDigest(separator, trade), digest, "digest");
            bytes memory signature = readBytes(entry, ".consumerSignature");
            vm.assertEq(harness.recover(digest, signature), signer, "consumer");
            bytes32 expected = keccak256(bytes.concat(packTerms(trade), signature));
            vm.assertEq(keccak256(packed), expected, "packed");

            vm.warp(uint256(trade.expirySeconds) + GRACE);
            setBalance(signer, trade.amountWei);
            bool isWorth = trade.amountWei != 0 && trade.energyWh != 0 && trade.deliveredWh != 0;
            vm.assertEq(settleItems(packed), isWorth ? 1 : 0, "settled");
            if (isWorth) settled++;
        }
        vm.assertGe(settled, 2, "vectors that settle");
    }

    function test_vectors_items_identifiedAsSigned() public view {
        uint256 checked = 0;
        for (; exists(path("items", checked, ".packed")); checked++) {
            string memory entry = path("items", checked, "");
            bytes memory packed = readBytes(entry, ".packed");
            (address signer, bytes32 ctpId) = harness.identify(packed, separator);
            vm.assertEq(signer, readAddress(entry, ".consumer"), "consumer");
            vm.assertEq(ctpId, readBytes32(entry, ".ctpId"), "ctpId");
        }
        vm.assertGe(checked, 2, "vectors");
    }

    function test_vectors_payments_paidToTheWei() public {
        for (uint256 i = 0; exists(path("payments", i, ".amountWei")); i++) {
            string memory entry = path("payments", i, "");
            Trade memory trade = usualTrade(uint32(i), uint96(readUint(entry, ".amountWei")));
            trade.energyWh = uint32(readUint(entry, ".energyWh"));
            trade.deliveredWh = uint32(readUint(entry, ".deliveredWh"));
            vm.warp(uint256(trade.expirySeconds) + GRACE);
            setBalance(consumer, type(uint96).max);
            setBalance(producer, 0);
            vm.assertTrue(settleOne(trade) == (trade.deliveredWh != 0), "settled");
            uint256 paymentWei = readUint(entry, ".paymentWei");
            vm.assertEq(balanceOf(producer), paymentWei, "earned");
            vm.assertEq(balanceOf(consumer), type(uint96).max - paymentWei, "paid");
        }
    }

    function test_vectors_signatures_recoverTheirSigner() public view {
        for (uint256 i = 0; exists(path("signatures", i, ".digest")); i++) {
            string memory entry = path("signatures", i, "");
            bytes32 digest = vm.parseJsonBytes32(json, path("signatures", i, ".digest"));
            address signer = harness.recover(digest, readBytes(entry, ".signature"));
            vm.assertEq(signer, readAddress(entry, ".address"), "signer");
        }
    }

    function test_vectors_hostileSignatures_recoverWhatTheySay() public {
        for (uint256 i = 0; exists(path("hostileSignatures", i, ".digest")); i++) {
            string memory entry = path("hostileSignatures", i, "");
            bytes32 digest = vm.parseJsonBytes32(json, path("hostileSignatures", i, ".digest"));
            bytes memory signature = readBytes(entry, ".signature");
            if (signature.length != 64) {
                vm.expectRevert(
                    abi.encodeWithSelector(InvalidSignatureLength.selector, signature.length)
                );
                harness.recover(digest, signature);
                continue;
            }
            address expected = readAddress(entry, ".recovers");
            vm.assertEq(harness.recover(digest, signature), expected, "recovers");
        }
    }

    /// @notice Gives an account this balance and a fresh nonce window.
    function setBalance(address account, uint96 amountWei) private {
        bytes32 slot = keccak256(abi.encode(account, uint256(1)));
        vm.store(address(market), slot, bytes32(uint256(amountWei) << 160));
    }

    function readCtp(string memory entry) private view returns (Trade memory trade) {
        trade.producer = readAddress(entry, ".producer");
        trade.offerId = uint64(readUint(entry, ".offerId"));
        trade.amountWei = uint96(readUint(entry, ".amountWei"));
        trade.energyWh = uint32(readUint(entry, ".energyWh"));
        trade.nonce = uint32(readUint(entry, ".nonce"));
        trade.expirySeconds = uint40(readUint(entry, ".expirySeconds"));
        trade.meterKey = readAddress(entry, ".meterKey");
    }

    /// @notice A packed vote with the path of this entry.
    function readVote(string memory entry, bytes memory signature)
        private
        view
        returns (bytes memory)
    {
        uint256 height = 0;
        while (exists(string.concat(entry, siblingAt(height)))) height++;
        bytes32[] memory siblings = new bytes32[](height);
        for (uint256 i = 0; i < height; i++) {
            siblings[i] = readBytes32(entry, siblingAt(i));
        }
        return packHoldVote(0, signature, uint8(readUint(entry, ".index")), siblings);
    }

    function siblingAt(uint256 index) private pure returns (string memory) {
        return string.concat(".siblings[", vm.toString(index), "]");
    }

    function readUint(string memory entry, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(entry, field));
    }

    function readBytes32(string memory entry, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(entry, field));
    }

    function readAddress(string memory entry, string memory field) private view returns (address) {
        return vm.parseJsonAddress(json, string.concat(entry, field));
    }

    function readBytes(string memory entry, string memory field)
        private
        view
        returns (bytes memory)
    {
        return vm.parseJsonBytes(json, string.concat(entry, field));
    }

    function exists(string memory key) private view returns (bool) {
        return vm.keyExistsJson(json, key);
    }

    function path(string memory list, uint256 index, string memory field)
        private
        pure
        returns (string memory)
    {
        return string.concat(".", list, "[", vm.toString(index), "]", field);
    }
}
