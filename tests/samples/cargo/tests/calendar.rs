use calendar::is_leap;

#[test]
fn takes_every_fourth_year() {
    assert!(is_leap(2024));
}

#[test]
fn leaves_out_centuries() {
    assert!(!is_leap(1900));
}

#[test]
fn keeps_every_fourth_century() {
    assert!(is_leap(2000));
}
