using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Pocketgres.Build.Tests;

/// <summary>
/// What eng/engine.sh and eng/toolchain.sh say when something is missing: one line, exit code 1, and nothing left that the next run would take for good.
/// The scripts run as copies in a directory of the test, with programs that only pretend to be a compiler; nothing is compiled.
/// </summary>
public sealed class EngineScriptTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public EngineScriptTests()
    {
        string eng = Path.Combine(Repository(), "eng");
        Directory.CreateDirectory(_directory["eng/engine"]);
        foreach (string file in Directory.GetFiles(eng, "*.sh").Concat(Directory.GetFiles(Path.Combine(eng, "engine"))))
        {
            File.Copy(file, Path.Combine(_directory["eng"], Path.GetRelativePath(eng, file)));
        }

        foreach (string tool in (string[])["clang++", "wasm-ld", "llvm-ar", "llvm-ranlib", "llvm-nm", "llvm-profdata", "make", "bison", "flex", "perl", "bzip2", "zic"])
        {
            WriteTool(tool, "exit 0");
        }

        WriteClang("19.1.7", "wasm64");
        Directory.CreateDirectory(_directory["emscripten/system/lib/libc/musl/src/string"]);
        File.WriteAllText(_directory["emscripten/system/lib/libc/musl/src/string/strlen.c"], "");
        File.WriteAllText(_directory["emscripten/emscripten-version.txt"], "\"3.1.69\"\n");
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void An_unknown_suite_is_named()
    {
        var (code, error) = Run("toolchain.sh", [], ("POCKETGRES_TOOLCHAIN", null), ("POCKETGRES_TOOLCHAIN_SUITE", "potato"));
        Assert.Equal(1, code);
        Assert.Equal("toolchain: POCKETGRES_TOOLCHAIN_SUITE is 'potato'; known are trixie and forky", error);
    }

    [Fact]
    public void A_missing_compiler_is_named()
    {
        File.Delete(_directory["bin/wasm-ld"]);
        var (code, error) = Run("engine.sh", ["--key"]);
        Assert.Equal(1, code);
        Assert.Equal("toolchain: POCKETGRES_TOOLCHAIN=path, but wasm-ld is not on the PATH; install it or unset the variable", error);
    }

    [Fact]
    public void A_compiler_that_is_too_old_is_refused()
    {
        WriteClang("14.0.6", "wasm64");
        var (code, error) = Run("engine.sh", ["--key"]);
        Assert.Equal(1, code);
        Assert.Equal("toolchain: clang on the PATH is 14.0.6, needed is 19 or newer; unset POCKETGRES_TOOLCHAIN to have one installed", error);
    }

    [Fact]
    public void A_compiler_without_64_bit_WebAssembly_is_refused()
    {
        WriteClang("19.1.7", "x86-64");
        Assert.Equal((1, "toolchain: clang on the PATH has no wasm64 target; unset POCKETGRES_TOOLCHAIN to have one installed"), Run("engine.sh", ["--key"]));
    }

    [Fact]
    public void An_archive_of_another_hash_is_refused()
    {
        string archive = WriteArchive();
        var (code, error) = Run("engine.sh", ["--key"], ("POCKETGRES_SOURCES", _directory["sources"]));
        Assert.Equal(1, code);
        Assert.StartsWith($"engine: {archive} has not the SHA-256 of eng/engine/sources", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_network_the_message_says_where_to_put_the_archive()
    {
        var (code, error) = Run("engine.sh", ["--key"], ("http_proxy", "http://127.0.0.1:9"), ("https_proxy", "http://127.0.0.1:9"));
        Assert.Equal(1, code);
        Assert.Contains($"put it into {_directory["artifacts/download/sources"]} or set POCKETGRES_SOURCES", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_directory["artifacts/download/sources"]));
    }

    [Fact]
    public void The_key_depends_on_the_source_the_port_and_the_compiler()
    {
        string archive = WriteArchive();
        Pin(archive);
        string first = Key();
        Assert.Equal(first, Key());

        File.AppendAllText(_directory["eng/engine/port.c"], "/* changed */");
        string changedPort = Key();
        Assert.NotEqual(first, changedPort);

        WriteClang("21.1.8", "wasm64");
        string changedCompiler = Key();
        Assert.NotEqual(changedPort, changedCompiler);

        File.AppendAllText(archive, "changed");
        Pin(archive);
        Assert.NotEqual(changedCompiler, Key());
    }

    [Fact]
    public void The_key_depends_on_further_extensions_and_on_their_source()
    {
        Pin(WriteArchive());
        string without = Key();

        string folder = _directory["sources/hypopg"];
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "hypopg.c"), "first");
        Assert.Equal(without, Key());
        string first = Key(("POCKETGRES_EXTENSIONS", "hypopg"));
        Assert.NotEqual(without, first);

        File.WriteAllText(Path.Combine(folder, "hypopg.c"), "second");
        Assert.NotEqual(first, Key(("POCKETGRES_EXTENSIONS", "hypopg")));
    }

    [Fact]
    public void An_unknown_extension_is_named()
    {
        Pin(WriteArchive());
        var (code, error) = Run("engine.sh", ["--key"], ("POCKETGRES_SOURCES", _directory["sources"]), ("POCKETGRES_EXTENSIONS", "nothing_known"));
        Assert.Equal(1, code);
        Assert.Equal("engine: eng/engine/sources and eng/engine/extensions have no line for nothing_known", error);
    }

    [Fact]
    public void Each_extension_of_the_manifest_says_where_it_comes_from_and_whether_it_is_built()
    {
        string[][] lines = [.. File.ReadLines(_directory["eng/engine/extensions"]).Where(l => !l.StartsWith('#')).Select(l => l.Split(' ', 8))];
        Assert.NotEmpty(lines);
        Assert.All(lines, l => Assert.Equal(8, l.Length));
        Assert.Equal(lines.Length, lines.DistinctBy(l => l[0]).Count());
        Assert.All(lines, l => Assert.Matches(l[7] == "enabled" ? "^[0-9a-f]{64}$" : "^([0-9a-f]{64}|-)$", l[2]));
        Assert.All(lines, l => Assert.Matches(l[2] == "-" ? "^-$" : @"^[a-z]+/[a-z0-9-]+/[^ /]+\.orig\.tar\.(gz|bz2|xz)$", l[3]));
        Assert.All(lines, l => Assert.Contains(l[5], (string[])["no", "yes", "optional"]));
    }

    [Fact]
    public void Building_an_extension_needs_its_directory_with_a_makefile()
    {
        const string Usage = "extension: usage: eng/extension.sh DIRECTORY [OUT] [ARGUMENTS...]; DIRECTORY has the extension's source";
        Assert.Equal((1, Usage), Run("extension.sh", []));
        Assert.Equal((1, Usage), Run("extension.sh", [_directory["absent"]]));
        Assert.Equal((1, $"extension: {_directory["bin"]} has no Makefile, CMakeLists.txt or meson.build: give the folder that has one"), Run("extension.sh", [_directory["bin"]]));
        File.WriteAllText(_directory["bin/Makefile"], "");
        var (code, error) = Run("extension.sh", [_directory["bin"]]);
        Assert.Equal(1, code); // the engine comes next, which these tests do not have
        Assert.DoesNotContain("Makefile", error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_library_imports_and_nobody_has_is_listed()
    {
        File.WriteAllBytes(_directory["postgres"], Module(imports: ["write"], exports: ["palloc"]));
        File.WriteAllBytes(_directory["library.so"], Module(imports: ["palloc", "write", "own", "invoke_vj", "absent"], exports: ["own"]));
        var start = new ProcessStartInfo("perl", [_directory["eng/engine/imports.pl"], _directory["postgres"], _directory["library.so"]]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        Assert.Equal("absent", process.StandardOutput.ReadToEnd().Trim());
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public void Data_that_is_not_all_of_ICUs_is_refused()
    {
        byte[] header = [32, 0, 0xDA, 0x27, 20, 0, 0, 0, 0, 0, 2, 0, .. "CmnD"u8, .. new byte[16]];
        byte[] table = [1, 0, 0, 0, 12, 0, 0, 0, 32, 0, 0, 0, .. "icudt78l/root.res\0"u8, .. new byte[6]];
        File.WriteAllBytes(_directory["data"], [.. header, .. table]);
        var start = new ProcessStartInfo("perl", [_directory["eng/engine/icu-data.pl"], _directory["data"], _directory["icu"], _directory["root"]]) { RedirectStandardError = true };
        using var process = Process.Start(start)!;
        Assert.StartsWith($"{_directory["data"]} has no ", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        process.WaitForExit();
        Assert.NotEqual(0, process.ExitCode);
        Assert.False(File.Exists(_directory["root"]));
    }

    /// <summary>A module of functions () -> () without bodies: what its import and export sections say.</summary>
    private static byte[] Module(string[] imports, string[] exports)
    {
        return [0, (byte)'a', (byte)'s', (byte)'m', 1, 0, 0, 0,
            .. Section(2, [(byte)imports.Length, .. imports.SelectMany(i => (byte[])[.. Text("env"), .. Text(i), 0, 0])]),
            .. Section(7, [(byte)exports.Length, .. exports.SelectMany(e => (byte[])[.. Text(e), 0, 0])])];

        static byte[] Section(byte id, byte[] content) => [id, (byte)content.Length, .. content];
        static byte[] Text(string text) => [(byte)text.Length, .. System.Text.Encoding.UTF8.GetBytes(text)];
    }

    private static string Repository([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", ".."));

    private void WriteTool(string name, string body)
    {
        Directory.CreateDirectory(_directory["bin"]);
        File.WriteAllText(_directory["bin/" + name], "#!/bin/sh\n" + body + "\n");
        File.SetUnixFileMode(_directory["bin/" + name], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private void WriteClang(string version, string target) => WriteTool("clang", $"case $1 in -dumpversion) echo {version} ;; --print-targets) echo {target} ;; esac");

    /// <summary>Something in place of PostgreSQL's archive, by the pinned name.</summary>
    private string WriteArchive()
    {
        string name = PinnedLine().Split('/')[^1];
        Directory.CreateDirectory(_directory["sources"]);
        string archive = _directory["sources/" + name];
        File.WriteAllText(archive, "not an archive");
        return archive;
    }

    private string PinnedLine() => File.ReadLines(_directory["eng/engine/sources"]).Single(l => l.StartsWith("postgresql ", StringComparison.Ordinal));

    private void Pin(string archive)
    {
        string line = PinnedLine();
        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(archive)));
        string sources = File.ReadAllText(_directory["eng/engine/sources"]);
        File.WriteAllText(_directory["eng/engine/sources"], sources.Replace(line.Split(' ')[2], hash, StringComparison.Ordinal));
    }

    private string Key(params (string Name, string? Value)[] environment)
    {
        var start = Start("engine.sh", ["--key"], [("POCKETGRES_SOURCES", _directory["sources"]), .. environment]);
        using var process = Process.Start(start)!;
        string key = process.StandardOutput.ReadToEnd().Trim();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error);
        Assert.Matches("^[0-9a-f]{16}$", key);
        return key;
    }

    private (int Code, string Error) Run(string script, string[] arguments, params (string Name, string? Value)[] environment)
    {
        using var process = Process.Start(Start(script, arguments, environment))!;
        string error = process.StandardError.ReadToEnd().Trim();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    private ProcessStartInfo Start(string script, string[] arguments, params (string Name, string? Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", [_directory["eng/" + script], .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["PATH"] = _directory["bin"] + ":/usr/bin:/bin";
        start.Environment["POCKETGRES_TOOLCHAIN"] = "path";
        start.Environment["EMSCRIPTEN_ROOT"] = _directory["emscripten"];
        foreach (string name in (string[])["POCKETGRES_SOURCES", "POCKETGRES_SOURCES_MIRROR", "POCKETGRES_ENGINE_DIR", "POCKETGRES_TOOLCHAIN_DIR", "POCKETGRES_EXTENSIONS"])
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }
}
