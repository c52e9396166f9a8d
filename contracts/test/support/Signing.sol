// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochEndVote} from "../../src/Governance.sol";
import {TestBase} from "./TestBase.sol";
import {Trade} from "./Trade.sol";

/// @title Typed messages, hashed and signed independently of the contract's own code.
abstract contract Signing is TestBase {
    /// @dev Half the order of secp256k1.
    uint256 internal constant LARGEST_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function separatorOf(uint256 chainId, address market) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,"
                    "address verifyingContract)"
                ),
                keccak256(bytes("SPB")),
                keccak256(bytes("1")),
                chainId,
                market
            )
        );
    }

    function digestOf(bytes32 separator, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function ctpDigest(bytes32 separator, Trade memory trade) internal pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "Ctp(address producer,uint64 offerId,uint96 amountWei,uint32 energyWh,uint32 nonce,"
            "uint40 expirySeconds,address meterKey)"
        );
        bytes32 structHash = keccak256(
            abi.encode(
                typehash,
                trade.producer,
                trade.offerId,
                trade.amountWei,
                trade.energyWh,
                trade.nonce,
                trade.expirySeconds,
                trade.meterKey
            )
        );
        return digestOf(separator, structHash);
    }

    function settlementDigest(
        bytes32 separator,
        uint32 epoch,
        uint64 sequence,
        bytes memory items,
        address beneficiary
    ) internal pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "Settlement(uint32 epoch,uint64 sequence,bytes32 itemsHash,address beneficiary)"
        );
        bytes32 structHash =
            keccak256(abi.encode(typehash, epoch, sequence, keccak256(items), beneficiary));
        return digestOf(separator, structHash);
    }

    function governanceDigest(bytes32 separator, uint32 epoch, uint64 sequence, bytes memory call)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash = keccak256("Governance(uint32 epoch,uint64 sequence,bytes call)");
        bytes32 structHash = keccak256(abi.encode(typehash, epoch, sequence, keccak256(call)));
        return digestOf(separator, structHash);
    }

    function epochEndDigest(bytes32 separator, uint32 epoch, bytes32 votesRoot)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash = keccak256("EpochEnd(uint32 epoch,bytes32 votesRoot)");
        return digestOf(separator, keccak256(abi.encode(typehash, epoch, votesRoot)));
    }

    function certificateDigest(bytes32 separator, address account, uint40 notAfterSeconds)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typehash =
            keccak256("EnergyAccountCertificate(address account,uint40 notAfterSeconds)");
        return digestOf(separator, keccak256(abi.encode(typehash, account, notAfterSeconds)));
    }

    /// @notice A signature in the 64 bytes of EIP-2098.
    function signCompact(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, uint256(s) | (uint256(v - 27) << 255));
    }

    /// @notice The same r and s with the other parity of y: another signer's, or nobody's.
    function flipParity(bytes memory signature64) internal pure returns (bytes memory) {
        (bytes32 r, uint256 yParityAndS) = abi.decode(signature64, (bytes32, uint256));
        return abi.encodePacked(r, yParityAndS ^ (1 << 255));
    }

    /// @notice A signature over `digest` with a given s, and the address that it is from. Nobody
    /// has that address' key: but for the bound on s, it is as good as any other.
    function craftSignature(bytes32 digest, uint256 s)
        internal
        pure
        returns (bytes memory signature64, address signer)
    {
        // The x coordinate of the curve's generator.
        bytes32 r = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
        signature64 = abi.encodePacked(r, s);
        signer = ecrecover(digest, 27, r, bytes32(s));
    }

    /// @notice The packed fields of a trade, without its signature.
    function packTerms(Trade memory trade) internal pure returns (bytes memory) {
        return abi.encodePacked(
            trade.producer,
            trade.offerId,
            trade.amountWei,
            trade.energyWh,
            trade.nonce,
            trade.expirySeconds,
            trade.meterKey,
            trade.deliveredWh
        );
    }

    /// @notice One item of a batch, signed by its consumer.
    function packItem(bytes32 separator, Trade memory trade) internal pure returns (bytes memory) {
        bytes memory signature = signCompact(trade.consumerKey, ctpDigest(separator, trade));
        return bytes.concat(packTerms(trade), signature);
    }

    /// @notice Votes of the first `count` keys, in order.
    function packVotes(uint256[] memory keys, uint256 count, bytes32 digest)
        internal
        pure
        returns (bytes memory votes)
    {
        for (uint256 i = 0; i < count; i++) {
            votes = bytes.concat(votes, packVote(uint8(i), keys[i], digest));
        }
    }

    function packVote(uint8 memberIndex, uint256 key, bytes32 digest)
        internal
        pure
        returns (bytes memory)
    {
        return bytes.concat(bytes1(memberIndex), signCompact(key, digest));
    }

    /// @notice Epoch ends of the first `count` keys, in order.
    function signEnds(bytes32 separator, uint256[] memory keys, uint256 count, uint32 epoch)
        internal
        pure
        returns (EpochEndVote[] memory ends)
    {
        ends = new EpochEndVote[](count);
        for (uint256 i = 0; i < count; i++) {
            bytes32 votesRoot = keccak256(abi.encode("votes", epoch, i));
            bytes32 digest = epochEndDigest(separator, epoch, votesRoot);
            ends[i] = EpochEndVote(uint8(i), votesRoot, signCompact(keys[i], digest));
        }
    }
}
