// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    EpochNotCurrent,
    InvalidVote,
    InvalidVotesLength,
    UnknownMember,
    VoteOutOfOrder
} from "../src/CommitteeVotes.sol";
import {Market} from "../src/Market.sol";
import {MarketFixture} from "./support/MarketFixture.sol";

/// @title A settlement needs exactly a quorum of the current committee, in order.
contract VotesTest is MarketFixture {
    uint96 private constant AMOUNT = 1_000_000;

    bytes private items;
    bytes32 private digest;

    function setUp() public override {
        super.setUp();
        fund(consumer, AMOUNT);
        items = packItem(separator, usualTrade(0, AMOUNT));
        digest = settlementDigest(separator, 1, 1, items, beneficiary);
    }

    function test_votes_ofAnyQuorumInOrder_settle() public {
        for (uint8 left = 0; left < 4; left++) {
            bytes memory votes;
            for (uint8 i = 0; i < 4; i++) {
                if (i != left) votes = bytes.concat(votes, voteOf(i));
            }
            market.settle(1, 1, beneficiary, 0, items, votes);
        }
        vm.assertEq(balanceOf(consumer), 0, "paid");
    }

    function test_votes_tooFewOrTooMany_refused() public {
        bytes memory two = bytes.concat(voteOf(0), voteOf(1));
        expectRefused(lengthError(0), "");
        expectRefused(lengthError(2 * 65), two);
        expectRefused(lengthError(3 * 65 - 1), bytes.concat(two, new bytes(64)));
        expectRefused(lengthError(4 * 65), bytes.concat(two, voteOf(2), voteOf(3)));
    }

    function test_votes_repeated_refused() public {
        expectRefused(
            abi.encodeWithSelector(VoteOutOfOrder.selector, uint256(1)),
            bytes.concat(voteOf(0), voteOf(1), voteOf(1))
        );
    }

    function test_votes_outOfOrder_refused() public {
        expectRefused(
            abi.encodeWithSelector(VoteOutOfOrder.selector, uint256(0)),
            bytes.concat(voteOf(1), voteOf(0), voteOf(2))
        );
    }

    function test_votes_ofAnUnknownMember_refused() public {
        expectRefused(
            abi.encodeWithSelector(UnknownMember.selector, uint256(4), uint256(4)),
            bytes.concat(voteOf(0), voteOf(1), packVote(4, memberKeys[3], digest))
        );
        expectRefused(
            abi.encodeWithSelector(UnknownMember.selector, uint256(255), uint256(4)),
            bytes.concat(voteOf(0), voteOf(1), packVote(255, memberKeys[3], digest))
        );
    }

    /// A slot of the committee that no member fills is no member, even for a signature of nobody.
    function test_votes_thatRecoverToNothing_refused() public {
        expectRefused(
            abi.encodeWithSelector(InvalidVote.selector, uint256(2)),
            bytes.concat(voteOf(0), voteOf(1), hex"02", new bytes(64))
        );
        expectRefused(
            abi.encodeWithSelector(UnknownMember.selector, uint256(200), uint256(4)),
            bytes.concat(voteOf(0), voteOf(1), hex"c8", new bytes(64))
        );
    }

    function test_votes_ofAnotherKey_refused() public {
        expectRefused(
            abi.encodeWithSelector(InvalidVote.selector, uint256(2)),
            bytes.concat(voteOf(0), voteOf(1), packVote(2, memberKeys[3], digest))
        );
    }

    function test_votes_withFlippedParity_refused() public {
        bytes memory flipped = flipParity(signCompact(memberKeys[2], digest));
        expectRefused(
            abi.encodeWithSelector(InvalidVote.selector, uint256(2)),
            bytes.concat(voteOf(0), voteOf(1), hex"02", flipped)
        );
    }

    /// A member's signature in its second form, with s above half the order, is refused.
    function test_votes_withLargeS_refused() public {
        for (uint256 i = 0; i < 2; i++) {
            (bytes memory signature, address signer) = craftSignature(digest, LARGEST_S + i);
            // The third member's place: after size and end of epoch 1.
            bytes32 place = bytes32(uint256(keccak256(abi.encode(uint256(1), uint256(6)))) + 3);
            vm.store(address(market), place, bytes32(uint256(uint160(signer))));
            bytes memory votes = bytes.concat(voteOf(0), voteOf(1), hex"02", signature);
            if (i == 1) {
                vm.expectRevert(abi.encodeWithSelector(InvalidVote.selector, uint256(2)));
            }
            market.settle(1, 1, beneficiary, 0, items, votes);
        }
    }

    /// Votes hold for one epoch, sequence, list of items and beneficiary.
    function test_votes_forOtherContents_refused() public {
        bytes memory votes = bytes.concat(voteOf(0), voteOf(1), voteOf(2));
        bytes memory reason = abi.encodeWithSelector(InvalidVote.selector, uint256(0));
        vm.expectRevert(reason);
        market.settle(1, 2, beneficiary, 0, items, votes);
        vm.expectRevert(reason);
        market.settle(1, 1, producer, 0, items, votes);
        bytes memory others = bytes.concat(items, items);
        vm.expectRevert(reason);
        market.settle(1, 1, beneficiary, 0, others, votes);
        market.settle(1, 1, beneficiary, keccak256("the submitter's own"), items, votes);
    }

    /// P5
    function test_votes_ofAnotherMarketOrChain_refused() public {
        Market other = deployMarket(defaultOptions(), memberKeys);
        bytes memory votes = bytes.concat(voteOf(0), voteOf(1), voteOf(2));
        bytes memory reason = abi.encodeWithSelector(InvalidVote.selector, uint256(0));
        vm.expectRevert(reason);
        other.settle(1, 1, beneficiary, 0, items, votes);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(reason);
        market.settle(1, 1, beneficiary, 0, items, votes);
    }

    function test_votes_forAnotherEpoch_refused() public {
        bytes memory votes = bytes.concat(voteOf(0), voteOf(1), voteOf(2));
        for (uint32 epoch = 0; epoch < 3; epoch += 2) {
            vm.expectRevert(abi.encodeWithSelector(EpochNotCurrent.selector, epoch, uint32(1)));
            market.settle(epoch, 1, beneficiary, 0, items, votes);
        }
    }

    function test_votes_ofACommitteeOfOne_settle() public {
        settleIn(makeKeys(0x3000, 1));
    }

    function test_votes_ofACommitteeOfSeven_settle() public {
        settleIn(makeKeys(0x3000, 7));
    }

    /// The largest committee that a one-byte index can name.
    function test_votes_ofTheLargestCommittee_settle() public {
        settleIn(makeKeys(0x3000, 256));
    }

    function settleIn(uint256[] memory keys) private {
        memberKeys = keys;
        market = deployMarket(defaultOptions(), keys);
        separator = market.domainSeparator();
        fund(consumer, AMOUNT);
        vm.assertTrue(settleOne(usualTrade(0, AMOUNT)), "settled");
    }

    function voteOf(uint8 memberIndex) private view returns (bytes memory) {
        return packVote(memberIndex, memberKeys[memberIndex], digest);
    }

    function lengthError(uint256 length) private pure returns (bytes memory) {
        return abi.encodeWithSelector(InvalidVotesLength.selector, length, uint256(3 * 65));
    }

    function expectRefused(bytes memory reason, bytes memory votes) private {
        vm.expectRevert(reason);
        market.settle(1, 1, beneficiary, 0, items, votes);
    }
}
