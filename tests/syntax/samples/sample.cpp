namespace N {
class T { public: int x; int go(int a) { this->x += a; return x; } };
int T::bar(int a) const { return a; }
}
template <class U> int f(std::vector<int>& items, int n) {
  int total{0};
  int k = 0;
  for (auto y : items) { std::cout << y + 1; }
  if (total == n && !ok) { total += items[0] * 2; } else { total = nullptr; }
  auto g = [&](int a) { return a + 1; };
  return g(total, n - 1);
}
