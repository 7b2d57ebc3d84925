using System.Collections.Concurrent;

namespace Pocketgres.Testing;

/// <summary>
/// Templates that all tests of a process share: each is built by the first test that needs it, whatever class it is in, and freed when the
/// process exits. Process-wide by nature, as test frameworks offer no place that fits all of them.
/// </summary>
public static class SharedTemplate
{
    // A database server that does not answer must not keep the test process.
    private static readonly TimeSpan s_exitPatience = TimeSpan.FromSeconds(10);

    private static readonly ConcurrentDictionary<Type, Lazy<Task<PostgresTemplate>>> s_templates = Create();

    /// <summary>The template, built when this is the first call. A failed build fails all its tests with the same exception.</summary>
    /// <typeparam name="TDefinition">What it contains.</typeparam>
    /// <param name="cancellationToken">Ends the wait; the build goes on for others.</param>
    public static Task<PostgresTemplate> GetAsync<TDefinition>(CancellationToken cancellationToken = default)
        where TDefinition : PostgresTemplateDefinition, new() =>
        s_templates.GetOrAdd(typeof(TDefinition), static _ => new Lazy<Task<PostgresTemplate>>(() => Task.Run(BuildAsync<TDefinition>))).Value
            .WaitAsync(cancellationToken);

    /// <summary>A copy of the template for one test, to be disposed by it.</summary>
    /// <typeparam name="TDefinition">What it contains.</typeparam>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<PostgresInstance> CloneAsync<TDefinition>(CancellationToken cancellationToken = default)
        where TDefinition : PostgresTemplateDefinition, new()
    {
        var template = await GetAsync<TDefinition>(cancellationToken).ConfigureAwait(false);
        return await template.CloneAsync(cancellationToken).ConfigureAwait(false);
    }

    private static Task<PostgresTemplate> BuildAsync<TDefinition>()
        where TDefinition : PostgresTemplateDefinition, new()
    {
        var definition = new TDefinition();
        return PostgresTemplate.CreateAsync(FillAsync, definition.Options);

        // All tests that need it fail with this: it says whose fault it is.
        async Task FillAsync(PostgresInstance postgres, CancellationToken cancellationToken)
        {
            try
            {
                await definition.BuildAsync(postgres, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new PocketgresException(PocketgresError.TemplateFailed, $"the template {typeof(TDefinition).FullName} could not be filled: {e.Message}", e);
            }
        }
    }

    private static ConcurrentDictionary<Type, Lazy<Task<PostgresTemplate>>> Create()
    {
        TestHostThreads.Ensure();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Task.Run(FreeAsync).Wait(s_exitPatience);
        return new ConcurrentDictionary<Type, Lazy<Task<PostgresTemplate>>>();
    }

    // Directories and databases on servers outlive a process.
    private static async Task FreeAsync()
    {
        foreach (var built in s_templates.Values.Where(t => t.IsValueCreated))
        {
            try
            {
                var template = await built.Value.ConfigureAwait(false);
                await template.DisposeAsync().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // The process ends; the next template is to be freed too.
            catch (Exception e)
#pragma warning restore CA1031
            {
                await Console.Error.WriteLineAsync($"pocketgres: a template could not be removed: {e.Message}").ConfigureAwait(false);
            }
        }
    }
}
