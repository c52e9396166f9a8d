// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The contract could not be created, and gave no reason: salt and code were used before,
/// or the code is no init code.
error DeploymentFailed();

/// @title Deploys markets at addresses that a random salt makes unique across chains.
contract MarketFactory {
    /// @notice A contract was created here.
    event Deployed(address market);

    /// @notice Creates a contract with CREATE2.
    /// @param salt Random: two chains with one id must not hold markets of one address.
    /// @param initCode Creation code with the encoded constructor arguments.
    function deploy(bytes32 salt, bytes calldata initCode)
        external
        payable
        returns (address market)
    {
        bytes memory code = initCode;
        assembly ("memory-safe") {
            market := create2(callvalue(), add(code, 0x20), mload(code), salt)
            if iszero(market) {
                // Hand on the constructor's own reason, where it gave one.
                if returndatasize() {
                    let reason := mload(0x40)
                    returndatacopy(reason, 0, returndatasize())
                    revert(reason, returndatasize())
                }
            }
        }
        // An empty init code "creates" an account without code.
        if (market == address(0) || market.code.length == 0) revert DeploymentFailed();
        emit Deployed(market);
    }
}
