using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// Notices when a session creates an extension, or loads a library, that works only when the postmaster has loaded it before, and has the next
/// start preload it: then nobody need configure anything. An extension that is not compiled yet is called that.
/// </summary>
public static unsafe class PreloadRequests
{
    private const int Notice = 18, Warning = 19; // utils/elog.h
    private const string ObjectNotInPrerequisiteState = "55000";

    /// <summary>Runs before CreateExtension(ParseState *, CreateExtensionStmt *); what only a superuser may create is requested by nobody else.</summary>
    [EntryHook("CreateExtension")]
    public static void CreateExtension(byte* m, long result, long parseState, long statement)
    {
        var process = Process.From(m);
        var engine = PostgresProcess.Of(process).Programs.Files;
        string name = CString.Read(m, (int)new CreateExtensionStmt(m, (uint)statement).Name);
        if (engine.IsLater(name))
        {
            ErrorReport.Throw(m, ObjectNotInPrerequisiteState, $"extension \"{name}\" cannot be created: {EngineFiles.NotYetCompiled}", "extension.c", "CreateExtension", EngineFiles.WhenCompiled);
        }

        if (engine.NeedsPreload(name) && ((delegate*<byte*, int>)process.Export("superuser"))(m) != 0 && !Preloaded(process).Contains(name))
        {
            Request(process, name, Notice);
        }
    }

    /// <summary>Called after dlopen(3) in any process. The postmaster's children inherit what it preloaded and do not come here for it.</summary>
    internal static void LibraryLoaded(Process process, string library, EngineFiles engine)
    {
        if (PostgresProcess.Of(process).Type != BackendType.Invalid && engine.NeedsPreload(library))
        {
            Request(process, library, Warning); // in an extension's script nothing less is shown
        }
    }

    private static void Request(Process process, string library, int level)
    {
        // The working directory of every server process is the data directory.
        var files = process.Kernel.FileSystem;
        string message;
        try
        {
            var listed = PreloadList.Read(files, process.WorkingDirectory);
            if (listed.Contains(library))
            {
                return; // said before
            }

            PreloadList.Add(files, process.WorkingDirectory, library);
            message = Preloaded(process).Except(listed).Any()
                ? $"\"{library}\" works only when preloaded: {PreloadList.Parameter} is set, add it there and restart"
                : $"\"{library}\" works only when preloaded: it will be, from the next start of the server";
        }
        catch (FileSystemException e)
        {
            message = $"\"{library}\" works only when preloaded: put it into {PreloadList.Parameter} and restart ({e.Message})";
        }

        ErrorReport.Write(process.Memory, level, null, message, "dfmgr.c", "internal_load_library");
    }

    private static string[] Preloaded(Process process) =>
        (GuestSettings.Get(process, PreloadList.Parameter) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
