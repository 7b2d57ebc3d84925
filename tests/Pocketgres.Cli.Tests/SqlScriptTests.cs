using Pocketgres.Sql;

namespace Pocketgres.Cli.Tests;

/// <summary>Where one statement ends and the next begins.</summary>
public sealed class SqlScriptTests
{
    [Theory]
    [InlineData("select 1; select 2", "select 1", "select 2")]
    [InlineData(";;select 1;;", "select 1")]
    [InlineData("select ';' || \";\" ; x", "select ';' || \";\"", "x")]
    [InlineData("select 'it''s;' ; x", "select 'it''s;'", "x")]
    [InlineData(@"select E'\';' ; x", @"select E'\';'", "x")]
    [InlineData(@"select '\'; x", @"select '\'", "x")]
    [InlineData("do $$ begin; end $$; x", "do $$ begin; end $$", "x")]
    [InlineData("do $a$ $b$;$b$ $$;$$ $a$; x", "do $a$ $b$;$b$ $$;$$ $a$", "x")]
    [InlineData("select $1; x$a$; y", "select $1", "x$a$", "y")]
    [InlineData("select 1 -- ; no\n; x", "select 1 -- ; no", "x")]
    [InlineData("select /* ; /* ; */ ; */ 1; x", "select /* ; /* ; */ ; */ 1", "x")]
    [InlineData("create rule r as on insert to t do (a; b); x", "create rule r as on insert to t do (a; b)", "x")]
    [InlineData("-- only a comment\n", "")]
    [InlineData("--> statement-breakpoint\nselect 1;--> statement-breakpoint\nselect 2;", "--> statement-breakpoint\nselect 1", "--> statement-breakpoint\nselect 2")]
    [InlineData("create function f() returns int begin atomic select 1; select case when true then 1 end; end; x",
        "create function f() returns int begin atomic select 1; select case when true then 1 end; end", "x")]
    [InlineData("CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (1); END; BEGIN; END; x",
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (1); END", "BEGIN", "END", "x")]
    [InlineData("\uFEFFselect 1", "select 1")]
    [InlineData("\\restrict abc\nselect 1;\n\\unrestrict abc\n", "select 1")]
    public void Statements(string script, params string[] expected) =>
        Assert.Equal(expected.Where(e => e.Length > 0), SqlScript.Split(script).Select(s => s.Text));

    [Fact]
    public void Lines_words_and_the_data_of_copy()
    {
        var statements = SqlScript.Split("-- a\n\ncreate /* x */ unique\n  index concurrently \"I\" on t;\nCOPY t (a) FROM stdin;\n1;\t'\n2\n\\.\n\nselect 3;");
        Assert.Equal([3, 5, 10], statements.Select(s => s.Line));
        Assert.Equal(["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", "I", "ON", "T"], statements[0].Words);
        Assert.True(statements[0].NeedsNoTransaction());
        Assert.Equal(("CREATE", "I"), statements[0].ConcurrentIndex());
        Assert.Equal("1;\t'\n2\n", statements[1].CopyData);
        Assert.Equal("select 3", statements[2].Text);
    }

    [Theory]
    [InlineData("select 1;\nselect 'a", 2, "quote '")]
    [InlineData("/* /* */", 1, "comment")]
    [InlineData("do $x$ $y$", 1, "$x$")]
    [InlineData("\n\\i other.sql\n", 2, "\\i")]
    [InlineData("\\set x 1\n", 1, "\\set")]
    [InlineData("select 1 \\gexec\n", 1, "\\gexec")]
    public void Errors_name_the_line(string script, int line, string expected)
    {
        var e = Assert.Throws<SqlScriptException>(() => SqlScript.Split(script));
        Assert.Equal(line, e.Line);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("VACUUM t", true)]
    [InlineData("create index concurrently on t (a)", true)]
    [InlineData("create index on t (a)", false)]
    [InlineData("drop index concurrently if exists i", true)]
    [InlineData("reindex (verbose) table concurrently t", true)]
    [InlineData("refresh materialized view concurrently m", false)]
    [InlineData("alter table p detach partition c concurrently", true)]
    [InlineData("alter type e add value 'x'", false)]
    [InlineData("create database d", true)]
    [InlineData("alter system set a = b", true)]
    public void What_cannot_be_in_a_transaction(string sql, bool expected) => Assert.Equal(expected, SqlScript.Split(sql)[0].NeedsNoTransaction());
}
