using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>Functions of catalog/pg_publication.h and replication/logicalproto.h that only pgoutput calls, so that the linker dropped them.</summary>
public static unsafe class Publications
{
    private const int FirstNormalObjectId = 16384; // below: the system's own relations
    private const int ColumnListAttribute = 5; // Anum_pg_publication_rel_prattrs
    private const int ArrayLength = 16, ArrayElements = 24; // of a one-dimensional array without nulls: first dimension, first element

    /// <summary><c>bool is_publishable_relation(Relation rel)</c>: an ordinary or partitioned permanent table that is not the system's.</summary>
    [HostFunction("is_publishable_relation")]
    public static int IsPublishable(byte* m, int relation)
    {
        uint oid = *(uint*)(m + (uint)relation + PgliteStructs.Relation.Oid);
        byte* pgClass = m + *(uint*)(m + (uint)relation + PgliteStructs.Relation.Class);
        return oid >= FirstNormalObjectId && pgClass[PgliteStructs.PgClass.Persistence] == 'p' &&
            pgClass[PgliteStructs.PgClass.Kind] is (byte)'r' or (byte)'p' ? 1 : 0;
    }

    /// <summary><c>bool logicalrep_should_publish_column(Form_pg_attribute att, Bitmapset *columns, PublishGencolsType)</c>.</summary>
    [HostFunction("logicalrep_should_publish_column")]
    public static int ShouldPublishColumn(byte* m, int attribute, int columnList, int generated) =>
        Columns.IsPublished(m, attribute, columnList, generated) ? 1 : 0;

    /// <summary><c>Bitmapset *pub_form_cols_map(Relation relation, PublishGencolsType)</c>: what is published without a column list.</summary>
    [HostFunction("pub_form_cols_map")]
    public static int ColumnsMap(byte* m, int relation, int generated)
    {
        var columns = new Columns(m, relation, 0, generated);
        int set = 0;
        for (int i = 0; i < columns.Total; i++)
        {
            if (columns.IsPublished(i))
            {
                set = Add(m, set, *(short*)(m + (uint)columns.Attribute(i) + PgliteStructs.PgAttribute.Number));
            }
        }

        return set;
    }

    /// <summary>
    /// <c>bool check_and_fetch_column_list(Publication *pub, Oid relid, MemoryContext mcxt, Bitmapset **cols)</c>: whether the publication has a
    /// column list for the relation; if <c>cols</c> is given, the list is added to the set there, allocated in <c>mcxt</c>.
    /// </summary>
    [HostFunction("check_and_fetch_column_list")]
    public static int FetchColumnList(byte* m, int publication, int relation, int memoryContext, int columns)
    {
        if (m[(uint)publication + PgliteStructs.Publication.AllTables] != 0)
        {
            return 0;
        }

        var process = Process.From(m);
        int publicationOid = *(int*)(m + (uint)publication + PgliteStructs.Publication.Oid);
        int tuple = ((delegate*<byte*, int, int, int, int>)process.Export("SearchSysCache2"))(
            m, PgliteStructs.SystemCache.PublicationRelationMap, relation, publicationOid);
        if (tuple == 0)
        {
            return 0;
        }

        int stack = process.StackPointer;
        int isNull = process.StackAllocate(1);
        int value = ((delegate*<byte*, int, int, int, int, int>)process.Export("SysCacheGetAttr"))(
            m, PgliteStructs.SystemCache.PublicationRelationMap, tuple, ColumnListAttribute, isNull);
        bool found = m[(uint)isNull] == 0;
        process.StackPointer = stack;
        if (found && columns != 0)
        {
            int vector = ((delegate*<byte*, int, int>)process.Export("pg_detoast_datum"))(m, value);
            ref int context = ref *(int*)(m + PgliteAddresses.CurrentMemoryContext);
            int callersContext = context;
            context = memoryContext != 0 ? memoryContext : callersContext;
            ref int set = ref *(int*)(m + (uint)columns);
            int count = *(int*)(m + (uint)vector + ArrayLength);
            for (int i = 0; i < count; i++)
            {
                set = Add(m, set, *(short*)(m + (uint)vector + ArrayElements + (i * sizeof(short))));
            }

            context = callersContext;
        }

        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.ReleaseSysCache))(m, tuple);
        return found ? 1 : 0;
    }

    /// <summary>
    /// <c>Oid GetTopMostAncestorInPublication(Oid puboid, List *ancestors, int *ancestor_level)</c>: the last of the ancestors (parent first) that
    /// the publication names, and its place in that list, from 1; 0 for none.
    /// </summary>
    [HostFunction("GetTopMostAncestorInPublication")]
    public static int TopMostAncestor(byte* m, int publication, int ancestors, int level)
    {
        int topMost = ((delegate*<byte*, int, int, int>)Process.From(m).Function(PgliteFunctions.GetTopMostAncestorInPublication))(m, publication, ancestors);
        if (topMost != 0 && level != 0)
        {
            byte* list = m + (uint)ancestors;
            var oids = new ReadOnlySpan<int>(m + *(uint*)(list + PgliteStructs.List.Elements), *(int*)(list + PgliteStructs.List.Length));
            *(int*)(m + (uint)level) = oids.IndexOf(topMost) + 1;
        }

        return topMost;
    }

    private static int Add(byte* m, int set, int member) =>
        ((delegate*<byte*, int, int, int>)Process.From(m).Export("bms_add_member"))(m, set, member);
}
