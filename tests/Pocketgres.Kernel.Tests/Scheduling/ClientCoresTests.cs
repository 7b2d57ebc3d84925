using System.Net;
using System.Net.Sockets;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Kernel.Tests.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>On which cores clients run.</summary>
public sealed class ClientCoresTests
{
    [Fact]
    public void The_core_of_a_client_on_this_machine_is_found_by_its_connection()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        using var accepted = listener.AcceptSocket();
        foreach (int core in HostCores.Allowed)
        {
            OnCore(core, () => client.Client.Send([1]));
            Assert.Equal(1, accepted.Receive(new byte[1]));
            Assert.Equal(core, ClientCores.Of((int)accepted.Handle));
        }
    }

    [Fact]
    public void Requests_of_a_process_in_a_crowd_are_counted_where_its_client_runs()
    {
        using var process = new ConnectedProcess(end =>
        {
            byte[] question = new byte[1];
            while (end.Receive(question) > 0)
            {
                end.Send(question);
            }
        });
        var cores = process.Kernel.Scheduler.Cores;
        int core = HostCores.Allowed[^1];
        OnCore(core, () => Ask(process.Client, 64)); // nobody watches
        Assert.False(cores.Clients.IsAmong(core));
        cores.Tick(process.Kernel.Scheduler.Activity, 0);
        Eventually.Holds(() =>
        {
            OnCore(core, () => Ask(process.Client, 64));
            return cores.Clients.IsAmong(core);
        }, "a request counted");
        process.Client.Dispose();
        process.Finish();
    }

    [Fact]
    public void Of_other_descriptors_nothing_is_known()
    {
        using var file = File.OpenRead("/dev/null");
        Assert.Equal(-1, ClientCores.Of((int)file.SafeFileHandle.DangerousGetHandle()));
        Assert.Equal(-1, ClientCores.Of(-1));
    }

    [Fact]
    public void The_quietest_core_is_another_one_only_if_far_fewer_requests_come_from_there()
    {
        var all = Set(0, 1, 2);
        var cores = new ClientCores();
        Assert.Equal(1, cores.Quietest(all, preferred: 1));
        Count(cores, 0, 10);
        Count(cores, 1, 6);
        Count(cores, 2, 4);
        Assert.Equal(1, cores.Quietest(all, preferred: 1));
        Assert.Equal(2, cores.Quietest(all, preferred: 0));
        Assert.Equal(1, cores.Quietest(Set(0, 1), preferred: 2)); // which is not allowed
        cores.Clear();
        Assert.Equal(0, cores.Quietest(all, preferred: 0));
    }

    [Fact]
    public void An_eighth_of_the_requests_matters()
    {
        var cores = new ClientCores();
        Assert.False(cores.IsAmong(0));
        Count(cores, 0, 1);
        Count(cores, 1, 8);
        Assert.False(cores.IsAmong(0));
        Count(cores, 0, 1);
        Assert.True(cores.IsAmong(0));
        Assert.False(cores.IsAmong(2));
        Assert.False(cores.IsAmong(5000)); // a host with more cores than are counted
    }

    private static void Ask(TcpClient client, int times)
    {
        byte[] answer = new byte[1];
        for (int i = 0; i < times; i++)
        {
            client.GetStream().WriteByte(1);
            client.GetStream().ReadExactly(answer);
        }
    }

    private static void Count(ClientCores cores, int core, int requests)
    {
        for (int i = 0; i < requests; i++)
        {
            cores.Count(core);
        }
    }

    private static CpuSet Set(params int[] cores)
    {
        var all = default(CpuSet);
        foreach (int core in cores)
        {
            all[0] |= CpuSet.Single(core)[0];
        }

        return all;
    }

    // On a thread of its own, whose affinity ends with it.
    private static void OnCore(int core, Action action)
    {
        bool there = false;
        var thread = new Thread(() =>
        {
            there = CpuSet.Apply(CpuSet.Single(core));
            action();
        });
        thread.Start();
        thread.Join();
        Assert.True(there);
    }
}
