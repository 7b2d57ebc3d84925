using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Pocketgres.Copying;
using Pocketgres.Engine;
using Pocketgres.Kernel.Files;
using Pocketgres.Sql;

namespace Pocketgres.Directories;

/// <summary>The configuration of an imported directory: what this server does not have or cannot use is commented out where it stands, with the reason.</summary>
internal sealed partial class ImportedSettings
{
    // Half of what a process can have: docs/limits.md, Memory.
    private const long MaximumSharedBuffers = 2L << 30;
    private const int BlockSize = 8192;
    private const int ConfigurationLimit = 1 << 20;

    private static readonly string[] s_names = ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"];

    private static readonly Dictionary<string, string> s_elsewhere = new(StringComparer.Ordinal)
    {
        ["data_directory"] = "the data directory is this one",
        ["hba_file"] = "pg_hba.conf of this directory is used",
        ["ident_file"] = "pg_ident.conf of this directory is used",
        ["config_file"] = "postgresql.conf of this directory is used",
        ["external_pid_file"] = "that file belongs to the source's server",
        ["archive_mode"] = "this copy would write into the archive of the source: choose another archive_command first",
    };

    private readonly string _directory;
    private readonly NpgsqlConnection _probe;
    private readonly List<string> _notes = [];

    private ImportedSettings(string directory, NpgsqlConnection probe) => (_directory, _probe) = (directory, probe);

    /// <summary>Brings the configuration files that lie elsewhere (Debian's in /etc/postgresql) into a directory that has none.</summary>
    /// <param name="directory">The copy.</param>
    /// <param name="source">The directory that it is a copy of.</param>
    /// <param name="given">Where they are, if that was said.</param>
    /// <returns>A line about it, or null when they are there.</returns>
    public static string? Complete(string directory, string source, string? given)
    {
        if (given is null && s_names.All(n => File.Exists(Path.Combine(directory, n))))
        {
            return null;
        }

        if ((given ?? FindDebians(source)) is { } place)
        {
            if (!File.Exists(Path.Combine(place, s_names[0])))
            {
                throw new CopyException($"{place} has no {s_names[0]}: give the directory of the configuration files");
            }

            foreach (string file in Directory.EnumerateFiles(place, "*", SearchOption.AllDirectories))
            {
                string copy = Path.Combine(directory, Path.GetRelativePath(place, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy, overwrite: true);
                File.SetUnixFileMode(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            return $"configuration files are those of {place}";
        }

        var template = MemoryFileSystem.FromImage(EngineFiles.Default.Template);
        foreach (string name in s_names.Where(n => !File.Exists(Path.Combine(directory, n))))
        {
            string path = Path.Combine(directory, name);
            File.WriteAllBytes(path, FileTree.ReadAll(template, "/" + name, ConfigurationLimit));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return "configuration files that were missing are those of a new cluster (--config DIR names others)";
    }

    /// <summary>Adapts the files.</summary>
    /// <param name="directory">The copy.</param>
    /// <param name="probe">A connection to a server of this build that may be changed.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>A line about each change.</returns>
    public static async Task<IReadOnlyList<string>> AdaptAsync(string directory, NpgsqlConnection probe, CancellationToken cancellationToken)
    {
        var settings = new ImportedSettings(directory, probe);
        List<ConfigurationFile> files =
            [.. ConfigurationFile.ReadAll(Path.Combine(directory, s_names[0])), .. ConfigurationFile.ReadAll(Path.Combine(directory, "postgresql.auto.conf"))];
        var all = files.SelectMany(f => f.Settings).ToList();
        foreach (var file in files)
        {
            bool isChanged = false;
            foreach (var (line, name, value) in file.Settings.ToList())
            {
                if (await settings.WhyNotAsync(name, value, all, cancellationToken) is not var (reason, instead))
                {
                    continue;
                }

                file.CommentOut(line, reason);
                if (instead is not null)
                {
                    file.Append(line, instead);
                }

                settings._notes.Add($"{Path.GetRelativePath(directory, file.Path)}: {name} = {value}: {reason}");
                isChanged = true;
            }

            if (isChanged)
            {
                file.Write();
            }
        }

        settings.AdaptAuthentication();
        return settings._notes;
    }

    private async Task<(string Reason, string? Instead)?> WhyNotAsync(
        string name, string value, List<(int Line, string Name, string Value)> all, CancellationToken cancellationToken)
    {
        if (s_elsewhere.TryGetValue(name, out string? elsewhere) && !(name == "archive_mode" && value is "off"))
        {
            return (elsewhere, null);
        }

        switch (name)
        {
            case "include" or "include_if_exists" or "include_dir":
                return Path.IsPathRooted(value) ? ("files outside of the directory are not taken over: write their settings here", null)
                    : name == "include_if_exists" || Path.Exists(Path.Combine(_directory, value)) ? null : ("it is not in the directory", null);
            case "shared_preload_libraries" or "session_preload_libraries" or "local_preload_libraries":
                return await LackingLibrariesAsync(name, value, cancellationToken);
            case "ssl" when value is "on" or "true" or "yes" or "1":
                string[] lacking = [.. new[] { (File: Last("ssl_cert_file", "server.crt"), IsSecret: false), (File: Last("ssl_key_file", "server.key"), IsSecret: true) }.Where(f => !IsUsable(f.File, f.IsSecret)).Select(f => f.File)];
                return lacking.Length == 0 ? null : ($"{string.Join(" and ", lacking)} cannot be read, or the key can be by others; pocketgres serve --tls makes a certificate", null);
            case "shared_buffers" when Bytes(value) > MaximumSharedBuffers:
                return ("a process has 4 GiB of memory here: choose 2GB at most", null);
        }

        try
        {
            await _probe.ExecuteAsync($"ALTER SYSTEM SET {string.Join('.', name.Split('.').Select(SqlCalls.Identifier))} = {SqlCalls.Literal(value)}", cancellationToken);
            return null;
        }
        catch (PostgresException e) when (!cancellationToken.IsCancellationRequested)
        {
            return (e.MessageText + (string.IsNullOrEmpty(e.Detail) ? "" : "; " + e.Detail), null);
        }

        string Last(string setting, string otherwise) => all.LastOrDefault(s => s.Name == setting).Value ?? otherwise;
    }

    private async Task<(string Reason, string? Instead)?> LackingLibrariesAsync(string name, string value, CancellationToken cancellationToken)
    {
        string[] libraries = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var lacking = new List<string>();
        foreach (string library in libraries)
        {
            if (await LacksAsync(_probe, library.Trim('"'), cancellationToken))
            {
                lacking.Add(library);
            }
        }

        string rest = string.Join(", ", libraries.Except(lacking));
        return lacking.Count == 0 ? null
            : ($"this build does not have {string.Join(", ", lacking)}", rest.Length > 0 ? $"{name} = {SqlCalls.Literal(rest)}" : null);
    }

    /// <summary>Whether the server of a connection does not have a library.</summary>
    public static async Task<bool> LacksAsync(NpgsqlConnection connection, string library, CancellationToken cancellationToken)
    {
        // Other errors are of the library itself: it is there. None may reach Npgsql, which gives the connection up after some.
        await connection.ExecuteAsync(
            $"""
            DO LANGUAGE plpgsql {SqlCalls.Literal($"""
                BEGIN
                    PERFORM set_config('pocketgres.lacks', 'no', false);
                    LOAD {SqlCalls.Literal(library)};
                EXCEPTION
                    WHEN undefined_file THEN PERFORM set_config('pocketgres.lacks', 'yes', false);
                    WHEN OTHERS THEN NULL;
                END
                """)}
            """, cancellationToken);
        return await connection.ValueAsync<string>("SELECT current_setting('pocketgres.lacks')", cancellationToken) == "yes";
    }

    // A line of a method that is not here would keep the server from starting; without it a later line might let in whom it kept out.
    private void AdaptAuthentication()
    {
        string path = Path.Combine(_directory, s_names[1]);
        string[] lines = File.ReadAllLines(path);
        bool isChanged = false;
        for (int i = 0; i < lines.Length; i++)
        {
            if (HostRule().Match(lines[i]) is { Success: true } rule)
            {
                string method = rule.Groups["method"].Value;
                bool isGss = rule.Groups["who"].Value.StartsWith("hostgssenc", StringComparison.Ordinal);
                string reason = isGss ? "this build has no GSS encryption" : $"this build does not have the method {method}: rejected";
                lines[i] = $"# pocketgres: {reason}\n#{lines[i]}{(isGss ? "" : $"\n{rule.Groups["who"].Value}reject")}";
                _notes.Add($"{s_names[1]}, line {(i + 1).ToString(CultureInfo.InvariantCulture)}: {reason}");
                isChanged = true;
            }
        }

        if (isChanged)
        {
            File.WriteAllLines(path, lines);
        }
    }

    // The server takes every file for its user's own, and such a key may be nobody else's.
    private bool IsUsable(string file, bool isSecret)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        try
        {
            string path = Path.Combine(_directory, file);
            File.OpenRead(path).Dispose();
            return !isSecret || (File.GetUnixFileMode(path) & Others) == 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string? FindDebians(string source)
    {
        const string Root = "/etc/postgresql/18";
        return !Directory.Exists(Root) ? null : Directory.EnumerateDirectories(Root).FirstOrDefault(d =>
            ConfigurationFile.ReadAll(Path.Combine(d, s_names[0])).SelectMany(f => f.Settings).Any(s => s.Name == "data_directory" && Path.GetFullPath(s.Value) == source));
    }

    private static long Bytes(string value) => Memory().Match(value) is { Success: true } m && long.TryParse(m.Groups[1].Value, CultureInfo.InvariantCulture, out long number)
        ? number * (m.Groups[2].Value switch { "kB" => 1L << 10, "MB" => 1L << 20, "GB" => 1L << 30, "TB" => 1L << 40, "B" => 1, _ => BlockSize })
        : 0;

    [GeneratedRegex("^([0-9]{1,9})\\s*(B|kB|MB|GB|TB)?$")]
    private static partial Regex Memory();

    [GeneratedRegex("""^(?<who>\s*(?:hostgssenc\s.*?|(?:local|host|hostssl|hostnossl|hostnogssenc)\s+.*?\s))(?<method>gss|sspi|pam|bsd|ldap|(?<=hostgssenc\s.*)\S+)(?:\s|$)""")]
    private static partial Regex HostRule();
}
