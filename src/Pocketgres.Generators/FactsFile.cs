using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Pocketgres.Generators;

/// <summary>The facts of one module, as <c>Pocketgres.Facts</c> writes them: its README has the format.</summary>
internal sealed class FactsFile
{
    private const string Header = "facts 1 pointer ";

    private readonly Dictionary<string, FactsStruct> _structs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _typedefs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FactsVariable> _variables = new(StringComparer.Ordinal);

    private FactsFile(int pointerSize) => PointerSize = pointerSize;

    /// <summary>Size of a pointer in bytes.</summary>
    public int PointerSize { get; }

    /// <summary>Reads a file's text; null if it is none of this version.</summary>
    public static FactsFile? Parse(string text)
    {
        string[] lines = text.Split('\n');
        if (!lines[0].StartsWith(Header, StringComparison.Ordinal))
        {
            return null;
        }

        var facts = new FactsFile(Number<int>(lines[0].Substring(Header.Length)));
        FactsStruct? current = null;
        foreach (string[] words in lines.Skip(1).Where(l => l.Length > 0).Select(l => l.Split(' ')))
        {
            switch (words[0])
            {
                case "struct":
                    facts._structs[words[1]] = current = new FactsStruct(Number<int>(words[2]));
                    break;
                case "typedef":
                    facts._typedefs[words[1]] = words[2];
                    break;
                case "enum":
                    current = null;
                    break;
                case "var":
                    facts._variables[words[1]] = new FactsVariable(Number<long>(words[2]), FactsType.Parse(words[3]));
                    break;
                case "" when current is not null:
                    current.Members[words[3]] = new FactsMember(Number<int>(words[1]), FactsType.Parse(words[2]));
                    break;
                case "":
                    facts._constants[words[2]] = Number<long>(words[1]);
                    break;
            }
        }

        return facts;
    }

    /// <summary>A struct by its tag or a typedef, or null.</summary>
    public FactsStruct? Struct(string name) =>
        _structs.TryGetValue(name, out var found) || (_typedefs.TryGetValue(name, out string? tag) && _structs.TryGetValue(tag, out found)) ? found : null;

    /// <summary>A member of a struct by its path ("state.value" goes through the struct that state is), or null.</summary>
    public FactsMember? Member(FactsStruct of, string path)
    {
        if (of.Members.TryGetValue(path, out var found))
        {
            return found;
        }

        for (int dot = path.IndexOf('.'); dot > 0; dot = path.IndexOf('.', dot + 1))
        {
            if (of.Members.TryGetValue(path.Substring(0, dot), out var outer) && outer.Type is { Kind: 's', Length: null, Name: { } name }
                && Struct(name) is { } inner && Member(inner, path.Substring(dot + 1)) is { } member)
            {
                return new FactsMember(outer.Offset + member.Offset, member.Type);
            }
        }

        return null;
    }

    /// <summary>A variable, or null.</summary>
    public FactsVariable? Variable(string name) => _variables.TryGetValue(name, out var found) ? found : null;

    /// <summary>An enumeration's constant, or null.</summary>
    public long? Constant(string name) => _constants.TryGetValue(name, out long value) ? value : null;

    /// <summary>The files in which a name means different things, for the message about one that is not found alone.</summary>
    public IEnumerable<string> Qualified(string name) =>
        _structs.Keys.Concat(_variables.Keys).Where(k => k.StartsWith(name + "@", StringComparison.Ordinal));

    private static T Number<T>(string word)
        where T : struct => (T)Convert.ChangeType(word, typeof(T), CultureInfo.InvariantCulture);
}

/// <summary>A struct: its size and its members.</summary>
internal sealed class FactsStruct(int size)
{
    public int Size { get; } = size;

    public Dictionary<string, FactsMember> Members { get; } = new(StringComparer.Ordinal);
}

/// <summary>A member: where it is and what.</summary>
internal sealed class FactsMember(int offset, FactsType type)
{
    public int Offset { get; } = offset;

    public FactsType Type { get; } = type;
}

/// <summary>A variable: where it is and what.</summary>
internal sealed class FactsVariable(long address, FactsType type)
{
    public long Address { get; } = address;

    public FactsType Type { get; } = type;
}
