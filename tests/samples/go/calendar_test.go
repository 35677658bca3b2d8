package calendar

import "testing"

func check(t *testing.T, year int, want bool) {
	t.Helper()
	if got := IsLeap(year); got != want {
		t.Errorf("IsLeap(%d) = %v, want %v", year, got, want)
	}
}

func TestTakesEveryFourthYear(t *testing.T) { check(t, 2024, true) }

func TestLeavesOutCenturies(t *testing.T) { check(t, 1900, false) }

func TestKeepsEveryFourthCentury(t *testing.T) { check(t, 2000, true) }
