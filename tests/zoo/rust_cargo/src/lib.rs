/// How many rows a party needs.
pub fn rows(people: u32, seats: u32) -> u32 {
    (people + seats) / seats
}

/// Whether a row is free of the party before.
pub fn is_free(row: u32, taken: u32) -> bool {
    row >= taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_row_is_free() {
        assert!(is_free(3, 3));
        assert!(!is_free(2, 3));
    }
}
