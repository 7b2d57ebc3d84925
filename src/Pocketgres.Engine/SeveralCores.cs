using System.Runtime.InteropServices;
using Pocketgres.Kernel;

namespace Pocketgres.Engine;

/// <summary>The setting <c>pocketgres.several_cores</c>, given at start (not in configuration files, which Postgres reads): off by default.</summary>
internal static class SeveralCores
{
    /// <summary>Name of the setting. To Postgres it is a custom one, which it shows and does not look at.</summary>
    public const string Setting = "pocketgres.several_cores";

    /// <summary>What the settings ask for.</summary>
    /// <exception cref="ClusterException">A value that is none of off, on, check; or a processor that orders memory accesses less than x86-64.</exception>
    public static PrivateSectionMode ModeOf(IReadOnlyDictionary<string, string> settings) => settings.GetValueOrDefault(Setting, "off") switch
    {
        "off" => PrivateSectionMode.Off,
        _ when RuntimeInformation.ProcessArchitecture != Architecture.X64 => throw new ClusterException(
            ClusterError.StartFailed, $"{Setting} works on x86-64 only: leave it out."),
        "on" => PrivateSectionMode.On,
        "check" => PrivateSectionMode.Checked,
        var other => throw new ClusterException(ClusterError.StartFailed, $"{Setting} is \"{other}\": use on or off (or check, which is slow and for tests)."),
    };
}
