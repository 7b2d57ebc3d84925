using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Pocketgres.Wasm;

/// <summary>The patches of one module. Supports collection initialisers.</summary>
[SuppressMessage("Naming", "CA1710", Justification = "a plural is a collection's name; the suffix adds nothing")]
public sealed class ModulePatches : IReadOnlyCollection<ModulePatch>
{
    private readonly List<ModulePatch> patches = [];

    /// <inheritdoc/>
    public int Count => patches.Count;

    /// <summary>SHA-256 (hex) over everything the patches say: a part of the key under which a translation is cached.</summary>
    public string Fingerprint
    {
        get
        {
            var text = new StringBuilder();
            foreach (var patch in patches)
            {
                Describe(text, patch);
            }

            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }

    /// <summary>Adds a patch.</summary>
    public void Add(ModulePatch patch)
    {
        ArgumentNullException.ThrowIfNull(patch);
        patches.Add(patch);
    }

    /// <inheritdoc/>
    public IEnumerator<ModulePatch> GetEnumerator() => patches.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static void Describe(StringBuilder text, ModulePatch patch)
    {
        void Line(params ReadOnlySpan<object?> parts)
        {
            text.Append(CultureInfo.InvariantCulture, $"{patch.GetType().Name}|{patch.Name}|{patch.Function}");
            foreach (object? part in parts)
            {
                text.Append('|').Append(part is IEnumerable list and not string ? string.Join(',', list.Cast<object>()) : part);
            }

            text.Append('\n');
        }

        switch (patch)
        {
            case FunctionReplacement p:
                Line(p.HostFunction);
                break;
            case EntryHook p:
                Line(p.HostFunction, p.PassArguments);
                break;
            case CallReplacement p:
                Line(p.Callee, p.HostFunction, p.Count);
                break;
            case ResumableLoop p:
                Line(p.Loop);
                break;
            case StackDepthCheck p:
                Line(p.HostFunction, p.Result);
                break;
        }
    }
}
