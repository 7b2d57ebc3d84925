using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;

namespace Pocketgres.Generators;

/// <summary>C names of C# members.</summary>
internal static class CNames
{
    /// <summary>The name that the attribute gives; else as written, with a small first letter, and with underscores.</summary>
    public static IEnumerable<string> Of(ISymbol member)
    {
        var given = member.GetAttributes().FirstOrDefault(a => a.AttributeClass?.Name == Attributes.Name);
        if (given?.ConstructorArguments.FirstOrDefault().Value is string name)
        {
            return [name];
        }

        var underscores = new StringBuilder();
        foreach (char c in member.Name)
        {
            if (char.IsUpper(c) && underscores.Length > 0)
            {
                underscores.Append('_');
            }

            underscores.Append(char.ToLowerInvariant(c));
        }

        return [member.Name, char.ToLowerInvariant(member.Name[0]) + member.Name.Substring(1), underscores.ToString()];
    }
}
