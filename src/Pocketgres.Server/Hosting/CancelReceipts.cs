namespace Pocketgres.Server.Hosting;

/// <summary>Tells when all clusters that got a request to cancel have closed it: the end of such a connection says that the request was done. Thread-safe.</summary>
internal sealed class CancelReceipts
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open = 1; // until all were asked

    /// <summary>Asks one cluster.</summary>
    /// <param name="give">Gives it the request with a receipt; false when it does not take it.</param>
    public void Ask(Func<IDisposable, bool> give)
    {
        Interlocked.Increment(ref _open);
        var receipt = new Receipt(this);
        if (!give(receipt))
        {
            receipt.Dispose();
        }
    }

    /// <summary>All were asked. Completes when all are done.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        Close();
        return _done.Task.WaitAsync(cancellationToken);
    }

    private void Close()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _done.TrySetResult();
        }
    }

    private sealed class Receipt(CancelReceipts receipts) : IDisposable
    {
        private int _isDisposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            {
                receipts.Close();
            }
        }
    }
}
