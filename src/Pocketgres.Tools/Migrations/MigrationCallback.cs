namespace Pocketgres.Migrations;

/// <summary>A script that is run beside the migrations, in one transaction.</summary>
/// <param name="Moment">When.</param>
/// <param name="Script">What; its name and checksum are not compared.</param>
internal sealed record MigrationCallback(CallbackMoment Moment, Migration Script);

/// <summary>When a callback is run.</summary>
internal enum CallbackMoment
{
    /// <summary>Before anything else, each time.</summary>
    Before,

    /// <summary>When migrations were applied, after all of them.</summary>
    AfterApplied,

    /// <summary>After anything else, each time.</summary>
    After,
}
