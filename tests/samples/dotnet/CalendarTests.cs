using Xunit;

public class CalendarTests
{
    [Fact] public void TakesEveryFourthYear() => Assert.True(Calendar.IsLeap(2024));
    [Fact] public void LeavesOutCenturies() => Assert.False(Calendar.IsLeap(1900));
    [Fact] public void KeepsEveryFourthCentury() => Assert.True(Calendar.IsLeap(2000));
}
