using System.Globalization;

namespace Pocketgres.Build.Profiles;

/// <summary>The text that .NET writes with <c>DOTNET_WritePGOData</c>.</summary>
/// <remarks>
/// A method begins with a line <c>@@@</c> and has <c>MethodName: NAME</c>. Each element of its schema is a line
/// <c>Schema InstrumentationKind K ILOffset O Count N Other T</c>, followed by N lines of data.
/// </remarks>
internal static class ProfileText
{
    private const string Method = "@@@", Name = "MethodName: ", Schema = "Schema InstrumentationKind ";
    private const int KindField = 2, OffsetField = 4, CountField = 6, OtherField = 8;

    public static IReadOnlyList<MethodProfile> Parse(IEnumerable<string> lines)
    {
        var methods = new List<MethodProfile>();
        var counters = new List<ProfileCounter>();
        string? name = null;
        string[] schema = [];
        int data = 0;
        foreach (string line in lines)
        {
            if (line.StartsWith(Method, StringComparison.Ordinal))
            {
                Add();
            }
            else if (line.StartsWith(Name, StringComparison.Ordinal))
            {
                name = line[Name.Length..];
            }
            else if (line.StartsWith(Schema, StringComparison.Ordinal))
            {
                schema = line.Split(' ');
                data = Number(schema[CountField]);
            }
            else if (data > 0)
            {
                data--;
                int kind = Number(schema[KindField]);
                if (ProfileCounter.IsCount(kind))
                {
                    counters.Add(new ProfileCounter(kind, Number(schema[OffsetField]), Number(schema[OtherField]), long.Parse(line, CultureInfo.InvariantCulture)));
                }
            }
        }

        Add();
        return methods;

        void Add()
        {
            if (name is not null && counters.Count > 0)
            {
                methods.Add(new MethodProfile(name, [.. counters]));
            }

            name = null;
            counters.Clear();
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
