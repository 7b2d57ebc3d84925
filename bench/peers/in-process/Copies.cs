using System.Globalization;
using Npgsql;

namespace Pocketgres.Bench.InProcess;

/// <summary>COPY in text format between the server and memory of the program.</summary>
internal static class Copies
{
    public static Measurement Out(NpgsqlConnection connection, string source) => Measurement.Of(() =>
    {
        using var reader = connection.BeginTextExport($"COPY {source} TO STDOUT");
        char[] part = new char[1 << 14];
        while (reader.Read(part) > 0)
        {
        }
    });

    /// <summary>Into the table <c>copied</c>. The rows are made before the time counts, as for the other peers (measures.CopyIn).</summary>
    public static Measurement In(NpgsqlConnection connection, int rows)
    {
        string[] lines = new string[rows];
        for (int i = 0; i < rows; i++)
        {
            lines[i] = string.Create(CultureInfo.InvariantCulture, $"{i}\t{i * 7919L % 1000003}\tthe text of row number {i}\n");
        }

        return Measurement.Of(() =>
        {
            using var writer = connection.BeginTextImport("COPY copied FROM STDIN");
            foreach (string line in lines)
            {
                writer.Write(line);
            }
        });
    }
}
