using System.Globalization;

namespace Pocketgres.Engine.Checking;

/// <summary>
/// Which files of a data directory belong to something, as a server on it says. A crash leaves others: a database or table whose creation was not committed,
/// a database whose removal was not finished. Nobody ever reads those, whatever is in them.
/// </summary>
internal sealed class LiveFiles
{
    private readonly HashSet<uint> _databases = [];
    private readonly HashSet<uint> _tablespaces = [];
    private readonly HashSet<uint> _listed = [];
    private readonly HashSet<string> _relations = new(StringComparer.Ordinal);

    /// <summary>Adds a database that can be used.</summary>
    public void AddDatabase(uint oid) => _databases.Add(oid);

    /// <summary>Adds a tablespace.</summary>
    public void AddTablespace(uint oid) => _tablespaces.Add(oid);

    /// <summary>Adds the relations of a database, all of them. Until then every file of the database lives.</summary>
    /// <param name="database">Its OID.</param>
    /// <param name="paths">Their first files (pg_relation_filepath), those of shared relations among them.</param>
    public void AddRelations(uint database, IEnumerable<string> paths)
    {
        _listed.Add(database);
        _relations.UnionWith(paths);
    }

    /// <summary>Whether a name in pg_tblspc is a tablespace's.</summary>
    public bool IsTablespace(string name) => !uint.TryParse(name, CultureInfo.InvariantCulture, out uint oid) || _tablespaces.Contains(oid);

    /// <summary>Whether a directory of this name is a database's.</summary>
    public bool IsDatabase(string name) => !uint.TryParse(name, CultureInfo.InvariantCulture, out uint oid) || _databases.Contains(oid);

    /// <summary>Whether a relation's file, in a directory that lives, is somebody's.</summary>
    /// <param name="directory">The directory's path in the data directory.</param>
    /// <param name="number">The file's name up to a fork or segment.</param>
    public bool IsRelation(string directory, string number)
    {
        string database = directory[(directory.LastIndexOf('/') + 1)..];
        bool known = uint.TryParse(database, CultureInfo.InvariantCulture, out uint oid) ? _listed.Contains(oid) : _listed.Count > 0;
        return !known || _relations.Contains($"{directory}/{number}");
    }
}
