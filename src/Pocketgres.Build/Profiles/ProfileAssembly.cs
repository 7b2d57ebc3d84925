using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Profiles;

/// <summary>Writes the profile of one assembly's methods in the form crossgen2 reads (<c>--mibc</c>).</summary>
/// <remarks>
/// The form is an assembly whose code is data and never runs. A global method AssemblyDictionary holds, for each group of methods, the name of the
/// assembly they are from (<c>ldstr</c>) and the global method that lists them (<c>ldtoken</c>, <c>pop</c>). That one holds, for each method, <c>ldtoken</c> of it,
/// the word InstrumentationDataStart, constants, the word InstrumentationDataEnd, and <c>pop</c>. The constants of a counter: a mask of the
/// four fields that follow (all), IL offset, kind, number of data, other offset, and the data. Source: the format's description in the .NET runtime's
/// MIbcProfileParser and PgoFormat.
/// </remarks>
internal sealed class ProfileAssembly
{
    private const int AllFields = 15;
    private const int MaxStack = 8;

    private readonly MetadataReader _reader;
    private readonly MetadataBuilder _metadata = new();
    private readonly AssemblyReferenceHandle _assembly;
    private readonly Dictionary<TypeDefinitionHandle, TypeReferenceHandle> _types = [];

    private ProfileAssembly(MetadataReader reader)
    {
        _reader = reader;
        var definition = reader.GetAssemblyDefinition();
        Name = reader.GetString(definition.Name);
        _metadata.AddModule(0, _metadata.GetOrAddString("profile.mibc"), _metadata.GetOrAddGuid(Guid.Empty), default, default);
        _metadata.AddAssembly(_metadata.GetOrAddString("profile"), new Version(1, 0, 0, 0), default, default, default, AssemblyHashAlgorithm.None);
        _metadata.AddTypeDefinition(default, default, _metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        _assembly = _metadata.AddAssemblyReference(_metadata.GetOrAddString(Name), definition.Version, default, default, default, default);
    }

    private string Name { get; }

    /// <summary>Writes the profile of each assembly of a directory, <c>NAME.mibc</c>, into another. Returns the number of methods.</summary>
    public static int WriteAll(string assemblyDirectory, IReadOnlyDictionary<string, MethodProfile> profiles, string directory) =>
        Directory.EnumerateFiles(assemblyDirectory, "*.dll").Sum(a => Write(a, profiles, Path.Combine(directory, Path.GetFileNameWithoutExtension(a) + ".mibc")));

    /// <summary>Writes the profile of those methods that are in the assembly. A function's second method, which is inlined, has that of its first.</summary>
    /// <param name="assemblyPath">The assembly, IL.</param>
    /// <param name="profiles">By name of the method.</param>
    /// <param name="path">Result; not written when none of the methods is in the assembly.</param>
    /// <returns>Number of methods written.</returns>
    public static int Write(string assemblyPath, IReadOnlyDictionary<string, MethodProfile> profiles, string path)
    {
        using var file = new PEReader(File.OpenRead(assemblyPath));
        var assembly = new ProfileAssembly(file.GetMetadataReader());
        var group = new InstructionEncoder(new BlobBuilder());
        var methods = assembly._reader.MethodDefinitions.Select(assembly._reader.GetMethodDefinition).ToLookup(assembly.IsSecond);
        var found = new Dictionary<string, MethodProfile>(StringComparer.Ordinal); // of functions, by their names without type
        int written = 0;
        foreach (var method in methods[false])
        {
            if (profiles.TryGetValue(assembly.FullName(method), out var profile))
            {
                assembly.Add(group, method, profile);
                found[assembly._reader.GetString(method.Name)] = profile;
                written++;
            }
        }

        foreach (var method in methods[true])
        {
            if (found.TryGetValue(assembly._reader.GetString(method.Name), out var profile))
            {
                assembly.Add(group, method, profile);
                written++;
            }
        }

        if (written > 0)
        {
            File.WriteAllBytes(path, assembly.Serialize(group));
        }

        return written;
    }

    private bool IsSecond(MethodDefinition method) => _reader.StringComparer.Equals(_reader.GetTypeDefinition(method.GetDeclaringType()).Name, ModuleTranslator.InlinedType);

    private string FullName(MethodDefinition method)
    {
        var type = _reader.GetTypeDefinition(method.GetDeclaringType());
        return $"{_reader.GetString(type.Namespace)}.{_reader.GetString(type.Name)}.{_reader.GetString(method.Name)}";
    }

    private void Add(InstructionEncoder code, MethodDefinition method, MethodProfile profile)
    {
        // Signatures of translated methods are made of primitive types and pointers to them: they hold no tokens and can be copied.
        var reference = _metadata.AddMemberReference(
            TypeOf(method.GetDeclaringType()),
            _metadata.GetOrAddString(_reader.GetString(method.Name)),
            _metadata.GetOrAddBlob(_reader.GetBlobBytes(method.Signature)));
        LoadToken(code, reference);
        code.LoadString(_metadata.GetOrAddUserString("InstrumentationDataStart"));
        foreach (var counter in profile.Counters)
        {
            foreach (int field in (ReadOnlySpan<int>)[AllFields, counter.Offset, counter.Kind, 1, counter.Other])
            {
                code.LoadConstantI4(field);
            }

            if (counter.Value is >= int.MinValue and <= int.MaxValue)
            {
                code.LoadConstantI4((int)counter.Value);
            }
            else
            {
                code.LoadConstantI8(counter.Value);
            }
        }

        code.LoadString(_metadata.GetOrAddUserString("InstrumentationDataEnd"));
        code.OpCode(ILOpCode.Pop);
    }

    private TypeReferenceHandle TypeOf(TypeDefinitionHandle handle)
    {
        if (!_types.TryGetValue(handle, out var reference))
        {
            var type = _reader.GetTypeDefinition(handle);
            reference = _metadata.AddTypeReference(_assembly, _metadata.GetOrAddString(_reader.GetString(type.Namespace)), _metadata.GetOrAddString(_reader.GetString(type.Name)));
            _types.Add(handle, reference);
        }

        return reference;
    }

    private byte[] Serialize(InstructionEncoder group)
    {
        var bodies = new MethodBodyStreamEncoder(new BlobBuilder());
        var methods = AddGlobalMethod(bodies, Name + "_1", group);
        var dictionary = new InstructionEncoder(new BlobBuilder());
        dictionary.LoadString(_metadata.GetOrAddUserString(Name + ";"));
        LoadToken(dictionary, methods);
        dictionary.OpCode(ILOpCode.Pop);
        AddGlobalMethod(bodies, "AssemblyDictionary", dictionary);
        var image = new BlobBuilder();
        var header = new PEHeaderBuilder(imageCharacteristics: Characteristics.Dll);
        new ManagedPEBuilder(header, new MetadataRootBuilder(_metadata), bodies.Builder, deterministicIdProvider: _ => default).Serialize(image);
        return image.ToArray();
    }

    private MethodDefinitionHandle AddGlobalMethod(MethodBodyStreamEncoder bodies, string name, InstructionEncoder code)
    {
        var signature = new BlobBuilder();
        new BlobEncoder(signature).MethodSignature().Parameters(0, r => r.Void(), _ => { });
        return _metadata.AddMethodDefinition(
            MethodAttributes.Public | MethodAttributes.Static, default, _metadata.GetOrAddString(name), _metadata.GetOrAddBlob(signature), bodies.AddMethodBody(code, MaxStack), default);
    }

    private static void LoadToken(InstructionEncoder code, EntityHandle token)
    {
        code.OpCode(ILOpCode.Ldtoken);
        code.Token(token);
    }
}
