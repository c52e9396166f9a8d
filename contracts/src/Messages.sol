// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The typed messages (EIP-712) that a market checks.
library Messages {
    bytes32 internal constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 internal constant CTP_TYPEHASH = keccak256(
        "Ctp(address producer,uint64 offerId,uint96 amountWei,uint32 energyWh,uint32 nonce,"
        "uint40 expirySeconds,address meterKey)"
    );
    bytes32 internal constant HOLD_VOTE_TYPEHASH =
        keccak256("HoldVote(uint32 epoch,bytes32 ctpsRoot)");
    bytes32 internal constant ERC_TYPEHASH =
        keccak256("Erc(bytes32 ctpId,uint32 deliveredWh,uint40 measuredAtSeconds)");
    bytes32 internal constant SETTLEMENT_TYPEHASH =
        keccak256("Settlement(uint32 epoch,uint64 sequence,bytes32 itemsHash,address beneficiary)");
    bytes32 internal constant EPOCH_END_TYPEHASH =
        keccak256("EpochEnd(uint32 epoch,bytes32 votesRoot)");
    bytes32 internal constant GOVERNANCE_TYPEHASH =
        keccak256("Governance(uint32 epoch,uint64 sequence,bytes call)");
    bytes32 internal constant ENERGY_ACCOUNT_CERTIFICATE_TYPEHASH =
        keccak256("EnergyAccountCertificate(address account,uint40 notAfterSeconds)");

    function domainSeparator(uint256 chainId, address market) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(DOMAIN_TYPEHASH, keccak256("SPB"), keccak256("1"), chainId, market)
            );
    }

    function settlement(uint32 epoch, uint64 sequence, bytes32 itemsHash, address beneficiary)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(SETTLEMENT_TYPEHASH, epoch, sequence, itemsHash, beneficiary));
    }

    function epochEnd(uint32 epoch, bytes32 votesRoot) internal pure returns (bytes32) {
        return keccak256(abi.encode(EPOCH_END_TYPEHASH, epoch, votesRoot));
    }

    function governance(uint32 epoch, uint64 sequence, bytes memory call)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(GOVERNANCE_TYPEHASH, epoch, sequence, keccak256(call)));
    }

    function energyAccountCertificate(address account, uint40 notAfterSeconds)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ENERGY_ACCOUNT_CERTIFICATE_TYPEHASH, account, notAfterSeconds));
    }

    /// @notice What is signed: the struct's hash under the domain of one market on one chain.
    function digest(bytes32 separator, bytes32 structHash) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            // 0x1901 ‖ separator ‖ structHash, laid out from 0x18 on. The last word reaches into
            // the free memory pointer's upper bytes, which are zero and are set so again.
            mstore(0x00, 0x1901000000000000)
            mstore(0x1a, separator)
            mstore(0x3a, structHash)
            hash := keccak256(0x18, 0x42)
            mstore(0x3a, 0)
        }
    }
}
