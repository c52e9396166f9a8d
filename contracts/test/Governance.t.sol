// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvalidSignatureLength} from "../src/CompactSignature.sol";
import {
    EpochNotCurrent,
    InvalidCommitteeSize,
    InvalidVote,
    InvalidVotesLength,
    UnknownMember,
    VoteOutOfOrder
} from "../src/CommitteeVotes.sol";
import {
    EpochEndVote,
    InvalidEndsCount,
    OnlyGovernance,
    UngovernedCall,
    WrongGovernanceSequence,
    ZeroAuthority
} from "../src/Governance.sol";
import {Market} from "../src/Market.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {MarketFixture} from "./support/MarketFixture.sol";

/// @title There is no owner: a quorum governs, and nobody else.
contract GovernanceTest is MarketFixture {
    uint256[] private nextKeys;

    function setUp() public override {
        super.setUp();
        nextKeys = makeKeys(0x4000, 7);
    }

    function test_authority_setByAQuorum_isTrusted() public {
        vm.expectEmit(address(market));
        emit MarketEvents.AuthoritySet(consumer, true);
        govern(abi.encodeCall(Market.setAuthority, (consumer, true)));
        vm.assertTrue(market.isAuthority(consumer), "trusted");
        govern(abi.encodeCall(Market.setAuthority, (consumer, false)));
        vm.assertTrue(!market.isAuthority(consumer), "no longer");
        vm.assertEq(market.governanceSequence(), 2, "sequence");
    }

    function test_authority_zero_refusedAndSequenceKept() public {
        bytes memory call = abi.encodeCall(Market.setAuthority, (address(0), true));
        expectRefused(abi.encodeWithSelector(ZeroAuthority.selector), call);
        vm.assertEq(market.governanceSequence(), 0, "sequence");
    }

    function test_governed_calledByAnyone_refused() public {
        address[4] memory callers = [address(this), authority, vm.addr(memberKeys[0]), address(0)];
        for (uint256 i = 0; i < callers.length; i++) {
            bytes memory reason = abi.encodeWithSelector(OnlyGovernance.selector, callers[i]);
            vm.expectRevert(reason);
            vm.prank(callers[i]);
            market.setAuthority(callers[i], true);
            vm.expectRevert(reason);
            vm.prank(callers[i]);
            market.openEpoch(new address[](1), new EpochEndVote[](0));
        }
    }

    /// Nothing but the four governed calls can be made in the market's own name.
    function test_governance_ofAnyOtherCall_refused() public {
        bytes[8] memory calls = [
            bytes(""),
            hex"00",
            abi.encodeCall(Market.withdraw, ()),
            abi.encodeCall(Market.requestWithdrawal, (1)),
            abi.encodeCall(Market.fixPayout, (consumer)),
            abi.encodeCall(Market.governance, (1, 0, "", "")),
            abi.encodeCall(Market.settleWithProof, (1, "", "", 0, "")),
            abi.encodeCall(Market.decline, (1, "", ""))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            expectRefused(
                abi.encodeWithSelector(UngovernedCall.selector, bytes4(calls[i])), calls[i]
            );
        }
    }

    function test_governance_malformedArguments_refused() public {
        bytes memory call = abi.encodePacked(Market.setAuthority.selector);
        bytes memory votes = governanceVotes(1, 0, call);
        vm.expectRevert();
        market.governance(1, 0, call, votes);
        vm.assertEq(market.governanceSequence(), 0, "sequence");
    }

    function test_governance_withoutAQuorum_refused() public {
        bytes memory call = abi.encodeCall(Market.setAuthority, (consumer, true));
        bytes32 digest = governanceDigest(separator, 1, 0, call);
        bytes memory two = packVotes(memberKeys, 2, digest);
        vm.expectRevert(
            abi.encodeWithSelector(InvalidVotesLength.selector, uint256(130), uint256(195))
        );
        market.governance(1, 0, call, two);
        bytes memory forged = bytes.concat(two, packVote(2, 0xbad, digest));
        vm.expectRevert(abi.encodeWithSelector(InvalidVote.selector, uint256(2)));
        market.governance(1, 0, call, forged);
    }

    /// P5: a message is applied once, in its turn, as it was signed, in its market and chain.
    function test_governance_replayed_refused() public {
        bytes memory call = abi.encodeCall(Market.setAuthority, (consumer, true));
        bytes memory votes = governanceVotes(1, 0, call);
        Market other = deployMarket(defaultOptions(), memberKeys);
        bytes memory invalid = abi.encodeWithSelector(InvalidVote.selector, uint256(0));
        vm.expectRevert(invalid);
        other.governance(1, 0, call, votes);
        bytes memory otherCall = abi.encodeCall(Market.setAuthority, (consumer, false));
        vm.expectRevert(invalid);
        market.governance(1, 0, otherCall, votes);
        market.governance(1, 0, call, votes);
        expectSequenceError(0, 1, call, votes);
        vm.expectRevert(invalid);
        market.governance(1, 1, call, votes);
    }

    function test_governance_aheadOfItsTurn_refused() public {
        bytes memory call = abi.encodeCall(Market.setAuthority, (consumer, true));
        expectSequenceError(1, 0, call, governanceVotes(1, 1, call));
    }

    function test_epoch_openedByAQuorum_changesTheCommittee() public {
        vm.warp(START + 1 days);
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, 3, 1);
        address[] memory members = addressesOf(nextKeys);
        vm.expectEmit(address(market));
        emit MarketEvents.EpochEnded(1, ends);
        vm.expectEmit(address(market));
        emit MarketEvents.EpochOpened(2, members);
        govern(abi.encodeCall(Market.openEpoch, (members, ends)));

        vm.assertEq(market.currentEpoch(), 2, "epoch");
        (address[] memory now_, uint40 endedAt) = market.committeeOf(2);
        vm.assertEq(keccak256(abi.encode(now_)), keccak256(abi.encode(members)), "members");
        vm.assertEq(endedAt, 0, "serving");
        // Certificates of the old epoch must stay checkable.
        (now_, endedAt) = market.committeeOf(1);
        bytes32 old = keccak256(abi.encode(addressesOf(memberKeys)));
        vm.assertEq(keccak256(abi.encode(now_)), old, "old members");
        vm.assertEq(endedAt, START + 1 days, "ended");
    }

    function test_epoch_ended_settlesAndGovernsNoMore() public {
        fund(consumer, 1 ether);
        bytes memory items = packItem(separator, usualTrade(0, 10_000));
        bytes memory votes = settlementVotes(1, 1, beneficiary, items);
        openNext();
        bytes memory reason;
        reason = abi.encodeWithSelector(EpochNotCurrent.selector, uint32(1), uint32(2));
        vm.expectRevert(reason);
        market.settle(1, 1, beneficiary, 0, items, votes);
        bytes memory call = abi.encodeCall(Market.setAuthority, (consumer, true));
        votes = governanceVotes(1, 1, call);
        vm.expectRevert(reason);
        market.governance(1, 1, call, votes);
        memberKeys = nextKeys;
        vm.assertEq(settleItems(items), 1, "the new committee settles");
        govern(call);
        vm.assertTrue(market.isAuthority(consumer), "and governs");
    }

    function test_epoch_nextCommitteeUnsound_refused() public {
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, 3, 1);
        bytes memory call = abi.encodeCall(Market.openEpoch, (new address[](2), ends));
        expectRefused(abi.encodeWithSelector(InvalidCommitteeSize.selector, uint256(2)), call);
        vm.assertEq(market.currentEpoch(), 1, "epoch");
    }

    function test_epoch_endsFewerOrMoreThanAQuorum_refused() public {
        for (uint256 count = 0; count < 5; count++) {
            if (count == 3) continue;
            expectEndsRefused(
                abi.encodeWithSelector(InvalidEndsCount.selector, count, uint256(3)),
                signEnds(separator, memberKeys, count, 1)
            );
        }
    }

    function test_epoch_endsOutOfOrder_refused() public {
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, 3, 1);
        (ends[0], ends[1]) = (ends[1], ends[0]);
        expectEndsRefused(abi.encodeWithSelector(VoteOutOfOrder.selector, uint256(0)), ends);
        ends[0] = ends[1];
        expectEndsRefused(abi.encodeWithSelector(VoteOutOfOrder.selector, uint256(0)), ends);
    }

    function test_epoch_endsNotOfMembers_refused() public {
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, 3, 1);
        ends[2].memberIndex = 4;
        expectEndsRefused(
            abi.encodeWithSelector(UnknownMember.selector, uint256(4), uint256(4)), ends
        );
        ends[2].memberIndex = 3;
        expectEndsRefused(abi.encodeWithSelector(InvalidVote.selector, uint256(3)), ends);
        ends[2].memberIndex = 2;
        ends[2].votesRoot = keccak256("another");
        expectEndsRefused(abi.encodeWithSelector(InvalidVote.selector, uint256(2)), ends);
        ends[2].signature64 = new bytes(63);
        expectEndsRefused(
            abi.encodeWithSelector(InvalidSignatureLength.selector, uint256(63)), ends
        );
    }

    /// P5: ends of another epoch or market open nothing.
    function test_epoch_endsReplayed_refused() public {
        bytes memory reason = abi.encodeWithSelector(InvalidVote.selector, uint256(0));
        Market other = deployMarket(defaultOptions(), memberKeys);
        expectEndsRefused(reason, signEnds(other.domainSeparator(), memberKeys, 3, 1));
        expectEndsRefused(reason, signEnds(separator, memberKeys, 3, 2));
        // The same members serve on: their first ends do not end the second epoch too.
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, 3, 1);
        govern(abi.encodeCall(Market.openEpoch, (addressesOf(memberKeys), ends)));
        expectEndsRefused(reason, ends);
    }

    /// No message of one kind is a message of another.
    function test_governance_signedAsAnotherMessage_refused() public {
        bytes memory call = abi.encodeCall(Market.setAuthority, (consumer, true));
        bytes32 digest = settlementDigest(separator, 1, 0, call, address(0));
        bytes memory votes = packVotes(memberKeys, 3, digest);
        vm.expectRevert(abi.encodeWithSelector(InvalidVote.selector, uint256(0)));
        market.governance(1, 0, call, votes);
    }

    function openNext() private {
        EpochEndVote[] memory ends = signEnds(separator, memberKeys, 3, 1);
        govern(abi.encodeCall(Market.openEpoch, (addressesOf(nextKeys), ends)));
    }

    function expectEndsRefused(bytes memory reason, EpochEndVote[] memory ends) private {
        expectRefused(reason, abi.encodeCall(Market.openEpoch, (addressesOf(nextKeys), ends)));
    }

    function expectRefused(bytes memory reason, bytes memory call) private {
        uint32 epoch = market.currentEpoch();
        uint64 sequence = market.governanceSequence();
        bytes memory votes = governanceVotes(epoch, sequence, call);
        vm.expectRevert(reason);
        market.governance(epoch, sequence, call, votes);
    }

    function expectSequenceError(
        uint64 sequence,
        uint64 expected,
        bytes memory call,
        bytes memory votes
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(WrongGovernanceSequence.selector, sequence, expected)
        );
        market.governance(1, sequence, call, votes);
    }
}
