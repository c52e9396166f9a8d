// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountState, Market} from "../../src/Market.sol";
import {MarketFactory} from "../../src/MarketFactory.sol";
import {MarketOptions} from "../../src/MarketOptions.sol";
import {Signing} from "./Signing.sol";
import {Trade} from "./Trade.sol";

/// @title A market with a committee of four and the means to act in it.
abstract contract MarketFixture is Signing {
    uint40 internal constant START = 1_800_000_000;
    uint40 internal constant LIFE = 26 hours;
    uint40 internal constant GRACE = 10 minutes;
    uint40 internal constant DELAY = 48 hours;
    uint96 internal constant MINIMUM = 1000;
    uint96 internal constant FEE = 7;
    uint96 internal constant BURN = 0.01 ether;

    uint256 internal constant AUTHORITY_KEY = 0xa0;
    uint256 internal constant CONSUMER_KEY = 0xc0;
    uint256 internal constant PRODUCER_KEY = 0xd0;

    Market internal market;
    bytes32 internal separator;
    uint256[] internal memberKeys;
    address internal authority = vm.addr(AUTHORITY_KEY);
    address internal consumer = vm.addr(CONSUMER_KEY);
    address internal producer = vm.addr(PRODUCER_KEY);
    address internal manufacturer = vm.addr(0xfac);
    address internal beneficiary = vm.addr(0xb0);

    function setUp() public virtual {
        vm.warp(START);
        memberKeys = makeKeys(0x1000, 4);
        market = deployMarket(defaultOptions(), memberKeys);
        separator = market.domainSeparator();
    }

    function defaultOptions() internal pure returns (MarketOptions memory) {
        return MarketOptions(LIFE, GRACE, DELAY, MINIMUM, FEE, BURN);
    }

    function deployMarket(MarketOptions memory options, uint256[] memory keys)
        internal
        returns (Market)
    {
        address[] memory authorities = new address[](1);
        authorities[0] = authority;
        return create(options, addressesOf(keys), authorities);
    }

    /// @notice A market from the built artifact: `new Market` would compile it into every test.
    function create(
        MarketOptions memory options,
        address[] memory members,
        address[] memory authorities
    ) internal returns (Market) {
        bytes memory code = initCode(options, members, authorities);
        return Market(createFrom(code));
    }

    function initCode(
        MarketOptions memory options,
        address[] memory members,
        address[] memory authorities
    ) internal view returns (bytes memory) {
        bytes memory code = vm.getCode("contracts/out/Market.sol/Market.json");
        return bytes.concat(code, abi.encode(options, members, authorities, manufacturers()));
    }

    /// @notice Whom the markets of these tests trust from the start.
    function manufacturers() internal view returns (address[] memory trusted) {
        trusted = new address[](1);
        trusted[0] = manufacturer;
    }

    function createFactory() internal returns (MarketFactory) {
        return
            MarketFactory(
                createFrom(vm.getCode("contracts/out/MarketFactory.sol/MarketFactory.json"))
            );
    }

    function createFrom(bytes memory code) internal returns (address created) {
        assembly {
            created := create(0, add(code, 0x20), mload(code))
            // As `new` does: else an expected revert that does not come would go unnoticed.
            if iszero(created) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    function withoutBurn() internal pure returns (MarketOptions memory options) {
        options = defaultOptions();
        options.burnWei = 0;
    }

    function makeKeys(uint256 seed, uint256 count) internal pure returns (uint256[] memory keys) {
        keys = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            keys[i] = seed + i;
        }
    }

    function addressesOf(uint256[] memory keys) internal pure returns (address[] memory addresses) {
        addresses = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; i++) {
            addresses[i] = vm.addr(keys[i]);
        }
    }

    function quorumOf(uint256 size) internal pure returns (uint256) {
        return 2 * ((size - 1) / 3) + 1;
    }

    /// @notice A trade of the usual consumer and producer: 1500 Wh, all delivered.
    function usualTrade(uint32 nonce, uint96 amountWei) internal view returns (Trade memory) {
        return Trade({
            consumerKey: CONSUMER_KEY,
            producer: producer,
            offerId: 1,
            amountWei: amountWei,
            energyWh: 1500,
            nonce: nonce,
            expirySeconds: START + 1 hours,
            meterKey: address(uint160(0xabcdef00 + uint256(nonce))),
            deliveredWh: 1500
        });
    }

    function fund(address account, uint256 amountWei) internal {
        vm.deal(address(this), address(this).balance + amountWei);
        market.depositFor{value: amountWei}(account);
    }

    function stateOf(address account) internal view returns (AccountState memory) {
        address[] memory accounts = new address[](1);
        accounts[0] = account;
        return market.accountStates(accounts)[0];
    }

    function balanceOf(address account) internal view returns (uint256) {
        return stateOf(account).balanceWei;
    }

    /// @notice A settlement of one trade; whether the trade was settled.
    function settleOne(Trade memory trade) internal returns (bool) {
        return settleItems(packItem(separator, trade)) == 1;
    }

    function settleTwo(Trade memory first, Trade memory second) internal returns (uint256) {
        return settleItems(bytes.concat(packItem(separator, first), packItem(separator, second)));
    }

    /// @notice A settlement signed by a quorum; the bitmap of its event.
    function settleItems(bytes memory items) internal returns (uint256 settledBitmap) {
        return settleFor(beneficiary, items);
    }

    function settleFor(address to, bytes memory items) internal returns (uint256 settledBitmap) {
        uint32 epoch = market.currentEpoch();
        bytes memory votes = settlementVotes(epoch, 1, to, items);
        vm.recordLogs();
        market.settle(epoch, 1, to, bytes32(0), items, votes);
        return readBitmap();
    }

    function settlementVotes(uint32 epoch, uint64 sequence, address to, bytes memory items)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = settlementDigest(separator, epoch, sequence, items, to);
        return packVotes(memberKeys, quorumOf(memberKeys.length), digest);
    }

    function readBitmap() internal returns (uint256 settledBitmap) {
        bytes memory data = vm.getRecordedLogs()[0].data;
        (,, settledBitmap,) = abi.decode(data, (address, bytes32, uint256, bytes32));
    }

    /// @notice Applies a governed call with a quorum of the usual committee.
    function govern(bytes memory call) internal {
        uint32 epoch = market.currentEpoch();
        uint64 sequence = market.governanceSequence();
        market.governance(epoch, sequence, call, governanceVotes(epoch, sequence, call));
    }

    function governanceVotes(uint32 epoch, uint64 sequence, bytes memory call)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = governanceDigest(separator, epoch, sequence, call);
        return packVotes(memberKeys, quorumOf(memberKeys.length), digest);
    }
}
