using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>What is done at once: statements in one transaction, or one that PostgreSQL refuses in a transaction.</summary>
/// <param name="Statements">In their order.</param>
/// <param name="IsTransaction">Whether they are one transaction.</param>
/// <param name="IsRolledBack">Whether the script itself rolls it back.</param>
internal sealed record MigrationStep(IReadOnlyList<SqlStatement> Statements, bool IsTransaction, bool IsRolledBack = false);

/// <summary>Cuts a migration into steps: one, unless it has what cannot be in a transaction, or transactions of its own.</summary>
internal static class MigrationSteps
{
    /// <summary>Cuts.</summary>
    public static IReadOnlyList<MigrationStep> Of(Migration migration, IReadOnlyList<SqlStatement> statements)
    {
        // One BEGIN ... COMMIT around everything is what is done anyway.
        bool isWrapped = statements is [var first, .., var last] && first.IsBegin() && last.IsCommit();
        var inner = isWrapped ? statements.Skip(1).SkipLast(1).ToList() : statements;
        if (!inner.Any(s => s.IsBegin() || s.IsCommit() || s.IsRollback()))
        {
            if (!migration.NoTransaction && !inner.Any(s => s.NeedsNoTransaction()))
            {
                return [new MigrationStep(inner, IsTransaction: true)];
            }

            statements = inner;
        }

        var steps = new List<MigrationStep>();
        List<SqlStatement>? transaction = null;
        foreach (var statement in statements)
        {
            if (statement.IsBegin())
            {
                transaction ??= [];
            }
            else if (statement.IsCommit() || statement.IsRollback())
            {
                if (transaction is { Count: > 0 })
                {
                    steps.Add(new MigrationStep(transaction, IsTransaction: true, statement.IsRollback()));
                }

                transaction = null;
            }
            else if (transaction is not null)
            {
                transaction.Add(statement);
            }
            else
            {
                steps.Add(new MigrationStep([statement], IsTransaction: !statement.NeedsNoTransaction()));
            }
        }

        if (transaction is { Count: > 0 })
        {
            steps.Add(new MigrationStep(transaction, IsTransaction: true));
        }

        return steps;
    }
}
