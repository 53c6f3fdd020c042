class A extends B {
  size = 2;
  go(a, b = 1) { this.x += a; return this.x; }
}
const g = (a, b) => a < b ? a : b;
function f(items, n) {
  let total = 0;
  const o = {a: 1, b};
  for (let i = 0; i < items.length; i++) {
    if (items[i] === n && !o.a) { total += items[i] * 2; continue; }
    else if (n > 1) total = -1;
    else { break; }
  }
  for (const x of items) { console.log(`v ${x + 1}`); }
  while (n > 0) { n--; }
  try { throw new Error('x'); } catch (e) { total = null; }
  return g(total, n - 1) || true;
}
