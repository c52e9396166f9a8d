// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountState} from "../src/Market.sol";
import {NonceUsed} from "../src/ProofSettlement.sol";
import {ProofFixture} from "./support/ProofFixture.sol";
import {SettlementModel} from "./support/SettlementModel.sol";
import {Trade} from "./support/Trade.sol";

/// @title P5: batch, proof and refusal race for a nonce, and one of them gets it.
contract ProofRacesTest is ProofFixture {
    uint256 private constant ACCOUNTS = 3;

    address private friend = vm.addr(0xf);

    function test_race_proofTwice_paidOnce() public {
        prove(meteredTrade(0));
        expectRefused(usedError(0), proofOf(meteredTrade(0)));
        expectRefusedAs(producer, usedError(0), proofOf(meteredTrade(0)));
        expectPaid(AMOUNT, 0);
    }

    function test_race_proofThenBatch_paidOnce() public {
        prove(meteredTrade(0));
        vm.assertTrue(!settleOne(meteredTrade(0)), "skipped");
        expectPaid(AMOUNT, 0);
    }

    function test_race_batchThenProof_paidOnce() public {
        vm.assertTrue(settleOne(meteredTrade(0)), "settled");
        expectRefused(usedError(0), proofOf(meteredTrade(0)));
        expectPaid(AMOUNT, FEE);
    }

    /// P3: the part that the nodes know of and the one that the producer has: whichever is first.
    function test_race_partsOfBothPaths_paidOnce() public {
        vm.warp(EXPIRY + GRACE / 2);
        vm.assertTrue(settleOne(partOf(0, 750)), "by the nodes");
        expectRefusedAs(producer, usedError(0), proofOf(partOf(0, 1200)));
        expectPaid(AMOUNT / 2, FEE);
        proveAs(producer, partOf(1, 1200));
        vm.assertTrue(!settleOne(partOf(1, 750)), "too late");
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT - AMOUNT / 2 - AMOUNT / 5 * 4, "consumer");
    }

    function test_race_declineThenOthers_nothingPaid() public {
        declineAs(producer, meteredTrade(0));
        vm.assertTrue(!settleOne(meteredTrade(0)), "skipped");
        expectRefusedAs(producer, usedError(0), proofOf(meteredTrade(0)));
        expectDeclineRefused(producer, usedError(0), declineProof(meteredTrade(0)));
        expectPaid(0, 0);
    }

    function test_race_othersThenDecline_paidOnce() public {
        vm.assertTrue(settleOne(meteredTrade(0)), "settled");
        prove(meteredTrade(1));
        expectDeclineRefused(producer, usedError(0), declineProof(meteredTrade(0)));
        expectDeclineRefused(producer, usedError(1), declineProof(meteredTrade(1)));
        expectPaid(2 * AMOUNT, FEE);
    }

    /// Even two certified Commits To Pay of one nonce, which no sound committee makes.
    function test_race_twoTradesOfOneNonce_oneIsPaid() public {
        Trade memory other = meteredTrade(0);
        other.producer = friend;
        prove(other);
        expectRefused(usedError(0), proofOf(meteredTrade(0)));
        expectDeclineRefused(producer, usedError(0), declineProof(meteredTrade(0)));
        vm.assertEq(balanceOf(consumer), 9 * AMOUNT, "paid once");
    }

    function test_race_insideABatch_paidOnce() public {
        prove(meteredTrade(1));
        vm.assertEq(settleTwo(meteredTrade(0), meteredTrade(1)), 1, "the first only");
        vm.assertEq(balanceOf(consumer), 8 * AMOUNT, "two trades");
    }

    /// The window slides as it does in a batch.
    function test_window_proofAboveIt_becomesItsLast() public {
        prove(meteredTrade(0));
        prove(meteredTrade(64));
        expectWindow(1, 1 << 63);
        expectRefused(usedError(0), proofOf(meteredTrade(0)));
        vm.assertTrue(!settleOne(meteredTrade(0)), "below the base");
        prove(meteredTrade(63));
        expectWindow(1, 3 << 62);
        prove(meteredTrade(1000));
        expectWindow(937, 1 << 63);
        expectRefused(usedError(936), proofOf(meteredTrade(936)));
        prove(meteredTrade(937));
        prove(meteredTrade(type(uint32).max));
        expectWindow(type(uint32).max - 63, 1 << 63);
        expectRefused(usedError(0), proofOf(meteredTrade(0)));
        expectRefused(usedError(type(uint32).max), proofOf(meteredTrade(type(uint32).max)));
        prove(meteredTrade(type(uint32).max - 1));
    }

    function test_window_declineAboveIt_becomesItsLast() public {
        declineAs(producer, meteredTrade(3));
        declineAs(producer, meteredTrade(65));
        expectWindow(2, (1 << 63) | 2);
        expectDeclineRefused(producer, usedError(1), declineProof(meteredTrade(1)));
        declineAs(producer, meteredTrade(2));
    }

    function test_window_refusedProof_doesNotSlide() public {
        Trade memory trade = meteredTrade(500);
        trade.amountWei = 20 * AMOUNT;
        vm.assertTrue(!trySend(producer, proofOf(trade)), "too expensive");
        expectWindow(0, 0);
    }

    /// A slide changes neither balance nor energy beside it.
    function test_window_slide_leavesTheRestOfTheSlot() public {
        bytes32 slot = keccak256(abi.encode(consumer, uint256(1)));
        uint256 account = (uint256(1 ether) << 160) | type(uint64).max;
        vm.store(address(market), slot, bytes32(account));
        prove(meteredTrade(100));
        vm.assertEq(balanceOf(consumer), 1 ether - AMOUNT, "balance");
        vm.assertEq(stateOf(consumer).energyWh, type(uint64).max, "energy");
        declineAs(producer, meteredTrade(200));
        vm.assertEq(balanceOf(consumer), 1 ether - AMOUNT, "balance");
        vm.assertEq(stateOf(consumer).energyWh, type(uint64).max, "energy");
        expectWindow(137, 1 << 63);
    }

    /// P5, P7, P11: any sequence of all three paths does what the model says.
    function testFuzz_race_anySequence_agreesWithTheModel(uint256 seed) public {
        SettlementModel model = new SettlementModel(GRACE, MINIMUM, FEE);
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            fund(accountAt(i), 3 * AMOUNT);
            model.fund(accountAt(i), 3 * AMOUNT);
        }
        uint256 reach = 2 << (seed % 9);
        vm.warp(EXPIRY - 60);
        for (uint256 i = 0; i < 12; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(vm.getBlockTimestamp() + (seed >> 240) % 90);
            Trade memory trade = randomTrade(seed >> 8, reach);
            act(model, trade, seed % 3, accountAt(seed >> 16));
        }
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            address account = accountAt(i);
            AccountState memory state = stateOf(account);
            vm.assertEq(state.balanceWei, model.balanceWei(account), "balance");
            vm.assertEq(state.energyWh, model.energyWh(account), "energy");
            vm.assertEq(state.nonceBase, model.nonceBase(account), "base");
            vm.assertEq(state.nonceBitmap, model.nonceBitmap(account), "bitmap");
        }
    }

    function act(SettlementModel model, Trade memory trade, uint256 path, address sender) private {
        address signer = vm.addr(trade.consumerKey);
        if (path == 0) {
            bool isExpected = model.settle(trade, signer, beneficiary);
            vm.assertTrue(settleOne(trade) == isExpected, "batch");
        } else if (path == 1) {
            bool isExpected = model.settleWithProof(trade, signer, sender);
            vm.assertTrue(trySend(sender, proofOf(trade)) == isExpected, "proof");
        } else {
            trade.deliveredWh = uint32(trade.deliveredWh % 7 == 0 ? trade.deliveredWh : 0);
            bool isExpected = model.decline(trade, signer, sender);
            vm.assertTrue(tryDecline(sender, proofOf(trade)) == isExpected, "decline");
        }
    }

    function randomTrade(uint256 seed, uint256 reach) private pure returns (Trade memory trade) {
        trade.consumerKey = accountKey(seed >> 8);
        trade.producer = seed % 20 == 0 ? address(0) : accountAt(seed >> 16);
        trade.offerId = uint64(seed >> 24);
        trade.amountWei = uint96((seed >> 32) % (2 * AMOUNT));
        if (seed % 9 == 0) trade.amountWei = uint96((seed >> 32) % (2 * MINIMUM));
        trade.energyWh = uint32((seed >> 64) % 2000);
        trade.deliveredWh = uint32((seed >> 96) % 3000);
        trade.nonce = uint32((seed >> 128) % reach);
        trade.expirySeconds = EXPIRY + uint40((seed >> 160) % 600);
        trade.meterKey = vm.addr(meterPrivateKey(trade.nonce));
    }

    function accountKey(uint256 index) private pure returns (uint256) {
        return 0xacc00 + index % ACCOUNTS;
    }

    function accountAt(uint256 index) private pure returns (address) {
        return vm.addr(accountKey(index));
    }

    function expectPaid(uint256 paidWei, uint256 feeWei) private view {
        vm.assertEq(balanceOf(consumer), 10 * AMOUNT - paidWei, "consumer");
        vm.assertEq(balanceOf(producer), paidWei - feeWei, "producer");
    }

    function expectWindow(uint256 base, uint256 bitmap) private view {
        AccountState memory state = stateOf(consumer);
        vm.assertEq(state.nonceBase, base, "base");
        vm.assertEq(state.nonceBitmap, bitmap, "bitmap");
    }

    function usedError(uint32 nonce) private view returns (bytes memory) {
        return abi.encodeWithSelector(NonceUsed.selector, consumer, nonce);
    }
}
