use seats::rows;

#[test]
fn a_full_row_is_one_row() {
    assert_eq!(rows(8, 8), 1);
}

#[test]
fn one_more_takes_another_row() {
    assert_eq!(rows(9, 8), 2);
}

#[test]
fn nobody_needs_no_row() {
    assert_eq!(rows(0, 8), 0);
}
