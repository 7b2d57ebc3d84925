using System.Diagnostics;

namespace Pocketgres.Durability.Tests.Support;

/// <summary>A test that needs namespaces of its own, as containers have: Linux lets root make them, and others where they are not forbidden.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NamespaceFactAttribute : FactAttribute
{
    public NamespaceFactAttribute() => Skip = Namespaces.Lacking;
}

/// <summary>The same for several cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NamespaceTheoryAttribute : TheoryAttribute
{
    public NamespaceTheoryAttribute() => Skip = Namespaces.Lacking;
}

/// <summary>Whether this process may make namespaces.</summary>
static class Namespaces
{
    static readonly Lazy<bool> s_possible = new(() =>
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("unshare", ["--mount", "--pid", "--fork", "--uts", "true"]) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    });

    /// <summary>Why a test cannot be run; null when it can.</summary>
    public static string? Lacking => s_possible.Value ? null : "needs unshare(1) and the right to make namespaces";
}
