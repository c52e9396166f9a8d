// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvalidVote, UnknownMember, VoteOutOfOrder} from "../src/CommitteeVotes.sol";
import {
    EpochTooOld,
    InvalidHoldVotesLength,
    InvalidVotePath,
    UnknownEpoch
} from "../src/HoldCertificate.sol";
import {Market} from "../src/Market.sol";
import {Proof} from "./support/ProofSigning.sol";
import {ProofFixture} from "./support/ProofFixture.sol";
import {Trade} from "./support/Trade.sol";

/// @title A trade's proof needs exactly a quorum of its epoch, in order, for this very trade.
contract HoldCertificateTest is ProofFixture {
    bytes32[] private noSiblings;
    bytes32 private ctpId;
    Proof private sound;

    function setUp() public override {
        super.setUp();
        ctpId = ctpIdOf(separator, meteredTrade(0));
        sound = proofOf(meteredTrade(0));
    }

    function test_hold_ofAnyQuorumInOrder_counts() public {
        for (uint8 left = 0; left < 4; left++) {
            ctpId = ctpIdOf(separator, meteredTrade(left));
            Proof memory proof = proofOf(meteredTrade(left));
            proof.votes = "";
            for (uint8 i = 0; i < 4; i++) {
                if (i != left) proof.votes = bytes.concat(proof.votes, voteOf(i));
            }
            send(proof);
        }
        vm.assertEq(balanceOf(producer), 4 * AMOUNT, "paid");
    }

    function test_hold_votesTooFewOrTooMany_refused() public {
        bytes memory two = bytes.concat(voteOf(0), voteOf(1));
        expectVotesRefused(lengthError(0, 67), "");
        expectVotesRefused(lengthError(66, 67), new bytes(66));
        expectVotesRefused(lengthError(2 * 67, 3 * 67), two);
        expectVotesRefused(lengthError(3 * 67 - 1, 3 * 67), bytes.concat(two, new bytes(66)));
        bytes memory three = bytes.concat(two, voteOf(2));
        expectVotesRefused(lengthError(4 * 67, 3 * 67), bytes.concat(three, voteOf(3)));
        expectVotesRefused(lengthError(3 * 67 + 1, 3 * 67), bytes.concat(three, hex"00"));
    }

    /// A vote that lies in the call's data, but behind the end of the votes, is none.
    function test_hold_voteBehindTheEnd_refused() public {
        bytes memory data = abi.encodeCall(
            Market.settleWithProof,
            (1, sound.item, sound.votes, sound.measuredAtSeconds, sound.ercSignature64)
        );
        // The last byte of the votes' length: behind selector, five words, and the item.
        uint256 place = 4 + 5 * 32 + 32 + 160 + 31;
        vm.assertEq(uint8(data[place]), 3 * 67, "length");
        data[place] = bytes1(uint8(2 * 67));
        (bool isDone, bytes memory reason) = address(market).call(data);
        vm.assertTrue(!isDone, "refused");
        vm.assertEq(keccak256(reason), keccak256(lengthError(2 * 67, 3 * 67)), "reason");
    }

    function test_hold_votesRepeatedOrOutOfOrder_refused() public {
        expectVotesRefused(
            abi.encodeWithSelector(VoteOutOfOrder.selector, uint256(1)),
            bytes.concat(voteOf(0), voteOf(1), voteOf(1))
        );
        expectVotesRefused(
            abi.encodeWithSelector(VoteOutOfOrder.selector, uint256(0)),
            bytes.concat(voteOf(1), voteOf(0), voteOf(2))
        );
    }

    function test_hold_voteOfAnUnknownMember_refused() public {
        uint8[2] memory strangers = [4, 255];
        for (uint256 i = 0; i < 2; i++) {
            bytes memory vote = signHoldVote(separator, 1, ctpId, strangers[i], memberKeys[3]);
            expectVotesRefused(
                abi.encodeWithSelector(UnknownMember.selector, uint256(strangers[i]), uint256(4)),
                bytes.concat(voteOf(0), voteOf(1), vote)
            );
        }
    }

    /// A slot of the committee that no member fills is no member, even for a signature of nobody.
    function test_hold_voteThatRecoversToNothing_refused() public {
        bytes memory nothing = new bytes(66);
        expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), hex"02", nothing));
        expectVotesRefused(
            abi.encodeWithSelector(UnknownMember.selector, uint256(200), uint256(4)),
            bytes.concat(voteOf(0), voteOf(1), hex"c8", nothing)
        );
    }

    /// Nor for what lay in memory before: the epoch's number, were it a member's address.
    function test_hold_voteThatRecoversToNothing_leavesNoSignerBehind() public {
        bytes32 place = bytes32(uint256(keccak256(abi.encode(uint256(1), uint256(6)))) + 1);
        vm.store(address(market), place, bytes32(uint256(1)));
        bytes memory nothing = packHoldVote(0, new bytes(64), 0, noSiblings);
        expectVotesRefused(voteError(0), bytes.concat(nothing, voteOf(1), voteOf(2)));
    }

    function test_hold_voteOfAnotherKey_refused() public {
        bytes memory vote = signHoldVote(separator, 1, ctpId, 2, memberKeys[3]);
        expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), vote));
    }

    function test_hold_voteWithFlippedParity_refused() public {
        bytes32 digest = holdVoteDigest(separator, 1, leafOf(ctpId));
        bytes memory flipped = flipParity(signCompact(memberKeys[2], digest));
        bytes memory vote = packHoldVote(2, flipped, 0, noSiblings);
        expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), vote));
    }

    /// P5: a member's signature in its second form, with s above half the order, is refused.
    function test_hold_voteWithLargeS_refused() public {
        bytes32 digest = holdVoteDigest(separator, 1, leafOf(ctpId));
        for (uint256 i = 2; i != 0; i--) {
            (bytes memory signature, address signer) = craftSignature(digest, LARGEST_S + i - 1);
            // The third member's place: after size and end of epoch 1.
            bytes32 place = bytes32(uint256(keccak256(abi.encode(uint256(1), uint256(6)))) + 3);
            vm.store(address(market), place, bytes32(uint256(uint160(signer))));
            Proof memory proof = sound;
            bytes memory vote = packHoldVote(2, signature, 0, noSiblings);
            proof.votes = bytes.concat(voteOf(0), voteOf(1), vote);
            if (i == 2) vm.expectRevert(voteError(2));
            send(proof);
        }
    }

    /// P5: votes hold for one Commit To Pay, epoch, market and chain.
    function test_hold_votesForAnother_refused() public {
        bytes32[4] memory digests = [
            holdVoteDigest(separator, 1, leafOf(ctpIdOf(separator, meteredTrade(1)))),
            holdVoteDigest(separator, 2, leafOf(ctpId)),
            holdVoteDigest(separatorOf(block.chainid, address(1)), 1, leafOf(ctpId)),
            holdVoteDigest(separatorOf(block.chainid + 1, address(market)), 1, leafOf(ctpId))
        ];
        for (uint256 i = 0; i < 4; i++) {
            bytes memory signature = signCompact(memberKeys[2], digests[i]);
            bytes memory vote = packHoldVote(2, signature, 0, noSiblings);
            expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), vote));
        }
    }

    /// No message of one kind is a message of another.
    function test_hold_votesOfAnotherKind_refused() public {
        bytes32 digest = epochEndDigest(separator, 1, leafOf(ctpId));
        bytes memory vote = packHoldVote(2, signCompact(memberKeys[2], digest), 0, noSiblings);
        expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), vote));
    }

    /// Under load one signature serves up to 64: each member may have batched otherwise.
    function test_hold_votesOverBatches_count() public {
        for (uint32 nonce = 0; nonce < 7; nonce++) {
            ctpId = ctpIdOf(separator, meteredTrade(nonce));
            Proof memory proof = proofOf(meteredTrade(nonce));
            uint256 height = nonce;
            proof.votes = bytes.concat(
                voteOver(0, 0, height),
                voteOver(1, (1 << height) - 1, height),
                voteOver(3, 0, 6 - height)
            );
            send(proof);
        }
        vm.assertEq(balanceOf(producer), 7 * AMOUNT, "paid");
    }

    function testFuzz_hold_anyPath_counts(uint256 seed) public {
        bytes memory votes;
        for (uint8 i = 0; i < 3; i++) {
            uint256 height = (seed >> (16 * i)) % 7;
            uint256 index = (seed >> (16 * i + 8)) % (1 << height);
            votes = bytes.concat(votes, voteOver(i, index, height));
        }
        Proof memory proof = sound;
        proof.votes = votes;
        send(proof);
        vm.assertEq(balanceOf(producer), AMOUNT, "paid");
    }

    function test_hold_pathTooHigh_refused() public {
        expectVotesRefused(
            abi.encodeWithSelector(InvalidVotePath.selector, uint256(1), uint256(0), uint256(7)),
            bytes.concat(voteOf(0), voteOver(1, 0, 7), voteOf(2))
        );
        // Heights that the votes are too short for.
        bytes memory vote = voteOf(2);
        vote[66] = 0x01;
        expectVotesRefused(
            lengthError(3 * 67, 3 * 67 + 32), bytes.concat(voteOf(0), voteOf(1), vote)
        );
        vote[66] = 0xff;
        expectVotesRefused(
            lengthError(3 * 67, 3 * 67 + 255 * 32), bytes.concat(voteOf(0), voteOf(1), vote)
        );
    }

    /// An index beyond the tree would let one path be written in many ways.
    function test_hold_pathIndexBeyondTheTree_refused() public {
        for (uint256 height = 0; height <= 6; height++) {
            uint256 index = 1 << height;
            expectVotesRefused(
                abi.encodeWithSelector(InvalidVotePath.selector, uint256(2), index, height),
                bytes.concat(voteOf(0), voteOf(1), voteOver(2, index, height))
            );
        }
    }

    function test_hold_pathOfAnotherPlace_refused() public {
        bytes32[] memory siblings = siblingsFor(2, 2);
        bytes32 root = rootOfPath(ctpId, 1, siblings);
        bytes memory signature = signCompact(memberKeys[2], holdVoteDigest(separator, 1, root));
        bytes memory vote = packHoldVote(2, signature, 2, siblings);
        expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), vote));
    }

    /// A node of a tree, whose children an attacker chose, is not a leaf.
    function test_hold_nodePassedAsLeaf_refused() public {
        bytes32[] memory siblings = siblingsFor(2, 1);
        bytes32 bare = keccak256(abi.encodePacked(ctpId, siblings[0]));
        bytes32[3] memory roots = [
            ctpId, // not hashed as a leaf
            bare, // neither leaf nor node has its prefix
            keccak256(abi.encodePacked(hex"01", ctpId, siblings[0]))
        ];
        for (uint256 i = 0; i < 3; i++) {
            bytes32 digest = holdVoteDigest(separator, 1, roots[i]);
            bytes memory signature = signCompact(memberKeys[2], digest);
            bytes memory vote = i == 0
                ? packHoldVote(2, signature, 0, noSiblings)
                : packHoldVote(2, signature, 0, siblings);
            expectVotesRefused(voteError(2), bytes.concat(voteOf(0), voteOf(1), vote));
        }
    }

    function test_hold_ofAnUnknownEpoch_refused() public {
        uint32[3] memory epochs = [0, 2, type(uint32).max];
        for (uint256 i = 0; i < 3; i++) {
            Proof memory proof = makeProof(separator, epochs[i], memberKeys, meteredTrade(0));
            bytes memory reason = abi.encodeWithSelector(UnknownEpoch.selector, epochs[i]);
            expectRefused(reason, proof);
            expectDeclineRefused(producer, reason, declineIn(epochs[i], meteredTrade(0)));
        }
    }

    /// P3: the end of an epoch takes no live hold from anybody.
    function test_hold_ofAnEndedEpoch_countsUntilNoHoldCanBeLive() public {
        uint256[] memory oldKeys = memberKeys;
        openEpochWith(makeKeys(0x4000, 7));
        uint256 until = uint256(START) + LIFE + GRACE;
        Trade memory trade = meteredTrade(0);
        trade.expirySeconds = uint40(until + 1);
        vm.warp(until + 1);
        expectRefused(
            abi.encodeWithSelector(EpochTooOld.selector, uint32(1), until),
            makeProof(separator, 1, oldKeys, trade)
        );
        vm.warp(until);
        send(makeProof(separator, 1, oldKeys, trade));
        vm.assertEq(balanceOf(producer), AMOUNT, "paid");
        // And the new committee certifies as well.
        trade = meteredTrade(1);
        trade.expirySeconds = uint40(until);
        prove(trade);
        vm.assertEq(balanceOf(producer), 2 * AMOUNT, "paid");
    }

    function test_hold_ofAnEndedEpoch_declinesUntilNoHoldCanBeLive() public {
        uint256[] memory oldKeys = memberKeys;
        openEpochWith(makeKeys(0x4000, 7));
        uint256 until = uint256(START) + LIFE + GRACE;
        Trade memory trade = meteredTrade(0);
        trade.expirySeconds = uint40(until + 1);
        trade.deliveredWh = 0;
        Proof memory proof = makeProof(separator, 1, oldKeys, trade);
        vm.warp(until + 1);
        bytes memory reason = abi.encodeWithSelector(EpochTooOld.selector, uint32(1), until);
        expectDeclineRefused(producer, reason, proof);
        vm.warp(until);
        sendDecline(producer, proof);
        vm.assertEq(stateOf(consumer).nonceBitmap, 1, "used");
    }

    /// The keys of one epoch certify nothing in another.
    function test_hold_ofOneEpochByTheOther_refused() public {
        uint256[] memory oldKeys = memberKeys;
        openEpochWith(makeKeys(0x4000, 4));
        expectRefused(voteError(0), makeProof(separator, 2, oldKeys, meteredTrade(0)));
        expectRefused(voteError(0), makeProof(separator, 1, memberKeys, meteredTrade(0)));
        expectRefused(voteError(0), relabelled(1, proofOf(meteredTrade(0))));
    }

    function test_hold_ofCommitteesOfOtherSizes_counts() public {
        // The largest is what a one-byte index can name.
        uint256[3] memory sizes = [uint256(1), 7, 256];
        for (uint256 i = 0; i < 3; i++) {
            memberKeys = makeKeys(0x3000, sizes[i]);
            market = deployMarket(defaultOptions(), memberKeys);
            separator = market.domainSeparator();
            fund(consumer, AMOUNT);
            prove(meteredTrade(0));
            vm.assertEq(balanceOf(producer), AMOUNT, "paid");
        }
    }

    function voteOf(uint8 memberIndex) private view returns (bytes memory) {
        return signHoldVote(separator, 1, ctpId, memberIndex, memberKeys[memberIndex]);
    }

    /// @notice A vote over a tree of 2^height leaves of which the one at `index` is this trade's.
    function voteOver(uint8 memberIndex, uint256 index, uint256 height)
        private
        view
        returns (bytes memory)
    {
        bytes32[] memory siblings = siblingsFor(memberIndex, height);
        bytes32 digest = holdVoteDigest(separator, 1, rootOfPath(ctpId, index, siblings));
        bytes memory signature = signCompact(memberKeys[memberIndex], digest);
        return packHoldVote(memberIndex, signature, uint8(index), siblings);
    }

    function siblingsFor(uint256 salt, uint256 height)
        private
        pure
        returns (bytes32[] memory siblings)
    {
        siblings = new bytes32[](height);
        for (uint256 i = 0; i < height; i++) {
            siblings[i] = keccak256(abi.encode("sibling", salt, i));
        }
    }

    function declineIn(uint32 epoch, Trade memory trade) private view returns (Proof memory) {
        trade.deliveredWh = 0;
        return makeProof(separator, epoch, memberKeys, trade);
    }

    function relabelled(uint32 epoch, Proof memory proof) private pure returns (Proof memory) {
        proof.epoch = epoch;
        return proof;
    }

    function expectVotesRefused(bytes memory reason, bytes memory votes) private {
        Proof memory proof = sound;
        proof.votes = votes;
        expectRefused(reason, proof);
        Proof memory declined = declineProof(meteredTrade(0));
        declined.votes = votes;
        expectDeclineRefused(producer, reason, declined);
    }

    function lengthError(uint256 length, uint256 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(InvalidHoldVotesLength.selector, length, expected);
    }

    function voteError(uint256 memberIndex) private pure returns (bytes memory) {
        return abi.encodeWithSelector(InvalidVote.selector, memberIndex);
    }
}
