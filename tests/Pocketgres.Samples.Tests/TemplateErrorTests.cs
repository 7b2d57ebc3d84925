using Pocketgres.Testing;

namespace Pocketgres.Samples.Tests;

public class TemplateErrorTests
{
    [Fact]
    public async Task A_template_that_cannot_be_filled_is_named()
    {
        PocketgresException e = await Assert.ThrowsAsync<PocketgresException>(() => SharedTemplate.CloneAsync<BrokenTemplate>());
        Assert.Equal(PocketgresError.TemplateFailed, e.Error);
        Assert.Contains(typeof(BrokenTemplate).FullName!, e.Message, StringComparison.Ordinal);
        Assert.Contains("no_such_table", e.Message, StringComparison.Ordinal);
        Assert.Equal(PostgresErrorCodes.UndefinedTable, Assert.IsType<PostgresException>(e.InnerException).SqlState);
    }

    public sealed class BrokenTemplate : PostgresTemplateDefinition
    {
        public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken)
        {
            await using var command = postgres.DataSource.CreateCommand("insert into no_such_table values (1)");
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
