// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature} from "./CompactSignature.sol";
import {CommitteeVotes} from "./CommitteeVotes.sol";
import {MarketEvents} from "./MarketEvents.sol";
import {Committee, MarketState} from "./MarketState.sol";
import {Messages} from "./Messages.sol";

/// @notice A member's word that it votes no more, and the root of what it hands over.
struct EpochEndVote {
    uint8 memberIndex;
    bytes32 votesRoot;
    bytes signature64;
}

/// @notice Governance messages are applied one by one, in order.
error WrongGovernanceSequence(uint64 sequence, uint64 expectedSequence);
/// @notice Governance reaches `openEpoch`, `setAuthority`, `setManufacturer` and `revokeMeter`,
/// nothing else.
error UngovernedCall(bytes4 selector);
/// @notice Only `governance` may call this.
error OnlyGovernance(address caller);
/// @notice The next epoch needs exactly a quorum of ends of the current one.
error InvalidEndsCount(uint256 count, uint256 expectedCount);
/// @notice No authority is the zero address.
error ZeroAuthority();

/// @title What a quorum of the committee may change. There is no owner.
library Governance {
    using CommitteeVotes for MarketState;
    using CommitteeVotes for Committee;

    /// @notice Refuses a governance message that is not the next one or lacks its quorum.
    function authorize(
        MarketState storage self,
        bytes32 separator,
        uint32 epoch,
        uint64 sequence,
        bytes calldata call,
        bytes calldata votes
    ) internal {
        (Committee storage committee, uint256 size) = self.current(epoch);
        uint64 expectedSequence = self.governanceSequence;
        if (sequence != expectedSequence) {
            revert WrongGovernanceSequence(sequence, expectedSequence);
        }
        self.governanceSequence = expectedSequence + 1;
        bytes32 digest = Messages.digest(separator, Messages.governance(epoch, sequence, call));
        committee.requireQuorum(size, digest, votes);
    }

    /// @notice Ends the current epoch with a quorum's word and opens the next one.
    function openEpoch(
        MarketState storage self,
        bytes32 separator,
        address[] calldata members,
        EpochEndVote[] calldata ends
    ) internal {
        uint32 epoch = self.currentEpoch;
        Committee storage ending = self.committees[epoch];
        uint256 expectedCount = CommitteeVotes.quorum(ending.size);
        if (ends.length != expectedCount) revert InvalidEndsCount(ends.length, expectedCount);
        uint256 lowest = 0;
        for (uint256 i = 0; i < expectedCount; i++) {
            requireEnd(ending, separator, epoch, lowest, ends[i]);
            lowest = uint256(ends[i].memberIndex) + 1;
        }
        ending.endedAtSeconds = uint40(block.timestamp);
        self.open(epoch + 1, members);
        emit MarketEvents.EpochEnded(epoch, ends);
        emit MarketEvents.EpochOpened(epoch + 1, members);
    }

    function requireEnd(
        Committee storage ending,
        bytes32 separator,
        uint32 epoch,
        uint256 lowest,
        EpochEndVote calldata end
    ) private view {
        bytes32 digest = Messages.digest(separator, Messages.epochEnd(epoch, end.votesRoot));
        (bytes32 r, uint256 yParityAndS) = CompactSignature.split(end.signature64);
        ending.requireVote(ending.size, end.memberIndex, lowest, digest, r, yParityAndS);
    }

    /// @notice Lets an authority's certificates open energy accounts, or no longer.
    function setAuthority(MarketState storage self, address authority, bool isTrusted) internal {
        if (authority == address(0)) revert ZeroAuthority();
        self.isAuthority[authority] = isTrusted;
        emit MarketEvents.AuthoritySet(authority, isTrusted);
    }
}
