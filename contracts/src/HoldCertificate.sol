// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CommitteeVotes, InvalidVote, UnknownMember, VoteOutOfOrder} from "./CommitteeVotes.sol";
import {Committee, MarketState} from "./MarketState.sol";

/// @notice There is no such epoch, or none yet.
error UnknownEpoch(uint32 epoch);
/// @notice The epoch ended so long ago that no hold of its committee can be live.
error EpochTooOld(uint32 epoch, uint256 acceptedUntilSeconds);
/// @notice The votes end before a quorum of them does, or go on after it.
error InvalidHoldVotesLength(uint256 length, uint256 expectedLength);
/// @notice A vote covers up to 64 Commits To Pay, and its path leads from one of them.
error InvalidVotePath(uint256 memberIndex, uint256 index, uint256 height);

/// @title A quorum's votes that a Commit To Pay's money is reserved.
/// @notice A vote is packed into 67 bytes and its path: `memberIndex 1 ‖ r 32 ‖ yParityAndS 32 ‖
/// index 1 ‖ height 1 ‖ siblings 32 · height`. It is one signature over the root of a Merkle tree
/// of 1 to 64 identifiers; the path leads from this one to that root.
library HoldCertificate {
    uint256 internal constant VOTE_LENGTH = 67;
    uint256 internal constant LARGEST_HEIGHT = 6;

    uint256 private constant LARGEST_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Refuses votes that are not exactly a quorum's, in order, for the `ProvedTrade`. They
    /// are of the current epoch, or of one that ended at most `longestHoldSeconds` ago.
    function requireHeld(
        MarketState storage self,
        uint32 epoch,
        uint256 longestHoldSeconds,
        bytes calldata votes
    ) internal view {
        Committee storage committee = self.committees[epoch];
        uint256 size = committee.size;
        uint256 endedAtSeconds = committee.endedAtSeconds;
        if (size == 0) revert UnknownEpoch(epoch);
        if (endedAtSeconds != 0) {
            uint256 acceptedUntilSeconds = endedAtSeconds + longestHoldSeconds;
            if (block.timestamp > acceptedUntilSeconds) {
                revert EpochTooOld(epoch, acceptedUntilSeconds);
            }
        }
        requireQuorum(committee, size, votes);
    }

    /// @dev For the assembly and the places in memory see `ProvedTrade`. What counts is decided
    /// here; `refuse` but says what is wrong with the vote that does not.
    function requireQuorum(Committee storage self, uint256 size, bytes calldata votes)
        private
        view
    {
        uint256 missing = CommitteeVotes.quorum(size);
        uint256 lowest = 0;
        uint256 vote;
        assembly {
            vote := votes.offset
            for {} missing { missing := sub(missing, 1) } {
                let memberIndex := byte(0, calldataload(vote))
                // From `lowest` on, below `size`.
                if iszero(lt(sub(memberIndex, lowest), sub(size, lowest))) { break }
                let root := mload(0x3c0)
                let end := add(vote, VOTE_LENGTH)
                let path := shr(240, calldataload(add(vote, 65)))
                if path {
                    let height := and(path, 0xff)
                    path := shr(8, path)
                    if or(gt(height, LARGEST_HEIGHT), shr(height, path)) { break }
                    mstore(0x360, 0x01)
                    for {} height { height := sub(height, 1) } {
                        let isRight := shl(5, and(path, 1))
                        mstore(add(0x380, isRight), root)
                        mstore(sub(0x3a0, isRight), calldataload(end))
                        root := keccak256(0x37f, 0x41)
                        path := shr(1, path)
                        end := add(end, 0x20)
                    }
                }
                // Members mostly sign the same root: then its digest is there already.
                if xor(root, mload(0x240)) {
                    mstore(0x240, root)
                    mstore(0x2a0, keccak256(0x200, 0x60))
                    mstore(0x2e0, keccak256(0x27e, 0x42))
                }

                let s := calldataload(add(vote, 33))
                mstore(0x300, add(27, shr(255, s)))
                mstore(0x320, calldataload(add(vote, 1)))
                s := shr(1, shl(1, s))
                mstore(0x340, s)
                // A signature that recovers to nothing returns no data, and leaves the zero in
                // place. No member is zero.
                mstore(0x00, 0)
                pop(staticcall(gas(), 1, 0x2e0, 0x80, 0x00, 0x20))
                let member := sload(add(add(self.slot, 1), memberIndex))
                if or(gt(s, LARGEST_S), xor(mload(0x00), member)) { break }
                lowest := add(memberIndex, 1)
                vote := end
            }
            vote := sub(vote, votes.offset)
        }
        if (missing != 0) refuse(size, lowest, votes, vote);
        // Also where the last vote was read from beyond the votes' end.
        if (vote != votes.length) revert InvalidHoldVotesLength(votes.length, vote);
    }

    /// @notice Says what is wrong with the vote that begins at `place`.
    function refuse(uint256 size, uint256 lowest, bytes calldata votes, uint256 place)
        private
        pure
    {
        uint256 end = place + VOTE_LENGTH;
        if (end > votes.length) revert InvalidHoldVotesLength(votes.length, end);
        uint256 memberIndex = uint8(votes[place]);
        uint256 index = uint8(votes[end - 2]);
        uint256 height = uint8(votes[end - 1]);
        end += 32 * height;
        if (end > votes.length) revert InvalidHoldVotesLength(votes.length, end);
        if (height > LARGEST_HEIGHT || index >> height != 0) {
            revert InvalidVotePath(memberIndex, index, height);
        }
        if (memberIndex < lowest) revert VoteOutOfOrder(memberIndex);
        if (memberIndex >= size) revert UnknownMember(memberIndex, size);
        revert InvalidVote(memberIndex);
    }
}
