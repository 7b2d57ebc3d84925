namespace Pocketgres.Pglite;

/// <content>Relations, tuples and what logical decoding keeps of transactions.</content>
public static partial class PgliteStructs
{
    /// <summary><c>RelationData</c> (utils/rel.h).</summary>
    public static class Relation
    {
        /// <summary><c>Form_pg_class rd_rel</c>, see <see cref="PgClass"/>.</summary>
        public const int Class = 48;

        /// <summary><c>TupleDesc rd_att</c>, see <see cref="TupleDesc"/>.</summary>
        public const int Descriptor = 52;

        /// <summary><c>Oid rd_id</c>.</summary>
        public const int Oid = 56;

        /// <summary><c>Form_pg_index rd_index</c>, see <see cref="PgIndex"/>.</summary>
        public const int Index = 192;
    }

    /// <summary><c>Tuplesortstate</c> (utils/sort/tuplesort.c).</summary>
    public static class Tuplesortstate
    {
        /// <summary><c>SortTupleComparator base.comparetup_tiebreak</c>: a table slot.</summary>
        public const int CompareTiebreak = 4;

        /// <summary><c>bool base.haveDatum1</c> (1 byte): elements have the first key, or its abbreviation.</summary>
        public const int HaveDatum1 = 36;

        /// <summary><c>SortSupport base.sortKeys</c>, see <see cref="SortSupport"/>.</summary>
        public const int SortKeys = 44;

        /// <summary><c>void *base.arg</c>: in a sort of heap tuples the <see cref="TupleDesc"/>.</summary>
        public const int Argument = 60;

        /// <summary><c>TupSortStatus status</c>.</summary>
        public const int Status = 64;

        /// <summary><see cref="Status"/>: TSS_SORTEDINMEM.</summary>
        public const int SortedInMemory = 3;

        /// <summary><c>SortTuple *memtuples</c>, see <see cref="SortTuple"/>.</summary>
        public const int Tuples = 132;

        /// <summary><c>int memtupcount</c>.</summary>
        public const int TupleCount = 136;

        /// <summary><c>int current</c>: with <see cref="SortedInMemory"/> the tuple that is returned next.</summary>
        public const int Current = 204;
    }

    /// <summary><c>SortTuple</c> (utils/tuplesort.h).</summary>
    public static class SortTuple
    {
        /// <summary>Size of one element.</summary>
        public const int Size = 16;

        /// <summary><c>void *tuple</c>, or 0.</summary>
        public const int Tuple = 0;

        /// <summary><c>bool isnull1</c> (1 byte).</summary>
        public const int IsNull1 = 8;

        /// <summary><c>int srctape</c>: used in merges only.</summary>
        public const int SourceTape = 12;
    }

    /// <summary><c>SortSupportData</c> (utils/sortsupport.h).</summary>
    public static class SortSupport
    {
        /// <summary><c>bool ssup_reverse</c> (1 byte).</summary>
        public const int Reverse = 8;

        /// <summary><c>AttrNumber ssup_attno</c> (2 bytes): from 1.</summary>
        public const int Attribute = 10;

        /// <summary><c>comparator</c>: a table slot.</summary>
        public const int Comparator = 16;

        /// <summary><c>abbrev_converter</c>: a table slot, or 0 without abbreviated keys.</summary>
        public const int AbbreviationConverter = 24;

        /// <summary><c>abbrev_full_comparator</c>: a table slot.</summary>
        public const int FullComparator = 32;
    }

    /// <summary><c>MinimalTupleData</c> (access/htup_details.h).</summary>
    public static class MinimalTuple
    {
        /// <summary><c>uint16 t_infomask2</c>: the number of columns in <see cref="ColumnCountMask"/>; later ones have their table's default.</summary>
        public const int InfoMask2 = 10;

        /// <summary><see cref="InfoMask2"/>: HEAP_NATTS_MASK.</summary>
        public const int ColumnCountMask = 0x7FF;

        /// <summary><c>uint16 t_infomask</c>.</summary>
        public const int InfoMask = 12;

        /// <summary><see cref="InfoMask"/>: HEAP_HASNULL.</summary>
        public const int HasNull = 1;

        /// <summary><c>uint8 t_hoff</c>: where the data begins, counted from <see cref="HeaderBegin"/>.</summary>
        public const int HeaderSize = 14;

        /// <summary><c>bits8 t_bits[]</c>: with <see cref="HasNull"/>, a bit for each column, 0 for a null.</summary>
        public const int Bits = 15;

        /// <summary>-MINIMAL_TUPLE_OFFSET: where the header of a heap tuple would begin.</summary>
        public const int HeaderBegin = -8;
    }

    /// <summary><c>IndexTupleData</c> (access/itup.h).</summary>
    public static class IndexTuple
    {
        /// <summary><c>unsigned short t_info</c>.</summary>
        public const int Info = 6;

        /// <summary><see cref="Info"/>: INDEX_NULL_MASK.</summary>
        public const int HasNull = 0x8000;

        /// <summary>Where the data begins.</summary>
        public const int Data = 8;

        /// <summary>Where the data begins after a bitmap of nulls.</summary>
        public const int DataAfterNulls = 16;
    }

    /// <summary><c>FormData_pg_class</c> (catalog/pg_class.h).</summary>
    public static class PgClass
    {
        /// <summary><c>NameData relname</c>.</summary>
        public const int Name = 4;

        /// <summary><c>Oid relnamespace</c>.</summary>
        public const int Namespace = 68;

        /// <summary><c>Oid relrewrite</c>: the table that a heap under construction will replace, or 0.</summary>
        public const int Rewrite = 132;

        /// <summary><c>char relpersistence</c>.</summary>
        public const int Persistence = 118;

        /// <summary><c>char relkind</c>.</summary>
        public const int Kind = 119;

        /// <summary><c>char relreplident</c>.</summary>
        public const int ReplicaIdentity = 130;
    }

    /// <summary><c>FormData_pg_index</c> (catalog/pg_index.h).</summary>
    public static class PgIndex
    {
        /// <summary><c>int16 indnkeyatts</c>.</summary>
        public const int KeyCount = 10;

        /// <summary><c>bool indisunique</c> (1 byte).</summary>
        public const int IsUnique = 12;

        /// <summary>First element (int16) of <c>int2vector indkey</c>.</summary>
        public const int Keys = 48;
    }

    /// <summary><c>FormData_pg_type</c> (catalog/pg_type.h).</summary>
    public static class PgType
    {
        /// <summary><c>NameData typname</c>.</summary>
        public const int Name = 4;

        /// <summary><c>Oid typnamespace</c>.</summary>
        public const int Namespace = 68;

        /// <summary><c>regproc typoutput</c>.</summary>
        public const int Output = 104;

        /// <summary><c>regproc typsend</c>, 0 for none.</summary>
        public const int Send = 112;
    }

    /// <summary><c>TupleDescData</c> (access/tupdesc.h): <c>int natts</c> at 0, then one CompactAttribute and after all of these one pg_attribute a column.</summary>
    public static class TupleDesc
    {
        /// <summary>Where <c>compact_attrs</c> begins.</summary>
        public const int CompactAttributes = 20;

        /// <summary>Size of a CompactAttribute.</summary>
        public const int CompactAttributeSize = 16;
    }

    /// <summary><c>CompactAttribute</c> (access/tupdesc.h).</summary>
    public static class CompactAttribute
    {
        /// <summary><c>int16 attlen</c>: -1 for varlena, -2 for a C string.</summary>
        public const int Length = 4;

        /// <summary><c>uint8 attalignby</c>: alignment in bytes.</summary>
        public const int Alignment = 12;
    }

    /// <summary><c>FormData_pg_attribute</c> (catalog/pg_attribute.h).</summary>
    public static class PgAttribute
    {
        /// <summary>Size of one element.</summary>
        public const int Size = 100;

        /// <summary><c>NameData attname</c>.</summary>
        public const int Name = 4;

        /// <summary><c>Oid atttypid</c>.</summary>
        public const int Type = 68;

        /// <summary><c>int16 attlen</c>: -1 for varlena.</summary>
        public const int Length = 72;

        /// <summary><c>int16 attnum</c>, from 1.</summary>
        public const int Number = 74;

        /// <summary><c>int32 atttypmod</c>.</summary>
        public const int TypeModifier = 76;

        /// <summary><c>char attgenerated</c>: 0, 's' stored or 'v' virtual.</summary>
        public const int Generated = 90;

        /// <summary><c>bool attisdropped</c>.</summary>
        public const int IsDropped = 91;
    }

    /// <summary><c>TupleTableSlot</c> (executor/tuptable.h).</summary>
    public static class TupleTableSlot
    {
        /// <summary><c>AttrNumber tts_nvalid</c> (int16): how many columns are deformed.</summary>
        public const int ValidCount = 6;

        /// <summary><c>Datum *tts_values</c>.</summary>
        public const int Values = 16;

        /// <summary><c>bool *tts_isnull</c>.</summary>
        public const int IsNull = 20;
    }

    /// <summary><c>HeapTupleData</c> (access/htup.h).</summary>
    public static class HeapTuple
    {
        /// <summary><c>HeapTupleHeader t_data</c>.</summary>
        public const int Data = 16;

        /// <summary><c>uint8 t_hoff</c> of HeapTupleHeaderData: where the columns begin.</summary>
        public const int HeaderSize = 22;
    }

    /// <summary><c>ReorderBufferTXN</c> (replication/reorderbuffer.h).</summary>
    public static class ReorderBufferTransaction
    {
        /// <summary><c>TransactionId xid</c>.</summary>
        public const int Xid = 4;

        /// <summary><c>bits32 txn_flags</c>: 2 marks a subtransaction (RBTXN_IS_SUBXACT).</summary>
        public const int Flags = 0;

        /// <summary><c>ReorderBufferTXN *toptxn</c>.</summary>
        public const int TopTransaction = 40;

        /// <summary><c>void *output_plugin_private</c>.</summary>
        public const int OutputPluginPrivate = 224;

        /// <summary><c>char *gid</c> of a prepared transaction.</summary>
        public const int Gid = 12;

        /// <summary><c>XLogRecPtr final_lsn</c>: of the commit or prepare record.</summary>
        public const int FinalLsn = 24;

        /// <summary><c>XLogRecPtr end_lsn</c>: after that record.</summary>
        public const int EndLsn = 32;

        /// <summary><c>TimestampTz xact_time</c>: of commit, prepare or abort.</summary>
        public const int Time = 72;
    }

    /// <summary><c>ReorderBufferChange</c> (replication/reorderbuffer.h).</summary>
    public static class ReorderBufferChange
    {
        /// <summary><c>ReorderBufferChangeType action</c>: 0 insert, 1 update, 2 delete.</summary>
        public const int Action = 8;

        /// <summary><c>HeapTuple data.tp.oldtuple</c>, 0 for none.</summary>
        public const int OldTuple = 36;

        /// <summary><c>HeapTuple data.tp.newtuple</c>, 0 for none.</summary>
        public const int NewTuple = 40;

        /// <summary><c>bool data.truncate.cascade</c>.</summary>
        public const int TruncateCascade = 24;

        /// <summary><c>bool data.truncate.restart_seqs</c>.</summary>
        public const int TruncateRestartSequences = 25;
    }

    /// <summary><c>OutputPluginOptions</c> (replication/output_plugin.h).</summary>
    public static class OutputPluginOptions
    {
        /// <summary><c>OutputPluginOutputType output_type</c>: 0 binary, 1 textual.</summary>
        public const int OutputType = 0;

        /// <summary><c>bool receive_rewrites</c>.</summary>
        public const int ReceiveRewrites = 4;
    }

    /// <summary><c>DefElem</c> (nodes/parsenodes.h).</summary>
    public static class DefElem
    {
        /// <summary><c>char *defname</c>.</summary>
        public const int Name = 8;

        /// <summary><c>Node *arg</c>: a String (its text at 4), or 0.</summary>
        public const int Argument = 12;

        /// <summary><c>char *sval</c> of a String node.</summary>
        public const int StringText = 4;
    }

    /// <summary><c>LogicalDecodingContext</c> (replication/logical.h).</summary>
    public static class LogicalDecodingContext
    {
        /// <summary><c>MemoryContext context</c>.</summary>
        public const int Context = 0;

        /// <summary><c>List *output_plugin_options</c> of DefElem.</summary>
        public const int Options = 116;

        /// <summary><c>StringInfo out</c>.</summary>
        public const int Output = 132;

        /// <summary><c>void *output_plugin_private</c>.</summary>
        public const int OutputPluginPrivate = 136;

        /// <summary><c>bool streaming</c>.</summary>
        public const int Streaming = 144;

        /// <summary><c>LogicalOutputPluginWriterUpdateProgress update_progress</c>: a table slot, or 0.</summary>
        public const int UpdateProgress = 128;

        /// <summary><c>XLogRecPtr write_location</c>.</summary>
        public const int WriteLocation = 152;

        /// <summary><c>TransactionId write_xid</c>.</summary>
        public const int WriteXid = 160;
    }

    /// <summary><c>Publication</c> (catalog/pg_publication.h).</summary>
    public static class Publication
    {
        /// <summary><c>Oid oid</c>.</summary>
        public const int Oid = 0;

        /// <summary><c>bool alltables</c>.</summary>
        public const int AllTables = 8;
    }

    /// <summary><c>CreateExtensionStmt</c> (nodes/parsenodes.h).</summary>
    public static class CreateExtensionStmt
    {
        /// <summary><c>char *extname</c>.</summary>
        public const int ExtensionName = 4;
    }

    /// <summary><c>SharedInvalidationMessage</c> (storage/sinval.h): <c>int8 id</c> at 0.</summary>
    public static class SharedInvalidationMessage
    {
        /// <summary>SHAREDINVALSMGR_ID: about a relation's files, not about its definition.</summary>
        public const int Storage = -3;
    }

    /// <summary><c>SharedInvalRelSyncMsg</c> (storage/sinval.h).</summary>
    public static class SharedInvalidationRelSync
    {
        /// <summary>SHAREDINVALRELSYNC_ID, the value of <c>int8 id</c> at 0.</summary>
        public const int Id = -6;

        /// <summary><c>Oid dbId</c>.</summary>
        public const int Database = 4;

        /// <summary><c>Oid relid</c>, 0 for all.</summary>
        public const int Relation = 8;
    }

    /// <summary><c>List</c> (nodes/pg_list.h).</summary>
    public static class List
    {
        /// <summary>Size of one with one element of its own (<see cref="InitialElements"/>).</summary>
        public const int SizeOfOne = 20;

        /// <summary><c>NodeTag type</c>.</summary>
        public const int Type = 0;

        /// <summary><see cref="Type"/> of a list of pointers: T_List.</summary>
        public const int Pointers = 1;

        /// <summary><c>int length</c>.</summary>
        public const int Length = 4;

        /// <summary><c>int max_length</c>.</summary>
        public const int Capacity = 8;

        /// <summary><c>ListCell *elements</c>, 4 bytes each.</summary>
        public const int Elements = 12;

        /// <summary><c>ListCell initial_elements[]</c>.</summary>
        public const int InitialElements = 16;
    }

    /// <summary><c>StringInfoData</c> (lib/stringinfo.h).</summary>
    public static class StringInfo
    {
        /// <summary><c>char *data</c>.</summary>
        public const int Data = 0;

        /// <summary><c>int len</c>.</summary>
        public const int Length = 4;

        /// <summary><c>int maxlen</c>: bytes allocated.</summary>
        public const int Capacity = 8;
    }

    /// <summary>Numbers of system caches (the generated catalog/syscache_ids.h).</summary>
    public static class SystemCache
    {
        /// <summary>PUBLICATIONRELMAP: keys prrelid, prpubid.</summary>
        public const int PublicationRelationMap = 53;

        /// <summary>INDEXRELID.</summary>
        public const int IndexRelationId = 34;

        /// <summary>TYPEOID.</summary>
        public const int TypeOid = 82;
    }
}
