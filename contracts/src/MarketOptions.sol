// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What is fixed when a market is deployed.
/// @param longestLifeSeconds How far ahead a Commit To Pay may expire, judged by the nodes.
/// @param graceSeconds How long after its expiry a Commit To Pay can still be settled.
/// @param withdrawalDelaySeconds How long a requested withdrawal waits.
/// @param minimumAmountWei The smallest amount of a Commit To Pay that settles.
/// @param feeWei What a trade pays to the batch's beneficiary, at most its payment.
/// @param burnWei What opening an energy account without a certificate burns at least.
struct MarketOptions {
    uint40 longestLifeSeconds;
    uint40 graceSeconds;
    uint40 withdrawalDelaySeconds;
    uint96 minimumAmountWei;
    uint96 feeWei;
    uint96 burnWei;
}

/// @notice The withdrawal delay is not above longest life plus grace, or is beyond all reason.
error InvalidWithdrawalDelay(
    uint40 withdrawalDelaySeconds, uint40 longestLifeSeconds, uint40 graceSeconds
);

/// @notice There would be no time for a settlement to get into a block.
error GraceTooShort(uint40 graceSeconds, uint40 shortestSeconds);

/// @title Checks on the options of a market.
library Options {
    /// A bound that keeps `block.timestamp + delay` far inside 40 bits.
    uint40 internal constant LONGEST_DELAY_SECONDS = type(uint32).max;

    /// In its second half alone partial deliveries settle: a block has to fall into it.
    uint40 internal constant SHORTEST_GRACE_SECONDS = 10;

    /// @notice Refuses options under which a withdrawal could take money from a live hold, or
    /// under which nothing partial could ever settle.
    function requireSound(MarketOptions memory options) internal pure {
        if (options.graceSeconds < SHORTEST_GRACE_SECONDS) {
            revert GraceTooShort(options.graceSeconds, SHORTEST_GRACE_SECONDS);
        }
        uint256 longestHold = uint256(options.longestLifeSeconds) + options.graceSeconds;
        uint256 delay = options.withdrawalDelaySeconds;
        if (delay <= longestHold || delay > LONGEST_DELAY_SECONDS) {
            revert InvalidWithdrawalDelay(
                options.withdrawalDelaySeconds, options.longestLifeSeconds, options.graceSeconds
            );
        }
    }
}
