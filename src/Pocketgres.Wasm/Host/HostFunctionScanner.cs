using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;

namespace Pocketgres.Wasm.Host;

/// <summary>
/// Finds the methods marked with <c>Pocketgres.Kernel.HostFunctionAttribute</c>, or bound to a function by one of the marks of <see cref="FunctionBindingKind"/>, in one
/// assembly's metadata.
/// </summary>
internal sealed class HostFunctionScanner(MetadataReader metadata)
{
    private const string Import = "HostFunction";
    private static readonly string[] Marks =
        [Import, nameof(FunctionBindingKind.EntryHook), "FunctionReplacement", nameof(FunctionBindingKind.CallReplacement), nameof(FunctionBindingKind.StackDepthCheck)];

    public IEnumerable<HostFunction> Scan()
    {
        var assembly = metadata.GetAssemblyDefinition();
        string assemblyName = metadata.GetString(assembly.Name);
        foreach (var handle in metadata.CustomAttributes)
        {
            var attribute = metadata.GetCustomAttribute(handle);
            if (attribute.Parent.Kind != HandleKind.MethodDefinition || MarkOf(attribute) is not { } mark)
            {
                continue;
            }

            var blob = metadata.GetBlobReader(attribute.Value);
            blob.ReadUInt16(); // prolog, ECMA-335 II.23.3
            string name = blob.ReadSerializedString() ?? "";
            FunctionBinding? binding = mark switch
            {
                Import => null,
                nameof(FunctionBindingKind.EntryHook) => new(FunctionBindingKind.EntryHook, name),
                "FunctionReplacement" => new(FunctionBindingKind.Replacement, name),
                nameof(FunctionBindingKind.CallReplacement) => new(FunctionBindingKind.CallReplacement, name, blob.ReadSerializedString(), blob.ReadInt32()),
                _ => new(FunctionBindingKind.StackDepthCheck, name),
            };
            var (isMemory64, isLocked) = ReadProperties(ref blob);
            var method = metadata.GetMethodDefinition((MethodDefinitionHandle)attribute.Parent);
            var (ns, type, isPublic) = DeclaringType(method.GetDeclaringType());
            string methodName = metadata.GetString(method.Name);
            name = binding?.HostName($"{type}.{methodName}") ?? name;
            const MethodAttributes Required = MethodAttributes.Public | MethodAttributes.Static;
            if (!isPublic || (method.Attributes & (MethodAttributes.MemberAccessMask | MethodAttributes.Static)) != Required ||
                method.GetGenericParameters().Count != 0)
            {
                throw new TranslationException($"host function \"{name}\": {type}.{methodName} must be public, static and not generic, in public types");
            }

            var signature = method.DecodeSignature(LetterProvider.Instance, null);
            string letters = signature.ReturnType + string.Concat(signature.ParameterTypes.Skip(1));
            if (signature.ParameterTypes.Length == 0 || signature.ParameterTypes[0] != "p" || letters.AsSpan(1).ContainsAnyExcept("ijfd") ||
                !"vijfd".Contains(letters[0], StringComparison.Ordinal))
            {
                throw new TranslationException(
                    $"host function \"{name}\": {type}.{methodName} must take byte* and then only int, long, float and double, and return one of these or void");
            }

            yield return new HostFunction(name, assemblyName, assembly.Version, ns, type, methodName, letters, isMemory64, isLocked, binding);
        }
    }

    /// <summary>
    /// Reads the properties that a mark sets, from the number of its named arguments on (ECMA-335 II.23.3): <c>Memory64</c>, and <c>Locking</c>, whose value 0 is that
    /// the kernel's lock is taken.
    /// </summary>
    private static (bool IsMemory64, bool IsLocked) ReadProperties(ref BlobReader blob)
    {
        bool isMemory64 = false, isLocked = true;
        for (int named = blob.ReadUInt16(); named > 0; named--)
        {
            blob.ReadByte(); // a property
            var type = (SerializationTypeCode)blob.ReadByte();
            if (type == SerializationTypeCode.Enum)
            {
                blob.ReadSerializedString(); // KernelLocking, the only one
            }

            switch (blob.ReadSerializedString())
            {
                case "Memory64" when type == SerializationTypeCode.Boolean:
                    isMemory64 = blob.ReadBoolean();
                    break;
                case "Locking" when type == SerializationTypeCode.Enum:
                    isLocked = blob.ReadInt32() == 0;
                    break;
                case var property:
                    throw new TranslationException($"a mark of a host function sets a property that the build does not know: {property}");
            }
        }

        return (isMemory64, isLocked);
    }

    /// <summary>The name of the mark that an attribute is, or null.</summary>
    private string? MarkOf(CustomAttribute attribute)
    {
        EntityHandle type = attribute.Constructor.Kind switch
        {
            HandleKind.MemberReference => metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent,
            HandleKind.MethodDefinition => metadata.GetMethodDefinition((MethodDefinitionHandle)attribute.Constructor).GetDeclaringType(),
            _ => default,
        };
        (StringHandle ns, StringHandle name) = type.Kind switch
        {
            HandleKind.TypeReference when metadata.GetTypeReference((TypeReferenceHandle)type) is var r => (r.Namespace, r.Name),
            HandleKind.TypeDefinition when metadata.GetTypeDefinition((TypeDefinitionHandle)type) is var d => (d.Namespace, d.Name),
            _ => default,
        };
        return name.IsNil || !metadata.StringComparer.Equals(ns, "Pocketgres.Kernel") ? null : Array.Find(Marks, mark => metadata.StringComparer.Equals(name, mark + "Attribute"));
    }

    private (string Namespace, string Name, bool IsPublic) DeclaringType(TypeDefinitionHandle handle)
    {
        var type = metadata.GetTypeDefinition(handle);
        string name = metadata.GetString(type.Name);
        var visibility = type.Attributes & TypeAttributes.VisibilityMask;
        if (!type.IsNested)
        {
            return (metadata.GetString(type.Namespace), name, visibility == TypeAttributes.Public);
        }

        var (ns, outer, isPublic) = DeclaringType(type.GetDeclaringType());
        return (ns, outer + "+" + name, isPublic && visibility == TypeAttributes.NestedPublic);
    }

    /// <summary>Maps a signature's types to letters; anything translated code cannot pass becomes "?".</summary>
    private sealed class LetterProvider : ISignatureTypeProvider<string, object?>
    {
        public static readonly LetterProvider Instance = new();

        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode switch
        {
            PrimitiveTypeCode.Void => "v",
            PrimitiveTypeCode.Int32 => "i",
            PrimitiveTypeCode.Int64 => "j",
            PrimitiveTypeCode.Single => "f",
            PrimitiveTypeCode.Double => "d",
            PrimitiveTypeCode.Byte => "b",
            _ => "?",
        };

        public string GetPointerType(string elementType) => elementType == "b" ? "p" : "?";

        public string GetArrayType(string elementType, ArrayShape shape) => "?";

        public string GetByReferenceType(string elementType) => "?";

        public string GetFunctionPointerType(MethodSignature<string> signature) => "?";

        public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) => "?";

        public string GetGenericMethodParameter(object? genericContext, int index) => "?";

        public string GetGenericTypeParameter(object? genericContext, int index) => "?";

        public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => "?";

        public string GetPinnedType(string elementType) => "?";

        public string GetSZArrayType(string elementType) => "?";

        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => "?";

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => "?";

        public string GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => "?";
    }
}
