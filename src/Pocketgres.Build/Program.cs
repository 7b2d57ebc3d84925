using Pocketgres.Build;

// MSBuild shows lines of this form as errors of the build.
const string ErrorPrefix = "pocketgres-build : error PGB0001: ";

if (args.Length == 0 || args[0] is "--help" or "-h")
{
    Console.WriteLine(BuildOptions.Usage);
    return args.Length == 0 ? 2 : 0;
}

try
{
    var options = BuildOptions.Parse(args);
    var build = new EngineBuild(options, Console.Error);
    switch (options.Command)
    {
        case "translate":
            build.Translate(options.Output!);
            break;
        case "r2r":
            build.CompileReadyToRun(options.Output!);
            break;
        case "images":
            build.WriteImages(options.Output!);
            break;
        case "all":
            Console.WriteLine(build.All());
            break;
    }

    return 0;
}
catch (BuildException e)
{
    Console.Error.WriteLine(ErrorPrefix + e.Message.ReplaceLineEndings("; "));
    return 1;
}
