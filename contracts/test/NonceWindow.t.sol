// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountState} from "../src/Market.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {SettlementModel} from "./support/SettlementModel.sol";
import {Trade} from "./support/Trade.sol";

/// @title P5: the window of 64 nonces and how it slides.
contract NonceWindowTest is MarketFixture {
    uint96 private constant AMOUNT = 10_000;

    function setUp() public override {
        super.setUp();
        fund(consumer, 1 ether);
    }

    function test_nonce_insideTheWindow_anyOrder() public {
        vm.assertTrue(use(63), "63");
        vm.assertTrue(use(0), "0");
        vm.assertTrue(use(31), "31");
        vm.assertTrue(!use(63) && !use(0) && !use(31), "used");
        expectWindow(0, (1 << 63) | (1 << 31) | 1);
    }

    function test_nonce_justAboveTheWindow_slidesByOne() public {
        use(0);
        use(1);
        vm.assertTrue(use(64), "64");
        expectWindow(1, (1 << 63) | 1);
        vm.assertTrue(!use(0), "below the base");
        vm.assertTrue(!use(1), "still known");
        vm.assertTrue(use(2), "still free");
    }

    function test_nonce_farAboveTheWindow_forgetsAll() public {
        use(5);
        vm.assertTrue(use(1000), "1000");
        expectWindow(1000 - 63, 1 << 63);
        vm.assertTrue(!use(936), "below the base");
        vm.assertTrue(use(937), "the base");
    }

    function test_nonce_slideByExactlyTheWindow_forgetsAll() public {
        use(63);
        vm.assertTrue(use(127), "127");
        expectWindow(64, 1 << 63);
        vm.assertTrue(!use(63), "below");
        use(126);
        vm.assertTrue(use(189), "by 62");
        expectWindow(126, (1 << 63) | 3);
    }

    function test_nonce_largest_works() public {
        vm.assertTrue(use(type(uint32).max), "largest");
        expectWindow(type(uint32).max - 63, 1 << 63);
        vm.assertTrue(!use(type(uint32).max), "used");
        vm.assertTrue(use(type(uint32).max - 1), "the one before");
        vm.assertTrue(!use(0), "far below");
    }

    function test_nonce_skippedItem_doesNotSlide() public {
        vm.assertTrue(!settleOne(usualTrade(500, 2 ether)), "too expensive");
        expectWindow(0, 0);
    }

    /// A slide changes neither balance nor energy beside it.
    function test_nonce_slide_leavesTheRestOfTheSlot() public {
        bytes32 slot = keccak256(abi.encode(consumer, uint256(1)));
        uint256 account = (uint256(1 ether) << 160) | type(uint64).max;
        vm.store(address(market), slot, bytes32(account));
        vm.assertTrue(use(100), "settled");
        AccountState memory state = stateOf(consumer);
        vm.assertEq(state.balanceWei, 1 ether - AMOUNT, "balance");
        vm.assertEq(state.energyWh, type(uint64).max, "energy");
    }

    function testFuzz_nonce_anySequence_agreesWithTheModel(uint256 seed) public {
        SettlementModel model = new SettlementModel(GRACE, MINIMUM, FEE);
        model.fund(consumer, 1 ether);
        uint256 reach = 2 << (seed % 31);
        for (uint256 i = 0; i < 12; i++) {
            Trade memory trade =
                usualTrade(uint32(uint256(keccak256(abi.encode(seed, i))) % reach), AMOUNT);
            bool isExpected = model.settle(trade, consumer, beneficiary);
            vm.assertTrue(settleOne(trade) == isExpected, "settled");
        }
        expectWindow(model.nonceBase(consumer), model.nonceBitmap(consumer));
    }

    function use(uint32 nonce) private returns (bool) {
        return settleOne(usualTrade(nonce, AMOUNT));
    }

    function expectWindow(uint256 base, uint256 bitmap) private view {
        AccountState memory state = stateOf(consumer);
        vm.assertEq(state.nonceBase, base, "base");
        vm.assertEq(state.nonceBitmap, bitmap, "bitmap");
    }
}
