using System.Diagnostics;

namespace Pocketgres.Durability.Tests.Support;

/// <summary>A test that needs namespaces of its own, as containers have: Linux lets root make them, and others where they are not forbidden.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NamespaceFactAttribute : FactAttribute
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

    public NamespaceFactAttribute()
    {
        if (!s_possible.Value)
        {
            Skip = "needs unshare(1) and the right to make namespaces";
        }
    }
}
