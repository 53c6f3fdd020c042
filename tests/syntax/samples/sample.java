package p;
import java.util.List;
class T {
  int x = 2;
  T(int a) { this.x = a; }
  int f(List<Integer> items, int n) {
    int total = 0;
    for (int i = 0; i < items.size(); i++) {
      if (items.get(i) == n && !ok) { total += items.get(i) * 2; continue; }
      else if (n > 1) { total = -1; }
      else { break; }
    }
    for (int y : items) { System.out.println(y + 1); }
    while (n > 0) { n--; }
    int[] a = {1, 2};
    a[0] = 1;
    String s = "x";
    if (s == null) throw new E("a");
    return n > 1 ? g(total, n - 1) : true;
  }
}
