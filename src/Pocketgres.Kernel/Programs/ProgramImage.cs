namespace Pocketgres.Kernel.Programs;

/// <summary>A program that processes can run: its main module, its ABI facts and the side modules it may load. Immutable.</summary>
public sealed class ProgramImage
{
    private readonly Func<string, ModuleImage?> _findSideModule;

    /// <summary>Creates a program.</summary>
    /// <param name="main">The main module.</param>
    /// <param name="abi">What the kernel must know of it.</param>
    /// <param name="findSideModule">Finds the translated module for the base name of a shared library ("plpgsql"), or null.</param>
    public ProgramImage(ModuleImage main, ProgramAbi abi, Func<string, ModuleImage?> findSideModule)
    {
        Main = main;
        DataModel = main is { Manifest.IsMemory64: true } ? DataModel.Lp64 : DataModel.Ilp32;
        Abi = abi;
        _findSideModule = findSideModule;
        RaiseFunction = abi.RaiseFunction < 0 ? 0 : main.Function(abi.RaiseFunction);
    }

    /// <summary>Width of its pointers and layouts of its structures.</summary>
    public DataModel DataModel { get; }

    /// <summary>The main module.</summary>
    public ModuleImage Main { get; }

    /// <summary>What the kernel must know of it.</summary>
    public ProgramAbi Abi { get; }

    internal nint RaiseFunction { get; }

    internal ModuleImage? FindSideModule(string baseName) => _findSideModule(baseName);
}
