namespace Pocketgres.Wasm;

/// <summary>The patches that host functions ask for by marks of their own (<see cref="FunctionBinding"/>): what is bound stands beside the reason for it.</summary>
public static class NamedPatches
{
    /// <summary>The patches for a program.</summary>
    /// <param name="module">The program, with the names of its functions.</param>
    /// <param name="hosts">All host functions.</param>
    /// <exception cref="PatchException">A function is not there: the message names all that are missing.</exception>
    public static ModulePatches For(WasmModule module, HostFunctions hosts)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(hosts);
        var patches = new ModulePatches();
        var missing = new List<string>();
        foreach (var host in hosts.All)
        {
            if (host.Binding is not { } binding)
            {
                continue;
            }

            try
            {
                patches.Add(Patch(module, host, binding));
            }
            catch (PatchException e)
            {
                missing.Add($"{host.FullName}: {e.Message}");
            }
        }

        return missing.Count == 0 ? patches : throw new PatchException(missing);
    }

    private static ModulePatch Patch(WasmModule module, HostFunction host, FunctionBinding binding)
    {
        int function = module.FindFunction(binding.Function);
        return binding.Kind switch
        {
            FunctionBindingKind.EntryHook => new EntryHook(host.Name, function, host.Name) { PassArguments = host.Signature != "v" },
            FunctionBindingKind.Replacement => new FunctionReplacement(host.Name, function, host.Name),
            FunctionBindingKind.CallReplacement => new CallReplacement(host.Name, function, module.FindFunction(binding.Callee!), host.Name, binding.Count),
            _ => new StackDepthCheck(host.Name, function) { HostFunction = host.Name },
        };
    }
}
