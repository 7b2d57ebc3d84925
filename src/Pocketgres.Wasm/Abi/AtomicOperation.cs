namespace Pocketgres.Wasm.Abi;

/// <summary>An atomic read-modify-write, in the order of WebAssembly's opcodes.</summary>
internal enum AtomicOperation
{
    Add,
    Subtract,
    And,
    Or,
    Xor,
    Exchange,
}
