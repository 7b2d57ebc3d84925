namespace Pocketgres.Testing.XunitV3.Tests;

/// <summary>What the package sets in a test process.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task Databases_have_threads_of_the_pool_besides_those_that_test_hosts_block()
    {
        await SharedTemplate.GetAsync<NoteTemplate>(TestContext.Current.CancellationToken);
        ThreadPool.GetMinThreads(out int workers, out _);
        Assert.True(workers > Environment.ProcessorCount + 2, $"{workers} threads");
    }

    [Fact]
    public void Code_is_compiled_again_late()
    {
        Assert.Equal("1000", AppContext.GetData("System.Runtime.TieredCompilation.CallCountingDelayMs"));
        Assert.Equal("false", AppContext.GetData("System.Runtime.TieredPGO"));
    }
}
