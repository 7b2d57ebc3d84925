using Pocketgres.Build.Modules;

namespace Pocketgres.Build.Tests;

public class ModuleSourcesTests
{
    [Theory]
    [InlineData("plpgsql", "Pocketgres.Translated.Plpgsql")]
    [InlineData("utf8_and_big5", "Pocketgres.Translated.Utf8AndBig5")]
    [InlineData("uuid-ossp", "Pocketgres.Translated.UuidOssp")]
    [InlineData("postgis-3", "Pocketgres.Translated.Postgis3")]
    public void Assembly_names_are_legal(string module, string expected) => Assert.Equal(expected, Module(module).AssemblyName);

    [Fact]
    public void Libraries_are_ordered_whatever_order_they_come_in()
    {
        var sources = ModuleSources.Create(Module("postgres"), [Module("initdb")], [Module("b"), Module("a"), Module("c")]);
        Assert.Equal(["a", "b", "c"], sources.Libraries.Select(l => l.Name));
    }

    [Fact]
    public void Programs_are_ordered_too_and_the_server_is_the_first_of_all()
    {
        var sources = ModuleSources.Create(Module("postgres"), [Module("psql"), Module("initdb")], [Module("a")]);
        Assert.Equal(["postgres", "initdb", "psql", "a"], sources.All.Select(m => m.Name));
    }

    [Fact]
    public void Two_modules_of_one_assembly_name_are_refused_by_origin()
    {
        var e = Assert.Throws<BuildException>(() => ModuleSources.Create(Module("postgres"), [Module("initdb")], [Module("a_b"), Module("a-b")]));
        Assert.Contains("a_b.so", e.Message, StringComparison.Ordinal);
        Assert.Contains("a-b.so", e.Message, StringComparison.Ordinal);
    }

    private static ModuleSource Module(string name) => new(name, name + ".so", default);
}
