using Pocketgres.Server.Creation;

namespace Pocketgres.Cli.Tests;

public class ScriptReaderTests
{
    [Theory]
    [InlineData("select 1; select 2", "select 1", "select 2")]
    [InlineData(" ;; -- nothing\n;", new string[0])]
    [InlineData("select ';', \";\", E'\\';', 'it''s;'; x", "select ';', \";\", E'\\';', 'it''s;'", "x")]
    [InlineData("select 'a\\'; x", "select 'a\\'", "x")]
    [InlineData("select $$;$$, $a$;$$;$a$, $1; x", "select $$;$$, $a$;$$;$a$, $1", "x")]
    [InlineData("select /* ; /* ; */ ; */ 1; x", "select /* ; /* ; */ ; */ 1", "x")]
    [InlineData("create rule r as on insert to t do (select 1; select 2); x", "create rule r as on insert to t do (select 1; select 2)", "x")]
    [InlineData("create or replace function f() returns int begin atomic select case 1 when 1 then 2 end; end; x",
        "create or replace function f() returns int begin atomic select case 1 when 1 then 2 end; end", "x")]
    [InlineData("begin; select 1; end", "begin", "select 1", "end")]
    [InlineData("\\connect shop\nselect 1;", "\\connect shop", "select 1")]
    [InlineData("select 1 -- ; '\n, 2;", "select 1 \n, 2")]
    public void Statements_end_where_psql_ends_them(string text, params string[] expected)
    {
        var script = new ScriptReader(new StringReader(text));
        var found = new List<string>();
        while (script.Next() is { } statement)
        {
            found.Add(statement);
        }

        Assert.Equal(expected, found);
    }

    [Fact]
    public void Data_of_copy_is_read_as_it_is()
    {
        var script = new ScriptReader(new StringReader("-- one\ncopy t from stdin;\na;'b\n\\.\nselect 1;"));
        Assert.Equal("copy t from stdin", script.Next());
        Assert.Equal(2, script.StatementLine);
        Assert.Equal("a;'b", script.ReadDataLine());
        Assert.Equal("\\.", script.ReadDataLine());
        Assert.Equal("select 1", script.Next());
        Assert.Equal(5, script.StatementLine);
        Assert.Null(script.Next());
    }

    [Theory]
    [InlineData("host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\nlocal all all trust\n#host all all all trust", OutsideAccess.None)]
    [InlineData("host all all localhost md5", OutsideAccess.None)]
    [InlineData("host all all all scram-sha-256", OutsideAccess.Some)]
    [InlineData("host all all 10.0.0.0 255.0.0.0 trust", OutsideAccess.Some | OutsideAccess.WithoutPassword)]
    [InlineData("hostnossl \"my db\" all 0.0.0.0/0 trust", OutsideAccess.Some | OutsideAccess.WithoutPassword)]
    [InlineData("include_dir rules", OutsideAccess.Some)]
    [InlineData("", OutsideAccess.None)]
    public void Who_is_let_in_from_outside(string text, object expected) => Assert.Equal((OutsideAccess)expected, HostBasedAuthentication.Outside(text));

    [Fact]
    public void The_rules_of_a_new_cluster()
    {
        Assert.Equal(OutsideAccess.None, HostBasedAuthentication.Outside(HostBasedAuthentication.Text(new ClusterSetup())));
        Assert.Equal(OutsideAccess.Some, HostBasedAuthentication.Outside(HostBasedAuthentication.Text(new ClusterSetup { HostMethod = "scram-sha-256" })));
        string peer = HostBasedAuthentication.Text(new ClusterSetup { LocalMethod = "peer" });
        Assert.Matches(@"(?m)^local\s+all\s+all\s+peer$", peer);
        Assert.DoesNotMatch(@"(?m)^host.*peer$", peer);
    }
}
