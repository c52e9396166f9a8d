// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signing} from "./Signing.sol";
import {Trade} from "./Trade.sol";

/// @notice What a producer holds of a trade: enough to be paid without a node.
struct Proof {
    uint32 epoch;
    bytes item;
    bytes votes;
    uint40 measuredAtSeconds;
    bytes ercSignature64;
}

/// @title Hold certificates and receipts, made independently of the contract's own code.
abstract contract ProofSigning is Signing {
    /// @notice The private key of the meter key that trades of this nonce name.
    function meterPrivateKey(uint32 nonce) internal pure returns (uint256) {
        return 0x3e7e700000000 + nonce;
    }

    function ctpIdOf(bytes32 separator, Trade memory trade) internal pure returns (bytes32) {
        address consumer = vm.addr(trade.consumerKey);
        return keccak256(abi.encodePacked(ctpDigest(separator, trade), consumer));
    }

    function holdVoteDigest(bytes32 separator, uint32 epoch, bytes32 ctpsRoot)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash = keccak256("HoldVote(uint32 epoch,bytes32 ctpsRoot)");
        return digestOf(separator, keccak256(abi.encode(typehash, epoch, ctpsRoot)));
    }

    function ercDigest(
        bytes32 separator,
        bytes32 ctpId,
        uint32 deliveredWh,
        uint40 measuredAtSeconds
    ) internal pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "Erc(bytes32 ctpId,uint32 deliveredWh,uint40 measuredAtSeconds)"
        );
        bytes32 structHash = keccak256(abi.encode(typehash, ctpId, deliveredWh, measuredAtSeconds));
        return digestOf(separator, structHash);
    }

    function leafOf(bytes32 ctpId) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"00", ctpId));
    }

    /// @notice Where a path leads from a leaf's identifier.
    function rootOfPath(bytes32 ctpId, uint256 index, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32 root)
    {
        root = leafOf(ctpId);
        for (uint256 level = 0; level < siblings.length; level++) {
            bool isRight = (index >> level) % 2 == 1;
            (bytes32 left, bytes32 right) =
                isRight ? (siblings[level], root) : (root, siblings[level]);
            root = keccak256(abi.encodePacked(hex"01", left, right));
        }
    }

    function packHoldVote(
        uint8 memberIndex,
        bytes memory signature64,
        uint8 index,
        bytes32[] memory siblings
    ) internal pure returns (bytes memory) {
        bytes memory path = abi.encodePacked(index, uint8(siblings.length), siblings);
        return bytes.concat(bytes1(memberIndex), signature64, path);
    }

    /// @notice A vote for one Commit To Pay alone.
    function signHoldVote(bytes32 separator, uint32 epoch, bytes32 ctpId, uint8 i, uint256 key)
        internal
        pure
        returns (bytes memory)
    {
        bytes32 digest = holdVoteDigest(separator, epoch, leafOf(ctpId));
        return packHoldVote(i, signCompact(key, digest), 0, new bytes32[](0));
    }

    /// @notice Such votes of the first 2f + 1 of these keys.
    function signHoldVotes(bytes32 separator, uint32 epoch, bytes32 ctpId, uint256[] memory keys)
        internal
        pure
        returns (bytes memory votes)
    {
        uint256 count = 2 * ((keys.length - 1) / 3) + 1;
        for (uint256 i = 0; i < count; i++) {
            votes = bytes.concat(votes, signHoldVote(separator, epoch, ctpId, uint8(i), keys[i]));
        }
    }

    /// @notice A trade's proof: votes for it alone, and the receipt of what was delivered.
    function makeProof(
        bytes32 separator,
        uint32 epoch,
        uint256[] memory memberKeys,
        Trade memory trade
    ) internal pure returns (Proof memory proof) {
        bytes32 ctpId = ctpIdOf(separator, trade);
        proof.epoch = epoch;
        proof.item = packItem(separator, trade);
        proof.votes = signHoldVotes(separator, epoch, ctpId, memberKeys);
        proof.measuredAtSeconds = trade.expirySeconds;
        proof.ercSignature64 = signErc(separator, ctpId, trade);
    }

    function signErc(bytes32 separator, bytes32 ctpId, Trade memory trade)
        internal
        pure
        returns (bytes memory)
    {
        bytes32 digest = ercDigest(separator, ctpId, trade.deliveredWh, trade.expirySeconds);
        return signCompact(meterPrivateKey(trade.nonce), digest);
    }
}
