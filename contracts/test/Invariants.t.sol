// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketActors} from "./support/MarketActors.sol";
import {MarketFixture} from "./support/MarketFixture.sol";

/// @title What no sequence of calls breaks.
contract InvariantsTest is MarketFixture {
    MarketActors private actors;
    address[] private targets;

    function setUp() public override {
        super.setUp();
        market = deployMarket(withoutBurn(), memberKeys);
        actors = new MarketActors(market, memberKeys);
        targets.push(address(actors));
    }

    /// @notice Forge calls the actors, and nothing else.
    function targetContracts() external view returns (address[] memory) {
        return targets;
    }

    /// P7: the balances together are what came in less what went out, to the wei.
    function invariant_money_isConserved() public view {
        uint256 expected = actors.depositedWei() - actors.withdrawnWei();
        vm.assertEq(actors.sumOfBalances(), expected, "balances");
        vm.assertEq(address(market).balance, expected + actors.forcedWei(), "ether");
    }

    /// P5
    function invariant_trades_settleAtMostOnce() public view {
        vm.assertEq(actors.doubleSettlements(), 0, "double settlements");
    }

    /// P1
    function invariant_money_movesBySignatureOnly() public view {
        vm.assertEq(actors.unsignedDebits(), 0, "unsigned debits");
    }

    /// P3, P4: a part is settled, and a trade declined, by its producer alone.
    function invariant_claims_areTheirProducersOnly() public view {
        vm.assertEq(actors.claimsHurtByOthers(), 0, "claims hurt by others");
    }

    /// No household can change anything that is governed.
    function invariant_governed_staysAsItWas() public view {
        vm.assertEq(market.currentEpoch(), 1, "epoch");
        vm.assertEq(market.governanceSequence(), 0, "sequence");
        (address[] memory members, uint40 endedAt) = market.committeeOf(1);
        bytes32 expected = keccak256(abi.encode(addressesOf(memberKeys)));
        vm.assertEq(keccak256(abi.encode(members)), expected, "members");
        vm.assertEq(endedAt, 0, "not ended");
    }

    /// The runs do settle trades: an invariant over nothing would prove nothing.
    function test_actors_settle_doesSettle() public {
        for (uint256 i = 0; i < 5; i++) {
            actors.deposit(i, i, 3 ether);
        }
        for (uint256 i = 0; i < 20; i++) {
            actors.settle(uint256(keccak256(abi.encode(i))), i);
        }
        vm.assertGe(actors.settledTrades(), 5, "settled");
    }

    /// And they settle by proof and decline, old trades among them.
    function test_actors_proofs_doSettleAndDecline() public {
        for (uint256 i = 0; i < 5; i++) {
            actors.deposit(i, i, 3 ether);
        }
        for (uint256 i = 0; i < 60; i++) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            actors.prove(seed, seed >> 24);
            actors.decline(uint256(keccak256(abi.encode(seed))), i);
        }
        vm.assertGe(actors.provedTrades(), 5, "proved");
        vm.assertGe(actors.declinedTrades(), 5, "declined");
        vm.assertEq(actors.doubleSettlements() + actors.claimsHurtByOthers(), 0, "soundly");
    }
}
