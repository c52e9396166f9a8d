// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature} from "./CompactSignature.sol";
import {Committee, MarketState} from "./MarketState.sol";

/// @notice A committee has 3f + 1 members, and at most 256.
error InvalidCommitteeSize(uint256 size);
/// @notice No key belongs to the zero address.
error ZeroMember(uint256 memberIndex);
/// @notice One address is in the committee twice.
error RepeatedMember(address member);
/// @notice Not the current epoch.
error EpochNotCurrent(uint32 epoch, uint32 currentEpoch);
/// @notice Votes are 65 bytes each (member index, signature), and exactly a quorum of them.
error InvalidVotesLength(uint256 length, uint256 expectedLength);
/// @notice Votes come in strictly ascending order of their members' indexes.
error VoteOutOfOrder(uint256 memberIndex);
/// @notice The committee has no such member.
error UnknownMember(uint256 memberIndex, uint256 size);
/// @notice The signature is not this member's over this message.
error InvalidVote(uint256 memberIndex);

/// @title Committees and the votes of a quorum of them.
library CommitteeVotes {
    uint256 internal constant VOTE_LENGTH = 65;
    /// A member's index is one byte.
    uint256 internal constant LARGEST_SIZE = 256;

    /// @notice How many of `size` = 3f + 1 members decide: 2f + 1. No committee is empty.
    function quorum(uint256 size) internal pure returns (uint256) {
        unchecked {
            return size - (size - 1) / 3;
        }
    }

    /// @notice Stores the members of an epoch, and makes it the current one.
    function open(MarketState storage self, uint32 epoch, address[] memory members) internal {
        uint256 size = members.length;
        if (size % 3 != 1 || size > LARGEST_SIZE) revert InvalidCommitteeSize(size);
        for (uint256 i = 0; i < size; i++) {
            if (members[i] == address(0)) revert ZeroMember(i);
            for (uint256 j = 0; j < i; j++) {
                if (members[i] == members[j]) revert RepeatedMember(members[i]);
            }
        }
        Committee storage committee = self.committees[epoch];
        committee.size = uint16(size);
        for (uint256 i = 0; i < size; i++) {
            committee.members[i] = members[i];
        }
        self.currentEpoch = epoch;
    }

    /// @notice The committee of the current epoch and its size; every other epoch is refused.
    function current(MarketState storage self, uint32 epoch)
        internal
        view
        returns (Committee storage committee, uint256 size)
    {
        committee = self.committees[epoch];
        size = committee.size;
        if (size == 0 || committee.endedAtSeconds != 0) {
            revert EpochNotCurrent(epoch, self.currentEpoch);
        }
    }

    /// @notice Refuses what is not signed by a quorum of the current epoch's committee.
    function requireCurrentQuorum(
        MarketState storage self,
        uint32 epoch,
        bytes32 digest,
        bytes calldata votes
    ) internal view {
        (Committee storage committee, uint256 size) = current(self, epoch);
        requireQuorum(committee, size, digest, votes);
    }

    /// @notice Refuses votes that are not exactly a quorum's, in order, over `digest`.
    /// @param size The committee's: its caller has read it, and would pay for it again here.
    /// @param votes 65 bytes a vote: the member's index, then the signature (EIP-2098).
    function requireQuorum(
        Committee storage self,
        uint256 size,
        bytes32 digest,
        bytes calldata votes
    ) internal view {
        uint256 expectedLength = quorum(size) * VOTE_LENGTH;
        if (votes.length != expectedLength) {
            revert InvalidVotesLength(votes.length, expectedLength);
        }
        uint256 lowest = 0;
        for (uint256 place = 0; place != expectedLength;) {
            uint256 memberIndex;
            bytes32 r;
            uint256 yParityAndS;
            // The length was checked above: slices would check it three times a vote again.
            assembly ("memory-safe") {
                let vote := add(votes.offset, place)
                memberIndex := byte(0, calldataload(vote))
                r := calldataload(add(vote, 1))
                yParityAndS := calldataload(add(vote, 33))
            }
            requireVote(self, size, memberIndex, lowest, digest, r, yParityAndS);
            unchecked {
                lowest = memberIndex + 1;
                place += VOTE_LENGTH;
            }
        }
    }

    /// @notice Refuses a vote whose member is unknown, below `lowest` or not the signer.
    function requireVote(
        Committee storage self,
        uint256 size,
        uint256 memberIndex,
        uint256 lowest,
        bytes32 digest,
        bytes32 r,
        uint256 yParityAndS
    ) internal view {
        if (memberIndex < lowest) revert VoteOutOfOrder(memberIndex);
        if (memberIndex >= size) revert UnknownMember(memberIndex, size);
        // No member is the zero address, so a signature that recovers to nothing is refused here.
        if (CompactSignature.recover(digest, r, yParityAndS) != self.members[memberIndex]) {
            revert InvalidVote(memberIndex);
        }
    }
}
