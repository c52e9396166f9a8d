// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountState} from "../src/Market.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {SettlementModel} from "./support/SettlementModel.sol";
import {Trade} from "./support/Trade.sol";

/// @title Batches of many trades: order, repetition and every mixture of roles.
contract BatchTest is MarketFixture {
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant ITEMS = 10;
    uint96 private constant AMOUNT = 1_000_000;

    SettlementModel private model;

    function setUp() public override {
        super.setUp();
        model = new SettlementModel(GRACE, MINIMUM, FEE);
    }

    /// One bad item, wherever it stands, leaves the others to be settled.
    function test_batch_badItemAnywhere_sinksNothing() public {
        fund(consumer, 30 * AMOUNT);
        for (uint32 bad = 0; bad < 3; bad++) {
            bytes memory items;
            for (uint32 i = 0; i < 3; i++) {
                bytes memory item = packItem(separator, usualTrade(3 * bad + i, AMOUNT));
                if (i == bad) item[100] ^= 0x01;
                items = bytes.concat(items, item);
            }
            vm.assertEq(settleItems(items), 7 ^ (1 << bad), "the other two");
        }
        vm.assertEq(balanceOf(producer), 6 * (AMOUNT - FEE), "six trades");
    }

    /// P7: consumer, producer and beneficiary of one batch in one account.
    function test_batch_accountInAllRoles_isExact() public {
        fund(consumer, 3 * AMOUNT);
        fund(producer, AMOUNT);
        Trade memory back = usualTrade(0, AMOUNT);
        back.consumerKey = PRODUCER_KEY;
        back.producer = consumer;
        bytes memory there = packItem(separator, usualTrade(0, AMOUNT));
        bytes memory items = bytes.concat(
            there,
            packItem(separator, usualTrade(1, AMOUNT)),
            packItem(separator, back),
            packItem(separator, usualTrade(2, AMOUNT)),
            there
        );
        vm.assertEq(settleFor(consumer, items), 15, "all but the repetition");
        vm.assertEq(balanceOf(consumer), AMOUNT - FEE + 4 * FEE, "consumer");
        vm.assertEq(balanceOf(producer), 3 * (AMOUNT - FEE), "producer");
        vm.assertEq(balanceOf(consumer) + balanceOf(producer), 4 * AMOUNT, "sum");
    }

    /// P7: the beneficiary's fees do not pay for trades of the same batch, and are not lost.
    function test_batch_beneficiaryBuysAndSells_isExact() public {
        fund(consumer, AMOUNT);
        vm.assertEq(
            settleFor(
                producer,
                bytes.concat(
                    packItem(separator, usualTrade(0, AMOUNT / 2)),
                    packItem(separator, usualTrade(1, AMOUNT / 2))
                )
            ),
            3,
            "settled"
        );
        vm.assertEq(balanceOf(producer), AMOUNT, "earnings and fees");
    }

    /// P1, P5, P7: random batches among few accounts do what the model says.
    function testFuzz_batch_anyItems_agreesWithTheModel(uint256 seed) public {
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            uint256 amountWei = roll(seed, i, "fund") % (6 * AMOUNT);
            if (amountWei == 0) continue;
            fund(vm.addr(accountKey(i)), amountWei);
            model.fund(vm.addr(accountKey(i)), amountWei);
        }
        if (seed % 2 == 0) offerSome(seed);
        address to = roll(seed, 0, "to") % 3 == 0 ? address(0) : accountAt(roll(seed, 1, "to"));
        vm.warp(START + 1 hours + roll(seed, 0, "time") % (GRACE + 60));
        for (uint256 batch = 0; batch < 2; batch++) {
            settleBoth(uint256(keccak256(abi.encode(seed, batch))), to);
        }
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            requireEqual(accountAt(i));
        }
        requireEqual(address(0));
    }

    function settleBoth(uint256 seed, address to) private {
        bytes memory items;
        uint256 expected;
        for (uint256 i = 0; i < ITEMS; i++) {
            Trade memory trade = randomTrade(uint256(keccak256(abi.encode(seed, i))));
            bytes memory item = packItem(separator, trade);
            address signer = vm.addr(trade.consumerKey);
            if (roll(seed, i, "break") % 10 == 0) {
                item = bytes.concat(packTerms(trade), new bytes(64));
                signer = address(0);
            }
            items = bytes.concat(items, item);
            if (model.settle(trade, signer, to)) expected |= 1 << i;
        }
        vm.assertEq(settleFor(to, items), expected, "bitmap");
    }

    function randomTrade(uint256 seed) private pure returns (Trade memory trade) {
        trade.consumerKey = accountKey(roll(seed, 0, "consumer"));
        trade.producer = accountAt(roll(seed, 0, "producer"));
        if (roll(seed, 1, "producer") % 12 == 0) trade.producer = address(0);
        trade.offerId = uint64(roll(seed, 0, "offer"));
        trade.amountWei = uint96(roll(seed, 0, "amount") % (2 * AMOUNT));
        if (roll(seed, 1, "amount") % 8 == 0) trade.amountWei = uint96(seed % (MINIMUM + 1));
        trade.energyWh = uint32(roll(seed, 0, "energy") % 3000);
        trade.deliveredWh = uint32(roll(seed, 0, "delivered") % 5000);
        if (roll(seed, 1, "delivered") % 8 == 0) trade.deliveredWh = 0;
        trade.nonce = uint32(roll(seed, 0, "nonce") % 8);
        if (roll(seed, 1, "nonce") % 6 == 0) trade.nonce = uint32(roll(seed, 2, "nonce") % 200);
        trade.expirySeconds = START + 1 hours;
        if (roll(seed, 0, "expiry") % 6 == 0) trade.expirySeconds += uint40(seed % GRACE);
        trade.meterKey = address(uint160(roll(seed, 0, "meter")));
    }

    function offerSome(uint256 seed) private {
        address account = accountAt(seed >> 8);
        uint32 energyWh = uint32(roll(seed, 0, "offer") % 10_000) + 1;
        vm.deal(account, BURN);
        vm.prank(account);
        market.openEnergyAccount{value: BURN}();
        vm.prank(account);
        market.addEnergy(energyWh, 1, false, START + 1 days, "");
        model.addEnergy(account, energyWh);
    }

    function requireEqual(address account) private view {
        AccountState memory state = stateOf(account);
        vm.assertEq(state.balanceWei, model.balanceWei(account), "balance");
        vm.assertEq(state.energyWh, model.energyWh(account), "energy");
        vm.assertEq(state.nonceBase, model.nonceBase(account), "base");
        vm.assertEq(state.nonceBitmap, model.nonceBitmap(account), "bitmap");
    }

    function roll(uint256 seed, uint256 index, string memory what) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index, what)));
    }

    function accountKey(uint256 index) private pure returns (uint256) {
        return 0xacc00 + index % ACCOUNTS;
    }

    function accountAt(uint256 index) private pure returns (address) {
        return vm.addr(accountKey(index));
    }
}
