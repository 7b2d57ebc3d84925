namespace Pocketgres.Bucket.Log;

/// <summary>Who waits until a part of the log is durable. One that is woken has what it waits for: a record that is stored wakes nobody else.</summary>
internal sealed class DurableWaits
{
    private readonly List<Waiting> _waiting = [];

    /// <summary>Adds one that waits. Under the shipper's lock.</summary>
    public Waiting Add(long ticket)
    {
        var waiting = new Waiting(ticket);
        _waiting.Add(waiting);
        return waiting;
    }

    /// <summary>Takes one away that has waited long enough. Under the shipper's lock.</summary>
    public void Remove(Waiting waiting) => _waiting.Remove(waiting);

    /// <summary>Wakes those whose tickets are durable. Under the shipper's lock.</summary>
    public void Wake(long durable)
    {
        int left = 0;
        foreach (var waiting in _waiting)
        {
            if (waiting.Ticket <= durable)
            {
                waiting.Wake();
            }
            else
            {
                _waiting[left++] = waiting;
            }
        }

        _waiting.RemoveRange(left, _waiting.Count - left);
    }

    /// <summary>One wait.</summary>
    internal sealed class Waiting(long ticket)
    {
        private bool _isOver;

        /// <summary>For what.</summary>
        public long Ticket => ticket;

        /// <summary>Ends it.</summary>
        public void Wake()
        {
            lock (this)
            {
                _isOver = true;
                Monitor.Pulse(this);
            }
        }

        /// <summary>Waits. Not under the shipper's lock.</summary>
        public bool Wait(TimeSpan patience)
        {
            lock (this)
            {
                return _isOver || (Monitor.Wait(this, patience) && _isOver);
            }
        }
    }
}
