using System.Diagnostics;

namespace Pocketgres.Bucket.Log;

/// <summary>When the next log record may be sent. Used under the shipper's lock.</summary>
/// <remarks>
/// Two rules. On average no more than so many a second, after a burst of ten seconds' worth: requests cost money. And those on their way at once are spread
/// over a round trip: if each commit of many that come together took a place of its own, those that find no place would wait a whole round trip for one,
/// and would all come back together the next time too. So the gap behind the last one grows with the places that are taken, to the round trip divided by
/// the places; who has waited for it shares a record.
/// </remarks>
/// <param name="perSecond">Records a second; 0 for no limit.</param>
/// <param name="places">Records on their way at once.</param>
internal sealed class PutPace(int perSecond, int places)
{
    private const double LongestGapOf = 1000; // milliseconds of a round trip that count: a store that was away for minutes must not slow down who comes back
    private const double Weight = 0.125, LeastGap = 0.5;

    private readonly double _maximumAllowance = Math.Max(1, perSecond * 10.0);
    private double _allowance = Math.Max(1, perSecond * 10.0), _roundTrip;
    private long _allowedAt = Stopwatch.GetTimestamp(), _sentAt;

    /// <summary>Takes the right to send a record now, or returns after how many milliseconds to ask again.</summary>
    /// <param name="flying">Records that are on their way.</param>
    /// <param name="pause">0 when it may be sent.</param>
    public bool TryTake(int flying, out int pause)
    {
        long now = Stopwatch.GetTimestamp();
        double gap = _roundTrip * flying / (places * (double)places), left = gap < LeastGap ? 0 : gap - Stopwatch.GetElapsedTime(_sentAt, now).TotalMilliseconds;
        if (perSecond > 0)
        {
            _allowance = Math.Min(_maximumAllowance, _allowance + (Stopwatch.GetElapsedTime(_allowedAt, now).TotalSeconds * perSecond));
            _allowedAt = now;
            left = Math.Max(left, (1 - _allowance) * 1000 / perSecond);
        }

        pause = left > 0 ? (int)Math.Ceiling(left) : 0;
        if (pause > 0)
        {
            return false;
        }

        _allowance--;
        _sentAt = now;
        return true;
    }

    /// <summary>Learns how long the store takes.</summary>
    public void Took(TimeSpan time)
    {
        double taken = Math.Min(time.TotalMilliseconds, LongestGapOf);
        _roundTrip += (taken - _roundTrip) * (_roundTrip == 0 ? 1 : Weight);
    }
}
