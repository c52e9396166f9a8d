// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A signature must be the 64 bytes of EIP-2098.
error InvalidSignatureLength(uint256 length);

/// @title 64-byte signatures (EIP-2098): r, then s with the parity of y in its highest bit.
/// @dev Never use a signature as an identifier.
library CompactSignature {
    uint256 internal constant LENGTH = 64;

    uint256 private constant S_MASK = (1 << 255) - 1;
    /// Half of the order of secp256k1: the second form of a signature, with s above it, is refused.
    uint256 private constant LARGEST_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice The signer of `digest`, or zero where the signature is no signature.
    function recover(bytes32 digest, bytes32 r, uint256 yParityAndS)
        internal
        view
        returns (address signer)
    {
        uint256 s = yParityAndS & S_MASK;
        if (s > LARGEST_S) return address(0);
        // Calling the precompile through Solidity's `ecrecover` costs about the same gas, but its
        // compact form needs shifts and a zeroed output word besides: this is the hot path.
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, digest)
            mstore(add(input, 0x20), add(27, shr(255, yParityAndS)))
            mstore(add(input, 0x40), r)
            mstore(add(input, 0x60), s)
            // A signature that recovers to nothing returns no data, and leaves the zero in place.
            mstore(0x00, 0)
            pop(staticcall(gas(), 1, input, 0x80, 0x00, 0x20))
            signer := mload(0x00)
        }
    }

    /// @notice The two words of a signature that came as bytes.
    function split(bytes calldata signature64)
        internal
        pure
        returns (bytes32 r, uint256 yParityAndS)
    {
        if (signature64.length != LENGTH) revert InvalidSignatureLength(signature64.length);
        return (bytes32(signature64), uint256(bytes32(signature64[32:])));
    }
}
