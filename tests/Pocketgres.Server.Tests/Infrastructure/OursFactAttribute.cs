namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>A test of what native PostgreSQL does not have: our command line, or what a session of ours keeps.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OursFactAttribute : FactAttribute
{
    public OursFactAttribute()
    {
        if (TestServer.Native)
        {
            Skip = NotOfNative;
        }
    }

    internal const string NotOfNative = "native PostgreSQL does not have what it tests; POCKETGRES_TEST_NATIVE=1";
}

/// <summary>As <see cref="OursFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OursTheoryAttribute : TheoryAttribute
{
    public OursTheoryAttribute()
    {
        if (TestServer.Native)
        {
            Skip = OursFactAttribute.NotOfNative;
        }
    }
}
