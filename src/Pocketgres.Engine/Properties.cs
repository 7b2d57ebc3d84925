using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Pocketgres.Engine.Tests")]
