class A { private x: number = 2; go(a: number, b?: string): number { return this.x + a; } }
interface I { a: number }
export function f(items: number[], n: number): number {
  let total: number = 0;
  for (const x of items) { if (x === n && !ok) { total += x * 2; } else { total = -1; } }
  const g = (a: number): number => a + 1;
  return g(total as number, n - 1)!;
}
