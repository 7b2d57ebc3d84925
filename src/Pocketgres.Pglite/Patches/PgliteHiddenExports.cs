namespace Pocketgres.Pglite.Patches;

/// <summary>
/// What <c>pglite.wasm</c> contains but does not export, although libraries beside it import it: functions bound by index and pinned by
/// <see cref="PgliteFingerprints"/>, and variables bound by address.
/// </summary>
internal static class PgliteHiddenExports
{
    /// <summary>C name to function index.</summary>
    public static IReadOnlyDictionary<string, int> ByName { get; } = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["GetRelationPublications"] = PgliteFunctions.GetRelationPublications,
        ["defGetStreamingMode"] = PgliteFunctions.DefGetStreamingMode,
        ["GetPublicationByName"] = PgliteFunctions.GetPublicationByName,
        ["CreateTupleDescCopyConstr"] = PgliteFunctions.CreateTupleDescCopyConstr,
        ["build_attrmap_by_name_if_req"] = PgliteFunctions.BuildAttrmapByNameIfReq,
        ["free_attrmap"] = PgliteFunctions.FreeAttrmap,
        ["execute_attr_map_slot"] = PgliteFunctions.ExecuteAttrMapSlot,
        ["addRTEPermissionInfo"] = PgliteFunctions.AddRTEPermissionInfo,
        ["expand_generated_columns_in_expr"] = PgliteFunctions.ExpandGeneratedColumnsInExpr,
        ["make_orclause"] = PgliteFunctions.MakeOrClause,
        ["ExecPrepareExpr"] = PgliteFunctions.ExecPrepareExpr,
        ["list_member_xid"] = PgliteFunctions.ListMemberXid,
        ["lappend_xid"] = PgliteFunctions.LappendXid,
        ["report_invalid_encoding"] = PgliteFunctions.ReportInvalidEncoding,
        ["pg_utf8_islegal"] = PgliteFunctions.PgUtf8IsLegal,
        ["GetSchemaPublications"] = PgliteFunctions.GetSchemaPublications,
        ["pg_lsn_in"] = PgliteFunctions.PgLsnIn,
    };

    /// <summary>
    /// C name of a variable to its address. The first two are pinned by the fingerprint of <see cref="PgliteFunctions.WalReceiverMain"/>, which uses
    /// both; the vtables by the type names beside them, which a test compares.
    /// </summary>
    public static IReadOnlyDictionary<string, int> Variables { get; } = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["WalReceiverFunctions"] = PgliteAddresses.WalReceiverFunctions,
        ["WalRcvIdentifySystemLsn"] = PgliteAddresses.WalRcvIdentifySystemLsn,
        ["_ZTVN10__cxxabiv117__class_type_infoE"] = PgliteAddresses.ClassTypeInfoTable,
        ["_ZTVN10__cxxabiv120__si_class_type_infoE"] = PgliteAddresses.SingleBaseTypeInfoTable,
        ["_ZTVN10__cxxabiv121__vmi_class_type_infoE"] = PgliteAddresses.MultipleBaseTypeInfoTable,
    };
}
