// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OnlyGovernance} from "../src/Governance.sol";
import {Market} from "../src/Market.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {EndTooNear, ZeroManufacturer, ZeroMeter} from "../src/Standings.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {Vm} from "./support/Vm.sol";

/// @title P6: whose meters are genuine, which the nodes read here.
contract StandingsTest is MarketFixture {
    uint40 private constant FOREVER = type(uint40).max;
    uint40 private constant NEAREST = START + LIFE;

    address private other = vm.addr(0xfad);
    address private meter = vm.addr(0x3e7e7);

    function test_manufacturer_ofTheConstructor_standsForever() public {
        vm.assertEq(market.manufacturerEnds(manufacturer), FOREVER, "trusted");
        vm.assertEq(market.manufacturerEnds(other), 0, "never");
        // The nodes read the events, from the first on.
        vm.recordLogs();
        deployMarket(defaultOptions(), memberKeys);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory log = logs[logs.length - 1];
        vm.assertEq(log.topics[0], MarketEvents.ManufacturerSet.selector, "event");
        vm.assertEq(log.topics[1], bytes32(uint256(uint160(manufacturer))), "manufacturer");
        vm.assertEq(abi.decode(log.data, (uint40)), FOREVER, "end");
    }

    function test_manufacturer_zeroInTheConstructor_refused() public {
        address[] memory nobody = new address[](1);
        bytes memory code = bytes.concat(
            vm.getCode("contracts/out/Market.sol/Market.json"),
            abi.encode(defaultOptions(), addressesOf(memberKeys), new address[](0), nobody)
        );
        vm.expectRevert(abi.encodeWithSelector(ZeroManufacturer.selector));
        createFrom(code);
    }

    function test_manufacturer_setByAQuorum_standsUntilThen() public {
        uint40[4] memory ends = [FOREVER, NEAREST + 1 days, NEAREST, FOREVER];
        for (uint256 i = 0; i < ends.length; i++) {
            vm.expectEmit(address(market));
            emit MarketEvents.ManufacturerSet(other, ends[i]);
            govern(abi.encodeCall(Market.setManufacturer, (other, ends[i])));
            vm.assertEq(market.manufacturerEnds(other), ends[i], "end");
        }
        vm.assertEq(market.manufacturerEnds(manufacturer), FOREVER, "the other's stays");
    }

    function test_meter_revokedByAQuorum_endsThen() public {
        vm.assertEq(market.meterEnds(meter), 0, "not revoked");
        uint40[3] memory ends = [NEAREST, NEAREST + 1 days, FOREVER];
        for (uint256 i = 0; i < ends.length; i++) {
            vm.expectEmit(address(market));
            emit MarketEvents.MeterRevoked(meter, ends[i]);
            govern(abi.encodeCall(Market.revokeMeter, (meter, ends[i])));
            vm.assertEq(market.meterEnds(meter), ends[i], "end");
        }
        vm.assertEq(market.manufacturerEnds(meter), 0, "no manufacturer");
    }

    /// P2, P3: whatever was certified up to now outlives no end that is set now.
    function test_end_nearerThanTheLongestLife_refused() public {
        uint40[4] memory ends = [0, 1, START, NEAREST - 1];
        for (uint256 i = 0; i < ends.length; i++) {
            bytes memory reason =
                abi.encodeWithSelector(EndTooNear.selector, ends[i], uint256(NEAREST));
            expectRefused(reason, abi.encodeCall(Market.setManufacturer, (other, ends[i])));
            expectRefused(reason, abi.encodeCall(Market.revokeMeter, (meter, ends[i])));
        }
        vm.warp(START + 1);
        expectRefused(
            abi.encodeWithSelector(EndTooNear.selector, NEAREST, uint256(NEAREST + 1)),
            abi.encodeCall(Market.setManufacturer, (manufacturer, NEAREST))
        );
        vm.assertEq(market.governanceSequence(), 0, "no sequence used");
        vm.assertEq(market.manufacturerEnds(manufacturer), FOREVER, "unchanged");
    }

    function testFuzz_end_ofAnyTime_followsTheRule(uint40 time, uint40 ends) public {
        vm.warp(time);
        bytes memory call = abi.encodeCall(Market.setManufacturer, (other, ends));
        bytes memory votes = governanceVotes(1, 0, call);
        (bool isDone,) =
            address(market).call(abi.encodeCall(Market.governance, (1, 0, call, votes)));
        vm.assertTrue(isDone == (ends >= uint256(time) + LIFE), "far enough");
    }

    function test_standing_ofTheZeroAddress_refused() public {
        expectRefused(
            abi.encodeWithSelector(ZeroManufacturer.selector),
            abi.encodeCall(Market.setManufacturer, (address(0), FOREVER))
        );
        expectRefused(
            abi.encodeWithSelector(ZeroMeter.selector),
            abi.encodeCall(Market.revokeMeter, (address(0), FOREVER))
        );
    }

    function test_standing_setByAnyone_refused() public {
        address[3] memory callers = [address(this), manufacturer, vm.addr(memberKeys[0])];
        for (uint256 i = 0; i < callers.length; i++) {
            bytes memory reason = abi.encodeWithSelector(OnlyGovernance.selector, callers[i]);
            vm.expectRevert(reason);
            vm.prank(callers[i]);
            market.setManufacturer(other, FOREVER);
            vm.expectRevert(reason);
            vm.prank(callers[i]);
            market.revokeMeter(meter, FOREVER);
        }
    }

    function expectRefused(bytes memory reason, bytes memory call) private {
        uint64 sequence = market.governanceSequence();
        bytes memory votes = governanceVotes(1, sequence, call);
        vm.expectRevert(reason);
        market.governance(1, sequence, call, votes);
    }
}
