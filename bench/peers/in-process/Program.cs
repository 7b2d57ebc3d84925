// Pocketgres inside a .NET program, driven by harness/driven.py as ../pglite.mjs is: one JSON command a line on stdin, one JSON answer a line on stdout.
//   in-process DIR|memory [NAME=VALUE ...]      starts an instance with these settings
using System.Text.Json.Nodes;
using Npgsql;
using Pocketgres;
using Pocketgres.Bench.InProcess;

// Synchronous from here to the answers: one thread asks and reads, as in a program that waits for its database.
var options = new PostgresInstanceOptions { Url = args[0] == "memory" ? "memory:" : "file:" + args[0] };
foreach (string[] setting in args.Skip(1).Select(a => a.Split('=', 2)))
{
    options.Settings[setting[0]] = setting[1];
}

var pg = PostgresInstance.StartAsync(options).GetAwaiter().GetResult();
using (var databases = new Databases(pg))
{
    databases.Execute("postgres", "select 1");
    Console.WriteLine(new JsonObject { ["value"] = "ready" }.ToJsonString());
    while (Console.ReadLine() is { } line)
    {
        Console.WriteLine(Answer(databases, JsonNode.Parse(line)!).ToJsonString());
    }
}

pg.DisposeAsync().AsTask().GetAwaiter().GetResult();

static JsonObject Answer(Databases databases, JsonNode command)
{
    string Text(string name) => command[name]!.GetValue<string>();
    int Number(string name) => command[name]!.GetValue<int>();
    try
    {
        string database = Text("database");
        JsonNode? value = null;
        switch (Text("operation"))
        {
            case "open":
                databases.Execute("postgres", $"CREATE DATABASE {database}");
                break;
            case "exec":
                databases.Execute(database, Text("sql"));
                break;
            case "loop":
                databases.Execute(database, Text("before"));
                value = new ScriptLoop(Script.Parse(Text("script")), databases[database], Text("protocol"), Number("scale"))
                    .Run(TimeSpan.FromSeconds(Number("seconds"))).ToJson();
                break;
            case "time":
                databases.Execute(database, Text("before"));
                value = Measurement.Of(() => databases.Execute(database, Text("statement"))).ToJson();
                databases.Execute(database, Text("after"));
                break;
            case "copyOut":
                value = Copies.Out(databases[database], Text("source")).ToJson();
                break;
            case "copyIn":
                databases.Execute(database, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (id int, k int, t text)");
                value = Copies.In(databases[database], Number("rows")).ToJson();
                break;
            default:
                throw new InvalidOperationException($"unknown operation {Text("operation")}");
        }

        return new JsonObject { ["value"] = value };
    }
#pragma warning disable CA1031 // Whatever fails is the answer.
    catch (Exception e)
#pragma warning restore CA1031
    {
        return new JsonObject { ["error"] = e.Message };
    }
}
