namespace Pocketgres.Wasm.Tests.Support;

/// <summary>A theory about what one core's stores look like from another one: with one core they always look in order.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SeveralCoresTheoryAttribute : TheoryAttribute
{
    public SeveralCoresTheoryAttribute()
    {
        if (Environment.ProcessorCount == 1)
        {
            Skip = "needs two processors";
        }
    }
}
