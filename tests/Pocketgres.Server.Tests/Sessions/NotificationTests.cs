using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>LISTEN and NOTIFY between sessions.</summary>
[Collection(SharedServer.Name)]
public class NotificationTests(ServerFixture fixture) : SessionTest(fixture)
{
    [Fact]
    public async Task An_idle_listener_is_told_without_sending_anything()
    {
        NpgsqlConnection listener = await OpenAsync();
        NpgsqlConnection sender = await OpenAsync();
        List<NpgsqlNotificationEventArgs> received = Listen(listener);
        await listener.ExecuteAsync($"listen {Schema}");

        // WaitAsync only reads: whatever comes was pushed by the server.
        Task wait = listener.WaitAsync();
        await Observer.WaitForIdleAsync(listener.ProcessID);
        Assert.False(wait.IsCompleted);
        await sender.ExecuteAsync("select pg_notify($1, 'hello')", Schema);
        await Wait.ForAsync(wait, "the notification");
        NpgsqlNotificationEventArgs notification = Assert.Single(received);
        Assert.Equal((Schema, "hello", sender.ProcessID), (notification.Channel, notification.Payload, notification.PID));
    }

    [Fact]
    public async Task A_notification_comes_with_the_commit_or_not_at_all()
    {
        NpgsqlConnection listener = await OpenAsync();
        NpgsqlConnection sender = await OpenAsync();
        List<NpgsqlNotificationEventArgs> received = Listen(listener);
        await listener.ExecuteAsync($"listen {Schema}");
        await sender.ExecuteAsync($"begin; notify {Schema}, 'lost'; rollback");
        await sender.ExecuteAsync($"begin; notify {Schema}, 'kept'");
        Task wait = listener.WaitAsync();
        await Observer.ExecuteAsync("select 1");
        Assert.False(wait.IsCompleted);
        await sender.ExecuteAsync("commit");
        await Wait.ForAsync(wait, "the notification");
        Assert.Equal(["kept"], received.Select(notification => notification.Payload));
    }

    [Fact]
    public async Task Many_notifications_reach_all_listeners_in_order()
    {
        const int Count = 500;
        NpgsqlConnection sender = await OpenAsync();
        List<(NpgsqlConnection Session, List<NpgsqlNotificationEventArgs> Received)> listeners = [];
        for (int i = 0; i < 3; i++)
        {
            NpgsqlConnection listener = await OpenAsync();
            listeners.Add((listener, Listen(listener)));
            await listener.ExecuteAsync($"listen {Schema}");
        }

        for (int i = 0; i < Count; i++)
        {
            await sender.ExecuteAsync("select pg_notify($1, $2)", Schema, i.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        foreach ((NpgsqlConnection session, List<NpgsqlNotificationEventArgs> received) in listeners)
        {
            while (received.Count < Count)
            {
                await Wait.ForAsync(session.WaitAsync(), $"notification {received.Count} of {Count}");
            }

            Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{i}"), received.Select(notification => notification.Payload));
        }
    }

    static List<NpgsqlNotificationEventArgs> Listen(NpgsqlConnection session)
    {
        List<NpgsqlNotificationEventArgs> received = [];
        session.Notification += (_, notification) => received.Add(notification);
        return received;
    }
}
