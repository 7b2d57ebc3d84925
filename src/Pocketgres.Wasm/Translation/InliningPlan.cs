using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Which direct calls are to be inlined. .NET's attribute for that is the callee's, not the call's: so a function with such a call gets a second method
/// with the same IL, which has the attribute, and which only these calls name. It is only compiled as a part of their methods.
/// </summary>
internal sealed class InliningPlan(WasmModule module, IReadOnlySet<CallSite> wanted, int firstRow)
{
    private readonly int[] functions = [.. wanted.Select(c => c.Callee).Distinct().Order()];
    private readonly List<CallSite> calls = [];
    private int taken;

    /// <summary>The functions with a second method, in row order.</summary>
    public IReadOnlyList<int> Functions => functions;

    /// <summary>The method to call where this call is to be inlined; null where it is not.</summary>
    public EntityHandle? Take(CallSite site) => wanted.Contains(site) ? MetadataTokens.MethodDefinitionHandle(firstRow + Array.BinarySearch(functions, site.Callee)) : null;

    /// <summary>Notes the calls of a function, once it is translated for good.</summary>
    public void Add(IReadOnlyCollection<CallSite> ofFunction)
    {
        calls.AddRange(ofFunction);
        taken += ofFunction.Count(wanted.Contains);
    }

    /// <summary>Afterwards: all calls that can be inlined. Those of functions that were split or catch exceptions cannot.</summary>
    /// <param name="sizes">The functions that can be inlined, with the size of their IL.</param>
    /// <exception cref="TranslationException">A call that is wanted is not there.</exception>
    public IReadOnlyList<InlineCandidate> Finish(IReadOnlyDictionary<int, int> sizes)
    {
        if (taken != wanted.Count || functions.FirstOrDefault(f => !sizes.ContainsKey(f), -1) >= 0)
        {
            throw new TranslationException($"of {wanted.Count} calls to inline in a module of {module.DefinedFunctionCount} functions, {wanted.Count - taken} do not exist or cannot be");
        }

        return [.. calls.Where(c => sizes.ContainsKey(c.Callee)).Select(c => new InlineCandidate(c, sizes[c.Callee]))];
    }
}
