// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Market} from "../../src/Market.sol";

/// @notice An account that tries to withdraw again while it is being paid.
contract ReentrantReceiver {
    Market private immutable market;
    uint256 public refused;

    constructor(Market market_) {
        market = market_;
    }

    function deposit() external payable {
        market.deposit{value: msg.value}();
    }

    function request(uint96 amountWei) external {
        market.requestWithdrawal(amountWei);
    }

    function withdraw() external {
        market.withdraw();
    }

    receive() external payable {
        try market.withdraw() {}
        catch {
            refused++;
        }
        // A request made now must wait its full delay, and a deposit must count.
        market.requestWithdrawal(1);
        try market.withdraw() {}
        catch {
            refused++;
        }
        market.deposit{value: 1}();
    }
}

/// @notice An account that takes no ether.
contract RefusingReceiver {
    Market private immutable market;

    constructor(Market market_) {
        market = market_;
    }

    function request(uint96 amountWei) external {
        market.requestWithdrawal(amountWei);
    }

    function withdraw() external {
        market.withdraw();
    }
}
