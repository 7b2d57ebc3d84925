namespace Pocketgres.Pglite.Patches;

/// <summary>
/// Fingerprints (<c>WasmModule.FunctionFingerprint</c>) of every function that is patched, called or compared by its index. Computed once
/// from the file that <see cref="PglitePackage.Sha256"/> names; a mismatch means that the index now denotes another function.
/// </summary>
internal static class PgliteFingerprints
{
    /// <summary>Function index to fingerprint.</summary>
    public static IReadOnlyDictionary<int, string> ByIndex { get; } = new Dictionary<int, string>
    {
        [PgliteFunctions.Main] = "77eee272ba70dc84",
        [PgliteFunctions.PostmasterChildLaunch] = "2aee2b5c181da94f",
        [PgliteFunctions.InitStandaloneProcess] = "384723fbdfc2e1aa",
        [PgliteFunctions.ProcExit] = "3f38bd53fe35cac3",
        [PgliteFunctions.ProcKill] = "101dab64dbefd568",
        [PgliteFunctions.AuxiliaryProcKill] = "e8c4edec835a3943",
        [PgliteFunctions.ProcessInterrupts] = "fc502e3c902f295e",
        [PgliteFunctions.WrapperHandler] = "5352727f34caad1e",
        [PgliteFunctions.PqSignal] = "ccf3491812ba1b49",
        [PgliteFunctions.SigProcMask] = "7579bd7e0ce4116b",
        [PgliteFunctions.Raise] = "c4ea1cd624d16d87",
        [PgliteFunctions.Kill] = "778d8ac5c281a7da",
        [PgliteFunctions.WaitEventSetWait] = "9441d69cd90d967c",
        [PgliteFunctions.SetLatch] = "44ffecaffcacb595",
        [PgliteFunctions.Nanosleep] = "9ddd192aa71f1dea",
        [PgliteFunctions.PgUsleep] = "91454504099ffcec",
        [PgliteFunctions.ConditionVariablePrepareToSleep] = "b9b0e0b125cac8fb",
        [PgliteFunctions.ConditionVariableCancelSleep] = "5801581917422160",
        [PgliteFunctions.ConditionVariableSleep] = "cdcb4fa97b5fe24b",
        [PgliteFunctions.RequestCheckpoint] = "5cb9a7a15aec000c",
        [PgliteFunctions.CreateCheckPoint] = "7b1236a3f52a8f2d",
        [PgliteFunctions.SmgrDestroyAll] = "493d85478ab66d96",
        [PgliteFunctions.ErrStart] = "c885523fa5ff4ed1",
        [PgliteFunctions.ErrMsgInternal] = "cb80bcb0635c96ea",
        [PgliteFunctions.ErrFinish] = "9e0531aa1259250a",
        [PgliteFunctions.ListenServerPort] = "b5e849b547d1da5d",
        [PgliteFunctions.Bind] = "a186f35e746f93da",
        [PgliteFunctions.PglRecv] = "7b7934af9ae61cf7",
        [PgliteFunctions.PglSend] = "c6221b8a2905e6b1",
        [PgliteFunctions.CreateSharedMemoryAndSemaphores] = "d6cdc3e31d0ef5a1",
        [PgliteFunctions.Mmap] = "f7843dd6858b458d",
        [PgliteFunctions.TransactionIdSetPageStatus] = "adeb3d16465feeff",
        [PgliteFunctions.XLogFileInitInternal] = "a3afa5ba75fa78f5",
        [PgliteFunctions.StartupXLog] = "e7f7694076ee49d6",
        [PgliteFunctions.WalReceiverWrite] = "e4044e6fe564c497",
        [PgliteFunctions.XLogFlush] = "5dddc4585a3b1a0b",
        [PgliteFunctions.WaitXLogInsertionsToFinish] = "ac2d06f9016f76fd",
        [PgliteFunctions.ProcArrayEndTransaction] = "9a891ffec329f358",
        [PgliteFunctions.LWLockAcquire] = "6a64b0b00afe2558",
        [PgliteFunctions.LWLockDequeueSelf] = "e3c2743ca51d5eb5",
        [PgliteFunctions.LWLockUpdateVar] = "3645b52fe7e48409",
        [PgliteFunctions.LWLockReleaseInternal] = "e070bd880fe2a71f",
        [PgliteFunctions.GetRelationPublications] = "4a2d9335e23b786b",
        [PgliteFunctions.GetSchemaPublications] = "cd86b7dbb6f3ab28",
        [PgliteFunctions.ExecInterpExpr] = "d7832f601b3e336d",
        [PgliteFunctions.SyscallRet] = "e3e34c85dcc9f147",
        [PgliteFunctions.Strtoul] = "4dc03ae9a6eb9639",
        [PgliteTableSlots.SignalHandlerForCrashExitFunction] = "ce262e6f14242d5a",
    };
}
