using Pocketgres.Build.Modules;
using Pocketgres.Pglite;
using Pocketgres.Pglite.Patches;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Build.Tests;

/// <summary>What is pinned about pglite.wasm, against the real file; and that another file fails with the name of what does not fit.</summary>
public class PgliteFactsTests(PglitePackageFixture pglite) : IClassFixture<PglitePackageFixture>
{
    [Fact]
    public void The_package_lists_the_pinned_number_of_files() => Assert.Equal(PglitePackage.DataFileCount, pglite.Index.Count);

    [Fact]
    public void Every_patch_was_applied_as_often_as_expected()
    {
        var report = pglite.Results[0].Report;
        var applied = report.Patches.ToDictionary(p => p.Name, p => p.Matches);
        var patches = PglitePatches.ForPostgres();
        Assert.Equal(patches.Select(p => p.Name).Order(), applied.Keys.Order());
        Assert.Equal(2, applied["main: waitpid"]);
        Assert.Equal(7, applied["ListenServerPort: socket"]);
        Assert.Equal(2, applied["CreateAnonymousSegment: mmap"]);
        Assert.Equal(17, applied.Where(p => p.Key.Contains("PGSemaphore", StringComparison.Ordinal)).Sum(p => p.Value));
    }

    [Fact]
    public void Every_patch_pins_its_function() => Assert.All(PglitePatches.ForPostgres(), p => Assert.NotNull(p.Fingerprint));

    [Fact]
    public void Recursion_is_bounded_but_not_in_the_hottest_functions()
    {
        var report = pglite.Results[0].Report;
        Assert.InRange(report.BoundedThroughTable, 1400, 1600);
        Assert.Contains(report.BoundedInCycles, f => f.EndsWith("_exprType", StringComparison.Ordinal)); // it calls itself without a check
        var hot = PgliteRecursion.Facts.Dispatchers.Keys.Select(f => $"f{f}").ToHashSet(StringComparer.Ordinal);
        Assert.DoesNotContain(report.BoundedInCycles, f => hot.Contains(f.Split('_')[0]));
        Assert.DoesNotContain(report.BoundedInCycles, f => f.EndsWith("_copyObjectImpl", StringComparison.Ordinal)); // it checks
    }

    [Fact]
    public void Every_hidden_export_is_pinned() => Assert.All(PgliteHiddenExports.ByName.Values, index => Assert.Contains(index, PgliteFingerprints.ByIndex.Keys));

    [Theory]
    [InlineData(PgliteAddresses.ClassTypeInfoTable, "N10__cxxabiv117__class_type_infoE")]
    [InlineData(PgliteAddresses.SingleBaseTypeInfoTable, "N10__cxxabiv120__si_class_type_infoE")]
    [InlineData(PgliteAddresses.MultipleBaseTypeInfoTable, "N10__cxxabiv121__vmi_class_type_infoE")]
    public void The_vtables_of_type_information_are_where_they_are_said_to_be(int table, string name)
    {
        byte[] memory = File.ReadAllBytes(Path.Combine(pglite.Output, EngineArtifacts.PostgresAssembly + EngineArtifacts.MemoryExtension));
        Assert.Equal(0, BitConverter.ToInt32(memory, table)); // offset to top
        int type = BitConverter.ToInt32(memory, table + 4), text = BitConverter.ToInt32(memory, type + 4);
        Assert.Equal(name + "\0", System.Text.Encoding.ASCII.GetString(memory, text, name.Length + 1));
    }

    [Fact]
    public void Postgis_is_an_add_on_that_is_bound_to_the_host_and_guarded()
    {
        var postgis = pglite.Results.Single(r => r.Source.AddOn is not null);
        Assert.Equal(("postgis-3", "postgis"), (postgis.Source.Name, postgis.Source.AddOn));
        Assert.All(postgis.Report.Imports.Where(i => i.Kind == ImportBindingKind.Refused), i => Assert.True(PostgisLibraries.IsRefused(i.Name)));
        var guards = PostgisLibraries.Guards(WasmModule.Parse(postgis.Source.Bytes)).ToDictionary(g => g.Function, g => g.Result);
        Assert.Equal(2, guards["GEOSIntersects"]);
        Assert.Equal(2, guards["GEOSPreparedContains"]);
        Assert.Equal(-1, guards["GEOSGetNumGeometries"]);
        Assert.Equal(0, guards["GEOSIntersection"]);
        Assert.DoesNotContain(guards.Keys, k => k.EndsWith("_r", StringComparison.Ordinal));
    }

    [Fact]
    public void The_programs_have_no_unresolved_import()
    {
        Assert.Equal(["postgres", "initdb"], pglite.Results.Take(2).Select(r => r.Source.Name));
        Assert.All(pglite.Results.Take(2), r => Assert.Empty(r.Report.Unresolved));
    }

    [Fact]
    public void Each_module_becomes_an_assembly_a_manifest_and_a_memory_image()
    {
        Assert.Contains("plpgsql", pglite.Sources.Libraries.Select(l => l.Name));
        var files = pglite.Results.SelectMany(r => (string[])[".dll", ".manifest", ".mem"], (r, extension) => r.Source.AssemblyName + extension);
        Assert.Equal(files.Order(), Directory.EnumerateFiles(pglite.Output, "*", SearchOption.AllDirectories).Select(f => Path.GetFileName(f)!).Order());
    }

    [Fact]
    public void Libraries_do_not_share_slots_for_globals()
    {
        var slots = new HashSet<int>();
        foreach (var library in pglite.Sources.Libraries)
        {
            using var stream = File.OpenRead(Path.Combine(pglite.Output, library.AddOn ?? "", library.AssemblyName + EngineArtifacts.ManifestExtension));
            var manifest = ModuleManifest.Load(stream);
            Assert.True(slots.Add(manifest.MemoryBaseSlot), library.Name);
            Assert.True(slots.Add(manifest.TableBaseSlot), library.Name);
            Assert.All(manifest.Got, g => Assert.True(slots.Add(g.Slot), $"{library.Name}: {g.Name}"));
        }
    }

    [Fact]
    public void A_function_with_another_body_fails_with_the_name_of_its_patch()
    {
        byte[] bytes = [.. pglite.Package[PglitePackage.PostgresWasm]];
        var (start, length) = WasmBodies.Find(bytes, PgliteFunctions.Kill);
        bytes[start + length - 2] ^= 1;
        var e = Assert.Throws<BuildException>(() => Translate(bytes));
        Assert.Contains(PglitePackage.PostgresWasm, e.Message, StringComparison.Ordinal);
        Assert.Contains("kill", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_is_only_called_by_index_is_checked_too()
    {
        byte[] bytes = [.. pglite.Package[PglitePackage.PostgresWasm]];
        var (start, length) = WasmBodies.Find(bytes, PgliteFunctions.SmgrDestroyAll);
        bytes[start + length - 2] ^= 1;
        var e = Assert.Throws<BuildException>(() => Translate(bytes));
        Assert.Contains(nameof(PgliteFunctions.SmgrDestroyAll), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_host_function_is_named()
    {
        using var directory = new TemporaryDirectory();
        var e = Assert.Throws<BuildException>(
            () => new EngineTranslator(PglitePackageFixture.KernelHostFunctions).TranslateAll(pglite.Input(pglite.Sources), directory.Path));
        Assert.Contains("postgres.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_export_that_is_gone_is_named()
    {
        var empty = WasmModule.Parse("\0asm\x01\0\0\0"u8.ToArray());
        var e = Assert.Throws<BuildException>(() => PinnedFacts.CheckFunctions(empty));
        Assert.Contains("ProcessInterrupts", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variable_that_moved_is_named_with_both_addresses()
    {
        var manifest = new ModuleManifest { AssemblyName = "x" };
        manifest.Variables["MyProcPid"] = 4711;
        manifest.Variables["pg_global_prng_state"] = PgliteAddresses.PgGlobalPrngState;
        var e = Assert.Throws<BuildException>(() => PinnedFacts.CheckVariables(manifest));
        Assert.Contains("MyProcPid is at 4711", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("prng", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_module_are_reported_by_origin()
    {
        using var directory = new TemporaryDirectory();
        var broken = ModuleSources.Create(
            pglite.Sources.Postgres, [new ModuleSource("initdb", "initdb.wasm", "not wasm"u8.ToArray())], pglite.Sources.Libraries);
        var e = Assert.Throws<BuildException>(() => new EngineTranslator(PglitePackageFixture.AllHostFunctions).TranslateAll(pglite.Input(broken), directory.Path));
        Assert.StartsWith("initdb.wasm: ", e.Message, StringComparison.Ordinal);
    }

    private void Translate(byte[] postgres)
    {
        using var directory = new TemporaryDirectory();
        var sources = ModuleSources.Create(new ModuleSource("postgres", PglitePackage.PostgresWasm, postgres), pglite.Sources.Programs, []);
        new EngineTranslator(PglitePackageFixture.AllHostFunctions).TranslateAll(pglite.Input(sources), directory.Path);
    }
}
