using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Emit;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Methods of the translated assembly that take the kernel's lock around a host function (<c>KernelLocking</c> of Pocketgres.Kernel): for hooks and replacements.
/// Imports have their thunks.
/// </summary>
internal sealed class LockedMethods
{
    private readonly AssemblyEmitter emitter;
    private readonly Dictionary<HostFunction, int> rows = [];

    /// <param name="emitter">Of the assembly.</param>
    /// <param name="hosts">Host functions that the module may call so; each is locked.</param>
    /// <param name="firstRow">Row of the first method.</param>
    public LockedMethods(AssemblyEmitter emitter, IEnumerable<HostFunction> hosts, int firstRow)
    {
        this.emitter = emitter;
        FirstRow = firstRow;
        Hosts = [.. hosts.Distinct()];
        for (int i = 0; i < Hosts.Count; i++)
        {
            rows[Hosts[i]] = firstRow + i;
        }
    }

    /// <summary>Row of the first method.</summary>
    public int FirstRow { get; }

    /// <summary>The host functions, in row order.</summary>
    public IReadOnlyList<HostFunction> Hosts { get; }

    /// <summary>What to call for a host function: itself, or the method that takes the lock around it.</summary>
    public EntityHandle Method(HostFunction host) => !host.IsLocked ? emitter.Method(host) : MetadataTokens.MethodDefinitionHandle(rows[host]);
}
