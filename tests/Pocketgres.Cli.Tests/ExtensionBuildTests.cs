using Pocketgres.Cli.Tests.Support;

namespace Pocketgres.Cli.Tests;

/// <summary><c>extension build</c> as a process: what it makes of an extension in C, and what it says of what is wrong.</summary>
public sealed class ExtensionBuildTests : IDisposable
{
    private const string Code = """
        #include "postgres.h"
        #include "fmgr.h"
        PG_MODULE_MAGIC;
        PG_FUNCTION_INFO_V1(doubled);
        Datum doubled(PG_FUNCTION_ARGS) { PG_RETURN_INT64(2 * PG_GETARG_INT64(0)); }
        """;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [EngineTreeFact]
    public async Task An_extension_is_compiled_and_the_same_bytes_come_from_another_folder()
    {
        WriteExtension("one/doubled", Code);
        WriteExtension("two/and/doubled", Code);
        string[] made = [];
        foreach (string folder in (string[])["one/doubled", "two/and/doubled"])
        {
            string output = _directory.Below("output-of-" + folder.Replace('/', '-'));
            var result = await CliProcess.RunAsync("extension", "build", _directory.Below(folder), "--output", output);
            Assert.Equal((0, output + "\n", $"extension: doubled is in {output}\n"), (result.ExitCode, result.Output, result.Error));
            Assert.True(File.Exists(Path.Combine(output, "share/postgresql/extension/doubled.control")));
            Assert.True(File.Exists(Path.Combine(output, "share/postgresql/extension/doubled--1.0.sql")));
            byte[] library = File.ReadAllBytes(Path.Combine(output, "lib/postgresql/doubled.so"));
            Assert.Equal("\0asm"u8, library.AsSpan(0, 4));
            made = [.. made, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(library))];
        }

        Assert.Equal(made[0], made[1]);
        Assert.Empty(Directory.GetFiles(_directory.Below("one/doubled"), "*.o")); // compiled in a copy
    }

    [EngineTreeFact]
    public async Task An_error_of_the_compiler_is_said_with_file_and_line()
    {
        WriteExtension("doubled", Code.Replace("2 *", "two *", StringComparison.Ordinal));
        var result = await BuildAsync("doubled");
        Assert.Equal(1, result.ExitCode);
        Assert.Matches(@"^extension: doubled failed: doubled\.c:5:\d+: error: use of undeclared identifier 'two' \(all of it: [^\n]*\)\n$", result.Error);
        Assert.False(Directory.Exists(_directory.Below("output")));
    }

    [EngineTreeFact]
    public async Task What_the_library_imports_and_the_engine_does_not_have_is_named()
    {
        WriteExtension("doubled", Code.Replace("{ PG", "{ extern int curl_global_init(long); curl_global_init(3); PG", StringComparison.Ordinal));
        var result = await BuildAsync("doubled");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("extension: doubled failed: error: doubled.so needs what the engine does not have: curl_global_init (", result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory.Below("output")));
    }

    [EngineTreeFact]
    public async Task A_full_disk_is_called_that()
    {
        _directory.Write("doubled/Makefile", "all:\n\t@echo 'cc1: error: cannot write: No space left on device' >&2; exit 1\n");
        var result = await BuildAsync("doubled");
        Assert.Equal((1, "extension: the disk is full; free some space and run again\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_folder_that_nobody_knows_how_to_build_is_refused()
    {
        _directory.Write("doubled/doubled.c", Code);
        var result = await BuildAsync("doubled");
        Assert.Equal((1, $"extension: {_directory.Below("doubled")} has no Makefile, CMakeLists.txt or meson.build: give the folder that has one\n"), (result.ExitCode, result.Error));
        result = await BuildAsync("absent");
        Assert.Equal((2, $"pocketgres: {_directory.Below("absent")} is no directory: give the folder of the extension's source\n"), (result.ExitCode, result.Error));
        result = await CliProcess.RunAsync("extension");
        Assert.Equal((2, "pocketgres: extension has one command: \"pocketgres extension build DIR\"\n"), (result.ExitCode, result.Error));
    }

    private Task<CliResult> BuildAsync(string folder) => CliProcess.RunAsync("extension", "build", _directory.Below(folder), "--output", _directory.Below("output"));

    private void WriteExtension(string folder, string code)
    {
        _directory.Write(folder + "/Makefile", "MODULES = doubled\nEXTENSION = doubled\nDATA = doubled--1.0.sql\nPG_CONFIG = pg_config\nPGXS := $(shell $(PG_CONFIG) --pgxs)\ninclude $(PGXS)\n");
        _directory.Write(folder + "/doubled.c", code);
        _directory.Write(folder + "/doubled.control", "comment = 'twice as much'\ndefault_version = '1.0'\nmodule_pathname = '$libdir/doubled'\n");
        _directory.Write(folder + "/doubled--1.0.sql", "CREATE FUNCTION doubled(bigint) RETURNS bigint AS 'MODULE_PATHNAME' LANGUAGE C STRICT;\n");
    }
}
