using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port;

/// <summary>What a library gets when it calls a function that nothing here supplies and that the build declared as refused: an ordinary ERROR.</summary>
internal static unsafe class RefusedImports
{
    /// <summary>Reports; does not return.</summary>
    public static void Report(Process process, string name) => ErrorReport.Throw(
        process.Memory, "0A000", $"this extension's function {name} is not available in an embedded server", "dfmgr.c", "load_external_function");
}
