// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvalidCommitteeSize, RepeatedMember, ZeroMember} from "../src/CommitteeVotes.sol";
import {ZeroAuthority} from "../src/Governance.sol";
import {Market} from "../src/Market.sol";
import {DeploymentFailed, MarketFactory} from "../src/MarketFactory.sol";
import {GraceTooShort, InvalidWithdrawalDelay, MarketOptions} from "../src/MarketOptions.sol";
import {MarketFixture} from "./support/MarketFixture.sol";

/// @title What a market refuses to be, and how one comes to be.
contract DeploymentTest is MarketFixture {
    function test_market_newlyDeployed_tellsWhatWasFixed() public view {
        MarketOptions memory options = market.options();
        vm.assertEq(options.longestLifeSeconds, LIFE, "life");
        vm.assertEq(options.graceSeconds, GRACE, "grace");
        vm.assertEq(options.withdrawalDelaySeconds, DELAY, "delay");
        vm.assertEq(options.minimumAmountWei, MINIMUM, "minimum");
        vm.assertEq(options.feeWei, FEE, "fee");
        vm.assertEq(options.burnWei, BURN, "burn");
        vm.assertEq(market.currentEpoch(), 1, "epoch");
        vm.assertEq(market.governanceSequence(), 0, "sequence");
        vm.assertTrue(market.isAuthority(authority), "authority");
        vm.assertTrue(!market.isAuthority(address(this)), "no other authority");
        vm.assertEq(market.manufacturerEnds(manufacturer), type(uint40).max, "manufacturer");
        (address[] memory members, uint40 endedAt) = market.committeeOf(1);
        bytes32 expected = keccak256(abi.encode(addressesOf(memberKeys)));
        vm.assertEq(keccak256(abi.encode(members)), expected, "members");
        vm.assertEq(endedAt, 0, "not ended");
        (members, endedAt) = market.committeeOf(2);
        vm.assertEq(members.length + endedAt, 0, "no second epoch");
    }

    function test_committee_sizesOfThreeFPlusOne_accepted() public {
        for (uint256 size = 1; size <= 16; size += 3) {
            Market other = deployMarket(defaultOptions(), makeKeys(0x2000, size));
            (address[] memory members,) = other.committeeOf(1);
            vm.assertEq(members.length, size, "size");
        }
    }

    function test_committee_otherSizes_refused() public {
        uint256[7] memory sizes = [uint256(0), 2, 3, 5, 6, 8, 259];
        for (uint256 i = 0; i < sizes.length; i++) {
            uint256[] memory keys = makeKeys(0x2000, sizes[i]);
            expectRefused(
                abi.encodeWithSelector(InvalidCommitteeSize.selector, sizes[i]),
                initCode(defaultOptions(), addressesOf(keys), new address[](0))
            );
        }
    }

    function test_committee_zeroMember_refused() public {
        address[] memory members = addressesOf(memberKeys);
        members[2] = address(0);
        expectRefused(
            abi.encodeWithSelector(ZeroMember.selector, uint256(2)),
            initCode(defaultOptions(), members, new address[](0))
        );
    }

    function test_committee_repeatedMember_refused() public {
        address[] memory members = addressesOf(memberKeys);
        members[3] = members[1];
        expectRefused(
            abi.encodeWithSelector(RepeatedMember.selector, members[1]),
            initCode(defaultOptions(), members, new address[](0))
        );
    }

    function test_authority_zero_refused() public {
        expectRefused(
            abi.encodeWithSelector(ZeroAuthority.selector),
            initCode(defaultOptions(), addressesOf(memberKeys), new address[](1))
        );
    }

    /// P2: a withdrawal that could come before the end of a hold would take the hold's money.
    function test_withdrawalDelay_notAboveLifeAndGrace_refused() public {
        MarketOptions memory options = defaultOptions();
        options.withdrawalDelaySeconds = LIFE + GRACE;
        expectDelayRefused(options);
        options.withdrawalDelaySeconds = LIFE + GRACE + 1;
        deployMarket(options, memberKeys);
        options.longestLifeSeconds = type(uint40).max;
        options.graceSeconds = type(uint40).max;
        expectDelayRefused(options);
    }

    function test_grace_tooShortForABlock_refused() public {
        MarketOptions memory options = defaultOptions();
        options.graceSeconds = 9;
        bytes memory reason = abi.encodeWithSelector(GraceTooShort.selector, uint40(9), uint40(10));
        expectRefused(reason, usualCode(options));
        options.graceSeconds = 10;
        deployMarket(options, memberKeys);
    }

    function test_withdrawalDelay_beyondReason_refused() public {
        MarketOptions memory options = defaultOptions();
        options.withdrawalDelaySeconds = uint40(type(uint32).max) + 1;
        expectDelayRefused(options);
        options.withdrawalDelaySeconds = type(uint32).max;
        deployMarket(options, memberKeys);
    }

    /// P5: two chains with one id hold no markets of one address when the salt is random.
    function test_factory_deploy_createsAtPredictedAddress() public {
        MarketFactory factory = createFactory();
        bytes memory code = usualCode(defaultOptions());
        bytes32 salt = keccak256("salt");
        address expected = address(
            uint160(uint256(keccak256(abi.encodePacked(hex"ff", factory, salt, keccak256(code)))))
        );
        vm.expectEmit(address(factory));
        emit MarketFactory.Deployed(expected);
        address created = factory.deploy(salt, code);
        vm.assertEq(created, expected, "address");
        vm.assertEq(Market(created).currentEpoch(), 1, "a market");
        vm.assertEq(
            Market(created).domainSeparator(), separatorOf(block.chainid, created), "domain"
        );
    }

    function test_factory_sameSaltAndCode_refused() public {
        MarketFactory factory = createFactory();
        factory.deploy(0, usualCode(defaultOptions()));
        bytes memory code = usualCode(defaultOptions());
        vm.expectRevert(DeploymentFailed.selector);
        factory.deploy(0, code);
        factory.deploy(bytes32(uint256(1)), usualCode(defaultOptions()));
    }

    function test_factory_codeThatCreatesNothing_refused() public {
        MarketFactory factory = createFactory();
        vm.expectRevert(DeploymentFailed.selector);
        factory.deploy(0, "");
    }

    function test_factory_constructorReverts_handsOnReason() public {
        MarketFactory factory = createFactory();
        MarketOptions memory options = defaultOptions();
        options.withdrawalDelaySeconds = 0;
        bytes memory code = usualCode(options);
        vm.expectRevert(
            abi.encodeWithSelector(InvalidWithdrawalDelay.selector, uint40(0), LIFE, GRACE)
        );
        factory.deploy(0, code);
    }

    function test_factory_etherSent_goesToTheContractOrBack() public {
        MarketFactory factory = createFactory();
        // A constructor that takes ether and leaves one byte of code.
        address created = factory.deploy{value: 5}(0, hex"600160005360016000f3");
        vm.assertEq(created.balance, 5, "ether went along");
        bytes memory code = usualCode(defaultOptions());
        vm.expectRevert(DeploymentFailed.selector);
        factory.deploy{value: 5}(0, code);
    }

    function expectDelayRefused(MarketOptions memory options) private {
        expectRefused(
            abi.encodeWithSelector(
                InvalidWithdrawalDelay.selector,
                options.withdrawalDelaySeconds,
                options.longestLifeSeconds,
                options.graceSeconds
            ),
            usualCode(options)
        );
    }

    function expectRefused(bytes memory reason, bytes memory code) private {
        vm.expectRevert(reason);
        createFrom(code);
    }

    function usualCode(MarketOptions memory options) private view returns (bytes memory) {
        return initCode(options, addressesOf(memberKeys), new address[](0));
    }
}
