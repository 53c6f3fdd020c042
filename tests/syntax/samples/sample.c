#include <stdio.h>
struct T { int x; };
static int *f(int *items, int n, struct T *t) {
  int total = 0;
  for (int i = 0; i < n; i++) {
    if (items[i] == n && !t->x) { total += items[i] * 2; continue; }
    else if (n > 1) total = -1;
    else { break; }
  }
  while (n > 0) { n--; }
  do { n++; } while (n < 3);
  t->x = 1; t.y = NULL;
  char c = 'a'; double d = 1.5;
  return n > 1 ? g(total, n - 1) : true;
}
