setup() {
  source "$BATS_TEST_DIRNAME/../calendar.sh"
}

@test "takes every fourth year" {
  is_leap 2024
}

@test "leaves out centuries" {
  ! is_leap 1900
  run is_leap 1900
  [ "$status" -ne 0 ]
}

@test "keeps every fourth century" {
  is_leap 2000
}
