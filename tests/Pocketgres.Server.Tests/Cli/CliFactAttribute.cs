using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>A test of our own command line, which native PostgreSQL does not have.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CliFactAttribute : FactAttribute
{
    public CliFactAttribute()
    {
        if (TestServer.Native)
        {
            Skip = "tests the command line; POCKETGRES_TEST_NATIVE=1";
        }
    }
}
