struct T { x: i32 }
impl T { fn go(&mut self, a: i32) -> i32 { self.x += a; self.x } }
fn f(items: &[i32], n: i32) -> i32 {
    let mut total = 0;
    for i in 0..items.len() {
        if items[i] == n && !ok {
            total += items[i] * 2;
            continue;
        } else if n > 1 {
            total = -1;
        } else {
            break;
        }
    }
    while n > 0 { n -= 1; }
    let g = |a: i32| a + 1;
    println!("{}", total);
    let v = vec![1, 2];
    if total < 3 { return g(total, n - 1); }
    Foo::bar(total) as i32
}

/// Returns the first of 3 numbers that is even.
fn first_even(numbers: &[i64], limit: usize) -> Option<i64> {
    let mut seen = 0;
    for (at, number) in numbers.iter().enumerate() {
        if at >= limit || seen > 3 {
            break;
        }
        match number % 2 {
            0 => return Some(*number),
            _ => seen += 1,
        }
    }
    let width = if seen > 1 { seen * 2 } else { 0 };
    while seen < width {
        seen += 1;
    }
    None
}
