using System.CommandLine;

namespace Pocketgres.Cli;

/// <summary>A command that the root contains and <see cref="Program"/> runs when the command line asks for it.</summary>
internal interface ISubcommand
{
    /// <summary>What is parsed.</summary>
    Command Command { get; }

    /// <summary>Runs what was parsed; returns the exit code.</summary>
    /// <param name="result">The parsed command line.</param>
    /// <param name="tail">The words that were not parsed; null when there was none.</param>
    /// <exception cref="UsageException">It makes no sense.</exception>
    int Run(ParseResult result, IReadOnlyList<string>? tail);
}
