// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Market} from "../src/Market.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {Proof, ProofSigning} from "./support/ProofSigning.sol";
import {Trade} from "./support/Trade.sol";

/// @title What a settlement costs, as a whole transaction from cold storage.
/// @dev Accounts are funded in `setUp`, a transaction of its own, so their slots start the
/// measured call non-zero and clean; `vm.cool` makes them and the market cold again.
contract GasTest is MarketFixture, ProofSigning {
    uint256 private constant TRADES = 100;
    uint256 private constant TRANSACTION_GAS = 21_000;
    uint256 private constant GOAL_DISTINCT = 17_500;
    uint256 private constant GOAL_SHARED = 7_500;
    uint256 private constant GOAL_CALLDATA = 150;
    uint256 private constant GOAL_PROOF = 70_000;

    uint256 private calldataBytes;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 2 * TRADES; i++) {
            fund(vm.addr(accountKey(i)), 1 ether);
        }
        fund(beneficiary, 1 ether);
    }

    function test_settle_hundredTradesOfTwoHundredAccounts_gas() public {
        bytes memory items;
        for (uint256 i = 0; i < TRADES; i++) {
            Trade memory trade = gasTrade(i, i, TRADES + i, 0);
            items = bytes.concat(items, packItem(separator, trade));
        }
        uint256 perTrade = measure(items) / TRADES;
        vm.assertLe(calldataBytes / TRADES, GOAL_CALLDATA, "calldata goal");
        vm.snapshotValue("gas", "settle 100 trades, 200 accounts, a trade", perTrade);
        vm.assertLe(perTrade, GOAL_DISTINCT, "goal");
    }

    /// Five sell to ten; the batch is sorted by producer, as nodes sort it.
    function test_settle_hundredTradesAmongFifteenAccounts_gas() public {
        bytes memory items;
        for (uint256 i = 0; i < TRADES; i++) {
            Trade memory trade = gasTrade(i, 5 + i % 10, i / 20, uint32(i / 10));
            items = bytes.concat(items, packItem(separator, trade));
        }
        uint256 perTrade = measure(items) / TRADES;
        vm.snapshotValue("gas", "settle 100 trades, 15 accounts, a trade", perTrade);
        vm.assertLe(perTrade, GOAL_SHARED, "goal");
    }

    /// The same trades, but neighbouring items have different producers: nothing is put together.
    function test_settle_hundredTradesUnsorted_gas() public {
        bytes memory items;
        for (uint256 i = 0; i < TRADES; i++) {
            Trade memory trade = gasTrade(i, 5 + i % 10, i % 5, uint32(i / 10));
            items = bytes.concat(items, packItem(separator, trade));
        }
        uint256 perTrade = measure(items) / TRADES;
        vm.snapshotValue("gas", "settle 100 trades, 15 accounts, unsorted, a trade", perTrade);
    }

    function test_settle_oneTrade_gas() public {
        vm.snapshotValue(
            "gas", "settle 1 trade", measure(packItem(separator, gasTrade(0, 0, 1, 0)))
        );
    }

    /// Three of four members voted, each for this trade alone.
    function test_settleWithProof_threeVotes_gas() public {
        Proof memory proof = makeProof(separator, 1, memberKeys, provableTrade());
        bytes memory data = abi.encodeCall(
            Market.settleWithProof,
            (1, proof.item, proof.votes, proof.measuredAtSeconds, proof.ercSignature64)
        );
        vm.snapshotValue("calldata", "settleWithProof, 3 votes, bytes", data.length);
        uint256 total = measureCall(data);
        vm.snapshotValue("gas", "settleWithProof, 3 votes", total);
        vm.assertLe(total, GOAL_PROOF, "goal");
    }

    function test_decline_threeVotes_gas() public {
        Trade memory trade = provableTrade();
        trade.deliveredWh = 0;
        Proof memory proof = makeProof(separator, 1, memberKeys, trade);
        bytes memory data = abi.encodeCall(Market.decline, (1, proof.item, proof.votes));
        vm.startPrank(trade.producer);
        vm.snapshotValue("gas", "decline, 3 votes", measureCall(data));
        vm.stopPrank();
    }

    function test_bytecode_sizes() public {
        vm.snapshotValue("size", "Market, runtime", address(market).code.length);
        vm.snapshotValue(
            "size", "Market, creation", vm.getCode("contracts/out/Market.sol/Market.json").length
        );
        vm.snapshotValue("size", "MarketFactory, runtime", address(createFactory()).code.length);
        vm.assertLe(address(market).code.length, 24_576, "EIP-170");
    }

    /// @notice The gas of a whole transaction: base, calldata (16 a byte, 4 a zero), execution.
    function measure(bytes memory items) private returns (uint256) {
        uint32 epoch = 1;
        uint64 sequence = 1;
        bytes memory votes = settlementVotes(epoch, sequence, beneficiary, items);
        bytes memory data =
            abi.encodeCall(Market.settle, (epoch, sequence, beneficiary, bytes32(0), items, votes));
        vm.snapshotValue(
            "calldata",
            string.concat(vm.toString(items.length / 141), " trades, bytes"),
            data.length
        );
        calldataBytes = data.length;
        vm.recordLogs();
        uint256 total = measureCall(data);
        uint256 all = type(uint256).max >> (256 - items.length / 141);
        vm.assertTrue(readBitmap() == all, "all settled");
        return total;
    }

    function measureCall(bytes memory data) private returns (uint256 total) {
        vm.cool(address(market));
        (bool isDone,) = address(market).call(data);
        total = vm.lastCallGas().gasTotalUsed;
        vm.assertTrue(isDone, "done");
        total += TRANSACTION_GAS;
        for (uint256 i = 0; i < data.length; i++) {
            total += data[i] == 0 ? 4 : 16;
        }
    }

    function provableTrade() private pure returns (Trade memory trade) {
        trade = gasTrade(0, 0, 1, 0);
        trade.meterKey = vm.addr(meterPrivateKey(0));
    }

    function accountKey(uint256 index) private pure returns (uint256) {
        return 0xacc00 + index;
    }

    function gasTrade(uint256 salt, uint256 buyer, uint256 seller, uint32 nonce)
        private
        pure
        returns (Trade memory)
    {
        return Trade({
            consumerKey: accountKey(buyer),
            producer: vm.addr(accountKey(seller)),
            offerId: uint64(1 + salt),
            amountWei: 250_000_000_000_000,
            energyWh: 1500,
            nonce: nonce,
            expirySeconds: START + 1 hours,
            meterKey: address(uint160(uint256(keccak256(abi.encode(salt))))),
            deliveredWh: 1500
        });
    }
}
