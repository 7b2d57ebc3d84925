using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// The metadata of one translated assembly: references, signatures, method bodies, types. Written directly because
/// Reflection.Emit takes several times as long for 14,000 methods.
/// </summary>
internal sealed class AssemblyEmitter
{
    private const string RuntimeAssembly = "Pocketgres.Kernel";
    private static readonly byte[] SystemPublicKeyToken = [0xb0, 0x3f, 0x5f, 0x7f, 0x11, 0xd5, 0x0a, 0x3a];

    private readonly MetadataBuilder metadata = new();
    private readonly BlobBuilder il = new();
    private readonly MethodBodyStreamEncoder bodies;
    private readonly ReservedBlob<GuidHandle> mvid;
    private readonly Dictionary<string, BlobHandle> signatures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StandaloneSignatureHandle> callSites = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StandaloneSignatureHandle> localSignatures = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Name, Version Version), AssemblyReferenceHandle> assemblies = [];
    private readonly Dictionary<(EntityHandle Scope, string Namespace, string Name), TypeReferenceHandle> types = [];
    private readonly Dictionary<(EntityHandle Type, string Name, BlobHandle Signature), MemberReferenceHandle> members = [];
    private readonly Dictionary<RuntimeHelper, MemberReferenceHandle> helpers = [];
    private readonly AssemblyReferenceHandle systemRuntime;
    private readonly Version runtimeVersion;
    private readonly string assemblyName;
    private int methodCount;

    public AssemblyEmitter(string assemblyName, Version version, Version runtimeVersion)
    {
        this.assemblyName = assemblyName;
        this.runtimeVersion = runtimeVersion;
        bodies = new MethodBodyStreamEncoder(il);
        mvid = metadata.ReserveGuid();
        metadata.AddModule(0, metadata.GetOrAddString(assemblyName + ".dll"), mvid.Handle, default, default);
        metadata.AddAssembly(metadata.GetOrAddString(assemblyName), version, default, default, 0, AssemblyHashAlgorithm.None);
        systemRuntime = SystemAssembly("System.Runtime");
        DefineType("", "<Module>", 1, 0);
    }

    /// <summary>The exception type that <c>invoke_*</c> thunks catch: a longjmp, or also a C++ exception.</summary>
    public TypeReferenceHandle UnwindException(bool alsoCpp) =>
        Type(Assembly(RuntimeAssembly, runtimeVersion), "Pocketgres.Kernel", alsoCpp ? "UnwindException" : "LongjmpException");

    /// <summary>The base of all exceptions, which guards catch.</summary>
    public TypeReferenceHandle Exception => Type(systemRuntime, "System", "Exception");

    /// <summary>A method of another translated assembly or a host function; signature letters follow the memory argument.</summary>
    /// <param name="assembly">Simple name of the declaring assembly.</param>
    /// <param name="version">Its version.</param>
    /// <param name="ns">Namespace of the outermost type.</param>
    /// <param name="type">The type; nested types are separated by <c>+</c>.</param>
    /// <param name="method">The method's name.</param>
    /// <param name="signature">Its signature.</param>
    public MemberReferenceHandle Method(string assembly, Version version, string ns, string type, string method, string signature)
    {
        EntityHandle scope = Assembly(assembly, version);
        foreach (string part in type.Split('+'))
        {
            scope = Type(scope, ns, part);
            ns = "";
        }

        return Member(scope, method, Signature(signature));
    }

    public MemberReferenceHandle Method(HostFunction f) => Method(f.AssemblyName, f.AssemblyVersion, f.Namespace, f.TypeName, f.Method, f.Signature);

    public MemberReferenceHandle Helper(RuntimeHelper helper)
    {
        if (!helpers.TryGetValue(helper, out var handle))
        {
            var type = helper.Owner switch
            {
                HelperOwner.WasmRuntime => Type(Assembly(RuntimeAssembly, runtimeVersion), "Pocketgres.Kernel", "WasmRuntime"),
                HelperOwner.Interlocked or HelperOwner.Volatile => Type(SystemAssembly("System.Threading"), "System.Threading", helper.Owner.ToString()),
                HelperOwner.BitOperations => Type(systemRuntime, "System.Numerics", "BitOperations"),
                _ => Type(systemRuntime, "System", helper.Owner.ToString()),
            };
            helpers[helper] = handle = Member(type, helper.Method, RawSignature(helper.Signature));
        }

        return handle;
    }

    /// <summary>The signature blob of a translated function: <c>byte*</c>, then the parameters.</summary>
    public BlobHandle Signature(string letters) => RawSignature(letters.Insert(1, "p"));

    /// <summary>The signature of a <c>calli</c> of a translated function.</summary>
    public StandaloneSignatureHandle CallSite(string letters)
    {
        if (!callSites.TryGetValue(letters, out var handle))
        {
            callSites[letters] = handle = metadata.AddStandaloneSignature(Signature(letters));
        }

        return handle;
    }

    public UserStringHandle UserString(string text) => metadata.GetOrAddUserString(text);

    /// <summary>
    /// Adds a method body and returns its offset in the IL stream. Its locals start undefined: a method that asks .NET for zeros pays for them at each entry, for each
    /// local of which the address is taken and, where it has many, for all of the frame.
    /// </summary>
    public int AddBody(ReadOnlySpan<byte> code, int maxStack, IReadOnlyList<WasmType> locals)
    {
        var body = bodies.AddMethodBody(code.Length, maxStack, 0, true, LocalSignature(locals), MethodBodyAttributes.None, false);
        code.CopyTo(body.Instructions.GetBytes().AsSpan());
        return body.Offset;
    }

    /// <summary>Adds a method body with one protected region. Its locals start as zero, which is what it returns when it catches something.</summary>
    public int AddBody(IlWriter code, IReadOnlyList<WasmType> locals, in ProtectedRegion region)
    {
        var body = bodies.AddMethodBody(code.Length, code.MaxStack + 1, 1, region.FitsSmallForm, LocalSignature(locals), MethodBodyAttributes.InitLocals, false);
        code.Code.CopyTo(body.Instructions.GetBytes().AsSpan());
        int length = region.TryEnd - region.TryStart, handlerLength = region.HandlerEnd - region.TryEnd;
        if (region.Caught is { } caught)
        {
            body.ExceptionRegions.AddCatch(region.TryStart, length, region.TryEnd, handlerLength, caught);
        }
        else
        {
            body.ExceptionRegions.AddFinally(region.TryStart, length, region.TryEnd, handlerLength);
        }

        return body.Offset;
    }

    /// <summary>Adds the next row of the method table. Rows belong to the type defined with the highest first row not above theirs.</summary>
    public int AddMethod(string name, BlobHandle signature, int bodyOffset, MethodImplAttributes implementation = MethodImplAttributes.IL)
    {
        metadata.AddMethodDefinition(MethodAttributes.Public | MethodAttributes.Static | MethodAttributes.HideBySig, MethodImplAttributes.IL | implementation,
            metadata.GetOrAddString(name), signature, bodyOffset, MetadataTokens.ParameterHandle(1));
        return ++methodCount;
    }

    /// <summary>Defines a static class; types must be defined in the order of their first method rows.</summary>
    public void DefineType(string name, int firstMethodRow) =>
        DefineType(assemblyName, name, firstMethodRow,
            TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed | TypeAttributes.BeforeFieldInit);

    /// <summary>Serialises the assembly; the module version id is a hash of the contents.</summary>
    public byte[] Serialize()
    {
        // PE32 for I386 without the 32-bit flag is how "any processor" is spelled.
        var pe = new ManagedPEBuilder(
            new PEHeaderBuilder(machine: Machine.I386,
                imageCharacteristics: Characteristics.Dll | Characteristics.ExecutableImage | Characteristics.LargeAddressAware),
            new MetadataRootBuilder(metadata), il, flags: CorFlags.ILOnly, deterministicIdProvider: ContentHash);
        var image = new BlobBuilder();
        var id = pe.Serialize(image);
        new BlobWriter(mvid.Content).WriteGuid(id.Guid);
        return image.ToArray();
    }

    private static BlobContentId ContentHash(IEnumerable<Blob> content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var blob in content)
        {
            hash.AppendData(blob.GetBytes());
        }

        return BlobContentId.FromHash(hash.GetHashAndReset());
    }

    private static void Encode(SignatureTypeEncoder type, char letter, AssemblyEmitter owner)
    {
        switch (letter)
        {
            case 'i':
                type.Int32();
                break;
            case 'j':
                type.Int64();
                break;
            case 'f':
                type.Single();
                break;
            case 'd':
                type.Double();
                break;
            case 'u':
                type.UInt32();
                break;
            case 'U':
                type.UInt64();
                break;
            case 'b':
                type.Byte();
                break;
            case 'w':
                type.UInt16();
                break;
            case 'p':
                type.Pointer().Byte();
                break;
            case 's':
                type.String();
                break;
            case 'x':
                type.Type(owner.Type(owner.systemRuntime, "System", "Exception"), isValueType: false);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(letter), letter, "not a signature letter");
        }
    }

    /// <summary>The signature blob of any static method: exactly the given letters.</summary>
    public BlobHandle RawSignature(string letters)
    {
        if (!signatures.TryGetValue(letters, out var handle))
        {
            var blob = new BlobBuilder();
            new BlobEncoder(blob).MethodSignature().Parameters(letters.Length - 1, out var result, out var parameters);
            if (letters[0] == 'v')
            {
                result.Void();
            }
            else
            {
                Encode(result.Type(), letters[0], this);
            }

            foreach (char c in letters.AsSpan(1))
            {
                bool isReference = c is 'B' or 'W' or 'I' or 'J';
                Encode(parameters.AddParameter().Type(isByRef: isReference), isReference ? char.ToLowerInvariant(c) : c, this);
            }

            signatures[letters] = handle = metadata.GetOrAddBlob(blob);
        }

        return handle;
    }

    private StandaloneSignatureHandle LocalSignature(IReadOnlyList<WasmType> locals)
    {
        if (locals.Count == 0)
        {
            return default;
        }

        string key = string.Create(locals.Count, locals, static (span, l) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = l[i].Letter();
            }
        });
        if (!localSignatures.TryGetValue(key, out var handle))
        {
            var blob = new BlobBuilder();
            var encoder = new BlobEncoder(blob).LocalVariableSignature(key.Length);
            foreach (char c in key)
            {
                Encode(encoder.AddVariable().Type(), c, this);
            }

            localSignatures[key] = handle = metadata.AddStandaloneSignature(metadata.GetOrAddBlob(blob));
        }

        return handle;
    }

    private void DefineType(string ns, string name, int firstMethodRow, TypeAttributes attributes) =>
        metadata.AddTypeDefinition(attributes, metadata.GetOrAddString(ns), metadata.GetOrAddString(name),
            attributes == 0 ? default(EntityHandle) : Type(systemRuntime, "System", "Object"),
            MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(firstMethodRow));

    private AssemblyReferenceHandle Assembly(string name, Version version)
    {
        if (!assemblies.TryGetValue((name, version), out var handle))
        {
            assemblies[(name, version)] = handle = metadata.AddAssemblyReference(metadata.GetOrAddString(name), version, default, default, 0, default);
        }

        return handle;
    }

    private AssemblyReferenceHandle SystemAssembly(string name)
    {
        var version = new Version(10, 0, 0, 0);
        if (!assemblies.TryGetValue((name, version), out var handle))
        {
            assemblies[(name, version)] = handle = metadata.AddAssemblyReference(
                metadata.GetOrAddString(name), version, default, metadata.GetOrAddBlob(SystemPublicKeyToken), 0, default);
        }

        return handle;
    }

    private TypeReferenceHandle Type(EntityHandle scope, string ns, string name)
    {
        if (!types.TryGetValue((scope, ns, name), out var handle))
        {
            types[(scope, ns, name)] = handle = metadata.AddTypeReference(scope, metadata.GetOrAddString(ns), metadata.GetOrAddString(name));
        }

        return handle;
    }

    private MemberReferenceHandle Member(EntityHandle type, string name, BlobHandle signature)
    {
        if (!members.TryGetValue((type, name, signature), out var handle))
        {
            members[(type, name, signature)] = handle = metadata.AddMemberReference(type, metadata.GetOrAddString(name), signature);
        }

        return handle;
    }
}

/// <summary>One try/catch, or without an exception type to catch one try/finally: the handler starts where the protected region ends.</summary>
internal readonly record struct ProtectedRegion(int TryStart, int TryEnd, int HandlerEnd, TypeReferenceHandle? Caught = null)
{
    /// <summary>Limits of the small exception header, ECMA-335 II.25.4.6.</summary>
    public bool FitsSmallForm => TryEnd <= ushort.MaxValue && TryEnd - TryStart <= byte.MaxValue && HandlerEnd - TryEnd <= byte.MaxValue;
}
