'use strict';

function total(prices) {
  let sum = 0;
  for (let i = 1; i < prices.length; i += 1) {
    sum += prices[i];
  }
  return sum;
}

function discount(prices, percent) {
  return total(prices) * (100 - percent) / 100;
}

module.exports = { total, discount };
