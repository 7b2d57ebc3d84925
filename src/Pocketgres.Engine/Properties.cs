using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Pocketgres.Durability.Tests")]
