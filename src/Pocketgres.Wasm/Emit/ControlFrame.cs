using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

internal enum FrameKind
{
    /// <summary>The function itself: branching to it returns.</summary>
    Function,
    Block,
    Loop,
    If,

    /// <summary>In outlined code: a construct of the function the code was taken from. Branching to it leaves the outlined method.</summary>
    Outer,
}

/// <summary>An open block, loop or if.</summary>
internal sealed class ControlFrame(FrameKind kind, WasmType result, int height, int label)
{
    public FrameKind Kind { get; } = kind;

    public WasmType Result { get; } = result;

    /// <summary>Number of pending expressions that lie below the frame.</summary>
    public int Height { get; } = height;

    /// <summary>Where branches to the frame go: the end, or a loop's start.</summary>
    public int Label { get; } = label;

    /// <summary>Where an <c>if</c> goes when its condition is false.</summary>
    public int ElseLabel { get; init; } = -1;

    public bool HasElse { get; set; }

    /// <summary>While outlining: position of the end or else that closes the part of the block being translated.</summary>
    public int Closing { get; set; }

    /// <summary>Temporary that carries the frame's result.</summary>
    public int ResultTemp { get; set; } = -1;

    /// <summary>Some branch targets the frame.</summary>
    public bool Used { get; set; }

    /// <summary>64-bit memories: locals whose upper half is 0 at all branches to <see cref="Label"/> so far; null: there was none.</summary>
    public LocalSet? Below4GAtLabel { get; set; }

    /// <summary>The same at <see cref="ElseLabel"/>.</summary>
    public LocalSet? Below4GAtElse { get; set; }

    /// <summary>Type of the value a branch to the frame carries.</summary>
    public WasmType BranchType => Kind == FrameKind.Loop ? WasmType.None : Result;
}
