using Pocketgres.Wasm;

namespace Pocketgres.Pglite.Patches;

/// <summary>
/// Functions of <c>pglite.wasm</c> that may run without the global lock, by source file. The linker kept the files' order, so that exported functions and
/// those of SQL (their names stand in fmgr_builtins) show where a file begins and ends.
/// </summary>
/// <remarks>
/// What was looked for in each file: no store to shared memory, no spinlock, no atomic operation; parts of a file that have one are left out, such as parallel
/// hash joins and parallel index builds. What they call elsewhere does not matter: the lock is taken before.
/// </remarks>
internal static class PglitePrivateCode
{
    /// <summary>The functions, for the translator.</summary>
    public static PrivateCode ForPostgres()
    {
        var functions = Ranges.SelectMany(Indexes).ToHashSet();
        functions.UnionWith(PlanNodes.SelectMany(Indexes));
        functions.UnionWith(SortEntries);
        var starters = PlanNodes.SelectMany(Indexes).Concat(SortEntries).ToHashSet();
        return new PrivateCode(functions, starters, Indexes(Executor).ToHashSet(), new HashSet<int> { PgliteFunctions.SLock });
    }

    /// <summary>executor/: nothing else calls ExecProcNode.</summary>
    private static (int First, int Last) Executor => (2943, 3498);

    /// <summary>Nodes of the executor: a section begins in the innermost and ends wherever it must. All are called through ExecProcNode.</summary>
    private static (int First, int Last)[] PlanNodes =>
    [
        (3081, 3081), // execProcnode.c: ExecProcNodeFirst
        (3102, 3104), // execScan.c
        (3246, 3246), // nodeAgg.c: ExecAgg
        (3249, 3249), (3251, 3257), (3260, 3263),
        (3293, 3293), // nodeGroup.c
        (3316, 3316), // nodeHashjoin.c: ExecHashJoin
        (3334, 3335), // nodeLimit.c
        (3337, 3337), // nodeMaterial.c
        (3369, 3369), // nodeNestloop.c
        (3373, 3373), // nodeResult.c
        (3377, 3381), // nodeSeqscan.c
        (3386, 3386), // nodeSort.c
        (3391, 3392), // nodeSubqueryscan.c
        (3404, 3404), // nodeUnique.c
        (3407, 3412), (3414, 3416), // nodeWindowAgg.c
    ];

    /// <summary>tuplesort.c: what begins a section by itself.</summary>
    private static int[] SortEntries => [PgliteFunctions.TuplesortSortMemtuples];

    private static (int First, int Last)[] Ranges =>
    [
        (251, 251), // detoast.c
        (253, 254),
        (256, 257), // heaptuple.c
        (258, 274),
        (593, 613), // hashfunc.c
        (660, 660), // heapam.c: heapgettup_pagemode
        (663, 664), // heap_getattr, heap_getnextslot
        (821, 857), // nbtcompare.c
        (2977, 3003), // execExprInterp.c
        (3004, 3007), // execGrouping.c
        (3012, 3012),
        (3106, 3142), // execTuples.c: slots
        (3149, 3158),
        (3166, 3166),
        (3182, 3182), // execUtils.c: ReScanExprContext
        (3259, 3259), // nodeAgg.c: AggCheckCallContext
        (3299, 3301), // nodeHash.c: the table of one process
        (3308, 3308),
        (3312, 3312),
        (3317, 3317), // nodeHashjoin.c: ExecHashJoinGetSavedTuple
        (3413, 3413), // nodeWindowAgg.c: WinSetMarkPosition
        (3542, 3544), // hyperloglog.c
        (3689, 3717), // bitmapset.c
        (4628, 4730), // regex/
        (6415, 6435), // bool.c
        (6436, 6474), // cash.c
        (6475, 6488), // char.c
        (6496, 6613), // date.c
        (6614, 6645), // datetime.c
        (6649, 6656), // datum.c
        (6719, 6725), // expandeddatum.c
        (6741, 6889), // float.c
        (7200, 7280), // int.c
        (7281, 7356), // int8.c
        (7696, 7714), // like.c
        (8014, 8173), // numeric.c
        (8174, 8184), // numutils.c
        (8204, 8224), // oracle_compat.c
        (8264, 8264), // pg_locale.c: pg_newlocale_from_collation
        (8270, 8272), // pg_strncoll, pg_strnxfrm
        (8296, 8297), // pg_locale_libc.c: strncoll_libc, strnxfrm_libc
        (8627, 8665), // regexp.c
        (8939, 9078), // timestamp.c
        (9238, 9262), // uuid.c
        (9307, 9344), // varchar.c
        (9345, 9426), // varlena.c
        (9431, 9478),
        (9998, 10033), // fmgr.c
        (10131, 10131), // mbutils.c
        (10150, 10164),
        (10296, 10297), // stack_depth.c
        (10322, 10333), // aset.c
        (10334, 10343), // bump.c
        (10381, 10390), // generation.c
        (10391, 10401), // mcxt.c
        (10406, 10411),
        (10413, 10435),
        (10508, 10508), // sortsupport.c: comparison_shim
        (10519, 10519), // tuplesort.c: tuplesort_puttuple_common
        (10525, 10529), // qsort_tuple and its variants
        (10531, 10532), // tuplesort_gettuple_common
        (10543, 10545), // qsort_tuple's median and swap
        (10547, 10547), // tuplesortvariants.c
        (10550, 10552),
        (10556, 10557),
        (10562, 10563),
        (10577, 10577),
        (10580, 10582),
        (10586, 10586),
        (10587, 10587),
        (10591, 10591),
        (10592, 10612), // tuplestore.c
        (10722, 10725), // hashfn.c
        (10761, 10764), // pg_lzcompress.c: pglz_decompress
        (10787, 10798), // stringinfo.c
        (10811, 10855), // wchar.c
        (10857, 10857),
        (10904, 10907), // pgstrcasecmp.c
        (10911, 10911), // qsort.c
        (13317, 13317), // libc: acos
        (13320, 13320), // asin
        (13322, 13322), // atan
        (13331, 13333), // isspace, bsearch, cbrt
        (13340, 13345), // cos and what it needs
        (13360, 13360), // memcpy
        (13368, 13368), // exp
        (13376, 13376), // memset
        (13378, 13378), // expm1
        (13392, 13392), // fmod
        (13471, 13471), // isxdigit
        (13486, 13488), // log, log10
        (13496, 13497), // memchr, memcmp
        (13513, 13513), // pow
        (13531, 13531), // scalbn
        (13549, 13550), // sin, sinh
        (13557, 13560), // strchr, strcmp, strcoll_l
        (13572, 13572), // strlen
        (13574, 13574), // strncmp
        (13580, 13580), // strspn
        (13582, 13594), // strtod
        (13597, 13600), // strtol
        (13657, 13664), // malloc and its family
        (13666, 13671), // compiler-rt: arithmetic on 128 bits
        (13678, 13688),
    ];

    private static IEnumerable<int> Indexes((int First, int Last) range) => Enumerable.Range(range.First, range.Last - range.First + 1);
}
